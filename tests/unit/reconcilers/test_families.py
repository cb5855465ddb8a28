"""Which family a Model's children are in, and what is missing where there is none."""

from types import SimpleNamespace
from typing import Any

import pytest

from controller.api.annotations import DIALECT
from controller.dialects import E4FB6663, V1, Dialect
from controller.fronts import BOOSTER, MODEL_FRONT
from controller.informers import Lister
from controller.informers.store import Indexer
from controller.meta import Object
from controller.reconcilers.families import Families, Family, UnknownDialect
from tests.support.factories import a_model
from tests.support.worlds import World

OLD, NEW = E4FB6663.name, V1.name


def a_family(dialect: Dialect, *objects: Object, synced: bool = True) -> Family:
    """A family whose caches hold these objects."""
    children: Any = {}
    for resource in dialect.children:
        store = Indexer()
        for obj in objects:
            if obj["kind"] == resource.kind:
                store.apply("ADDED", obj)
        children[resource] = SimpleNamespace(lister=Lister({"": store}), has_synced=synced)
    unused: Any = None
    pods: Any = SimpleNamespace(has_synced=synced)
    return Family(dialect, children, pods, unused, unused)


def families(*members: Family) -> Families:
    found = Families()
    for member in members:
        found.add(member)
    return found


def named(dialect: str) -> dict[str, Any]:
    model = a_model("chat")
    model["metadata"]["annotations"] = {DIALECT: dialect}
    return model


def chosen(found: Families, model: Object, front: Any = MODEL_FRONT) -> str | None:
    family = found.of(model, front)
    return None if family is None else family.dialect.name


def test_without_a_word_it_is_the_oldest_there_is() -> None:
    """In whatever order they were found."""
    assert chosen(families(a_family(V1), a_family(E4FB6663)), a_model("chat")) == OLD
    assert chosen(families(a_family(V1)), a_model("chat")) == NEW
    assert chosen(families(), a_model("chat")) is None


def test_workloads_that_exist_decide_before_age() -> None:
    world = World(a_model("chat"), V1)
    world.settle()
    found = families(a_family(E4FB6663), a_family(V1, *world.children.values()))
    assert chosen(found, world.model) == NEW


def test_the_annotation_decides_before_everything_and_the_front_before_it() -> None:
    world = World(a_model("chat"), E4FB6663)
    world.settle()
    found = families(a_family(E4FB6663, *world.children.values()), a_family(V1))
    assert chosen(found, named(NEW)) == NEW
    assert chosen(found, named(OLD), BOOSTER) == NEW


def test_an_unknown_dialect_is_an_error_that_names_those_that_exist() -> None:
    with pytest.raises(UnknownDialect, match=f"'v9' is not one of {OLD}, {NEW}"):
        families(a_family(V1)).of(named("v9"), MODEL_FRONT)


def test_no_family_is_chosen_before_all_that_could_be_are_ready() -> None:
    """A workload that decides may be in the one whose caches are not filled; a named one waits only for itself."""
    found = families(a_family(E4FB6663), a_family(V1, synced=False))
    assert chosen(found, a_model("chat")) is None
    assert (chosen(found, named(OLD)), chosen(found, named(NEW))) == (OLD, None)
    family = found.of(named(OLD), MODEL_FRONT)
    assert family is not None
    assert found.others(family) == []


def test_what_is_missing_is_told_only_where_nothing_else_would_do() -> None:
    """By dialect; not for one that another can stand in for, and no longer once it was found."""
    found = families()
    found.note_missing(E4FB6663, (E4FB6663.route,))
    found.note_missing(V1, (V1.workload,))
    assert found.missing(a_model("chat"), MODEL_FRONT) == {OLD: (E4FB6663.route,), NEW: (V1.workload,)}
    assert found.missing(a_model("chat"), BOOSTER) == {NEW: (V1.workload,)}
    found.add(a_family(E4FB6663))
    assert found.missing(a_model("chat"), MODEL_FRONT) == {}
    assert found.missing(named(NEW), MODEL_FRONT) == {NEW: (V1.workload,)}
    assert found.missing(named(OLD), MODEL_FRONT) == {}
