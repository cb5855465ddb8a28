"""The indexed store: uid before version, own writes kept, replacement in one step."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.informers import BY_OWNER, DeltaType
from controller.informers.store import Indexer
from controller.meta import NamespacedName


def obj(name: str = "a", version: int = 1, uid: str = "u", owner: str = "", namespace: str = "ns") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": str(version)}
    if owner:
        metadata["ownerReferences"] = [{"uid": owner}]
    return {"metadata": metadata}


KEY = NamespacedName("ns", "a")


def test_events_become_deltas_with_old_and_new() -> None:
    """In their order; a deletion carries the last state."""
    store = Indexer()
    added = store.apply("ADDED", obj(version=1))
    modified = store.apply("MODIFIED", obj(version=2))
    deleted = store.apply("DELETED", obj(version=3))
    assert added is not None
    assert modified is not None
    assert deleted is not None
    assert [d.type for d in (added, modified, deleted)] == [DeltaType.ADDED, DeltaType.MODIFIED, DeltaType.DELETED]
    assert modified.old == obj(version=1)
    assert deleted.object == obj(version=3)
    assert len(store) == 0


def test_an_older_or_equal_version_says_nothing_new() -> None:
    """ "10" is newer than "9", and an echo of what is there causes no work."""
    store = Indexer()
    store.apply("ADDED", obj(version=10))
    assert store.apply("MODIFIED", obj(version=9)) is None
    assert store.apply("MODIFIED", obj(version=10)) is None


def test_a_deletion_of_another_uid_does_not_hit_its_successor() -> None:
    """A late DELETED of a namesake."""
    store = Indexer()
    store.apply("ADDED", obj(version=5, uid="new"))
    assert store.apply("DELETED", obj(version=4, uid="old")) is None
    assert len(store) == 1


def test_indexes_follow_and_leave_no_empty_sets() -> None:
    """After a change of owner, and after 1,000 rounds of add and delete."""
    store = Indexer()
    store.add_index("first", lambda o: (meta.name_of(o)[:1],))
    for round_ in range(1000):
        store.apply("ADDED", obj(version=3 * round_ + 1, owner=f"o{round_}"))
        store.apply("MODIFIED", obj(version=3 * round_ + 2, owner="other"))
        assert store.by_index(BY_OWNER, f"o{round_}") == []
        assert len(store.by_index(BY_OWNER, "other")) == len(store.by_index("first", "a")) == 1
        store.apply("DELETED", obj(version=3 * round_ + 3, owner="other"))
    assert not any(store._table.indexes.values())


def test_an_index_that_is_added_late_holds_what_is_there() -> None:
    """And follows from then on. Its function is computed once for each object, and a name is taken once."""
    store = Indexer()
    store.apply("ADDED", obj(version=1, owner="o"))

    def first(o: meta.Object) -> tuple[str, ...]:
        return (meta.name_of(o)[:1],)

    store.add_index("first", first)
    store.add_index("first", first)
    assert len(store.by_index("first", "a")) == len(store.by_index(BY_OWNER, "o")) == 1
    store.apply("DELETED", obj(version=2, owner="o"))
    assert not any(store._table.indexes.values())
    with pytest.raises(ValueError, match="there is already another index 'first'"):
        store.add_index("first", lambda o: ())


def test_an_own_write_survives_an_older_list_and_an_older_event() -> None:
    """The next pass must see it, however much the watch lags."""
    store = Indexer()
    store.record(obj("a", version=20))
    store.record(obj("b", version=21, uid="b"))
    assert store.replace([obj("a", version=10)], "15") == []
    assert meta.resource_version_of(store.get(KEY) or {}) == "20"
    assert len(store) == 2
    deltas = store.replace([obj("a", version=20)], "30")
    assert [(d.type, d.final_state_unknown) for d in deltas] == [(DeltaType.DELETED, True)]


def test_an_own_deletion_is_not_undone_by_what_is_older() -> None:
    """Neither by an event nor by a list; a successor of another uid is new."""
    store = Indexer()
    store.apply("ADDED", obj(version=5))
    assert store.record_deletion(obj(version=5)) is not None
    assert store.apply("MODIFIED", obj(version=5)) is None
    assert store.replace([obj(version=5)], "4") == []
    assert store.apply("ADDED", obj(version=9, uid="next")) is not None


def test_after_a_rewind_everything_is_taken_as_listed() -> None:
    """Older versions included, and own writes of a history that is gone forgotten."""
    store = Indexer()
    store.record(obj("a", version=50))
    store.record(obj("b", version=51, uid="b"))
    deltas = store.replace([obj("a", version=7)], "9", rewound=True)
    assert {(d.type, meta.name_of(d.object)) for d in deltas} == {(DeltaType.DELETED, "b"), (DeltaType.MODIFIED, "a")}
    assert meta.resource_version_of(store.get(KEY) or {}) == "7"


def test_the_same_name_with_another_uid_is_a_deletion_and_an_addition() -> None:
    """What a list shows after a re-creation nobody watched."""
    store = Indexer()
    store.apply("ADDED", obj(version=1, uid="old"))
    deltas = store.replace([obj(version=8, uid="new")], "9")
    assert [d.type for d in deltas] == [DeltaType.DELETED, DeltaType.ADDED]


EVENTS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from("uv"), st.sampled_from(["ADDED", "MODIFIED", "DELETED"])),
    max_size=30,
)


@given(EVENTS)
def test_any_history_ends_as_a_plain_dictionary_would(history: list[tuple[str, str, str]]) -> None:
    """Played in order of versions against a model of five lines."""
    store, model = Indexer(), {}
    for version, (name, uid, type_) in enumerate(history, start=1):
        event = obj(name, version, uid)
        store.apply(type_, event)
        if type_ != "DELETED":
            model[name] = event
        elif name in model and meta.uid_of(model[name]) == uid:
            del model[name]
    assert {meta.name_of(o): o for o in store.values()} == model


def test_an_own_deletion_holds_for_every_list_that_still_shows_the_object() -> None:
    """Lists from before the deletion may come in one after the other; the first that does not show it ends the watchfulness."""
    store = Indexer()
    store.apply("ADDED", obj(version=5))
    store.record_deletion(obj(version=5))
    assert store.replace([obj(version=5)], "7") == []
    assert store.replace([obj(version=5)], "8") == []
    assert len(store) == 0
    store.replace([], "9")
    assert not store._own.tombstones


def test_after_a_rewind_the_same_version_may_be_another_state() -> None:
    """A restored server counts again from where it was: nothing that is cached can be trusted."""
    store = Indexer()
    store.apply("ADDED", obj(version=7))
    listed = {**obj(version=7), "data": {"other": "history"}}
    assert [delta.new for delta in store.replace([listed], "7", rewound=True)] == [listed]


def test_an_answer_that_comes_after_the_deletion_brings_nothing_back() -> None:
    """Our patch at 7, a deletion at 8, the watch tells of 8, then the answer 7 arrives. A new object of the name is no ghost."""
    store = Indexer()
    store.replace([obj(version=5)], "5")
    store.apply("DELETED", obj(version=8))
    assert store.record(obj(version=7)) is None
    assert len(store) == 0
    assert store.record(obj(version=9, uid="next")) is not None


def test_an_answer_that_a_list_or_bookmark_has_overtaken_brings_nothing_back() -> None:
    """The store has reached a later version without it."""
    for reach in (lambda store: store.replace([], "8"), lambda store: store.reach("8")):
        store = Indexer()
        reach(store)
        assert store.record(obj(version=8)) is None
        assert store.record(obj(version=9)) is not None


def test_a_stale_deletion_does_not_undo_a_newer_own_write() -> None:
    """It left the selection at 105, our write at 110 brought it back, the watch tells of 105; then of 120, which is the end."""
    store = Indexer()
    store.apply("ADDED", obj(version=100))
    store.record(obj(version=110))
    assert store.apply("DELETED", obj(version=105)) is None
    assert meta.resource_version_of(store.get(KEY) or {}) == "110"
    assert store.apply("DELETED", obj(version=120)) is not None
    assert len(store) == 0


def test_an_index_function_that_raises_hurts_one_object_and_is_tried_again() -> None:
    """The object is stored, found under no value of that index, and reported with the function's name."""
    failures: list[tuple[str, str]] = []
    store = Indexer(failed=lambda index, o, error: failures.append((index, meta.name_of(o))))
    broken = {"a"}

    def first(o: meta.Object) -> tuple[str, ...]:
        if meta.name_of(o) in broken:
            raise KeyError("spec")
        return (meta.name_of(o)[:1],)

    store.add_index("first", first)
    store.apply("ADDED", obj("a"))
    store.apply("ADDED", obj("b", uid="b"))
    assert failures == [("first", "a")]
    assert [meta.name_of(o) for o in store.values()] == ["a", "b"]
    assert store.by_index("first", "a") == []
    assert len(store.by_index("first", "b")) == 1
    broken.clear()
    store.retry_indexes()
    assert len(store.by_index("first", "a")) == 1


@pytest.mark.parametrize("answer", ["text", None, [["a"]], [1], 5, [{}]], ids=repr)
def test_an_index_function_that_returns_something_else_than_texts_is_a_failure(answer: Any) -> None:
    """A single text is not filed by its letters, and what cannot be a key of an index leaves the store whole."""
    failures: list[str] = []
    store = Indexer(failed=lambda index, o, error: failures.append(f"{index} {type(error).__name__}"))
    store.add_index("odd", lambda o: answer)
    store.apply("ADDED", obj("a"))
    assert failures == ["odd TypeError"]
    assert [meta.name_of(o) for o in store.values()] == ["a"]
    assert store.by_index("odd", "t") == []
    assert len(store.by_index("namespace", "ns")) == 1
    assert store.apply("DELETED", obj("a", version=2)) is not None
    assert len(store) == 0


@pytest.mark.parametrize(
    "error", [SystemExit(1), asyncio.CancelledError(), RecursionError(), StopIteration()], ids=repr
)
def test_an_index_function_may_raise_anything(error: BaseException) -> None:
    """What would end a task or the process ends neither: the function was called for one object."""
    failures: list[BaseException] = []
    store = Indexer(failed=lambda index, o, raised: failures.append(raised))

    def raising(_: meta.Object) -> tuple[str, ...]:
        raise error

    store.add_index("odd", raising)
    store.apply("ADDED", obj("a"))
    assert failures == [error]
    assert len(store) == 1


def test_a_replacement_becomes_visible_in_one_step() -> None:
    """Readers see the old state until it is committed; an index that is added meanwhile holds its objects too."""
    store = Indexer()
    store.apply("ADDED", obj("a", version=1))
    replacement = store.begin_replace()
    replacement.add(obj("b", version=2, uid="b"))
    store.add_index("name", lambda o: (meta.name_of(o),))
    assert [meta.name_of(o) for o in store.values()] == ["a"]
    deltas = store.commit(replacement, "2")
    assert [(delta.type, meta.name_of(delta.object)) for delta in deltas] == [("DELETED", "a"), ("ADDED", "b")]
    assert [meta.name_of(o) for o in store.by_index("name", "b")] == ["b"]
