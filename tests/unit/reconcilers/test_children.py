"""The table of the kinds of children: owned fields, order, references."""

from typing import Any

import pytest

from controller.api.kinds import ALL_CHILDREN
from controller.api.model import Model
from controller.reconcilers.children import (
    CHILD_KINDS,
    ChildKey,
    Fields,
    kind_of,
    route_targets,
    routed_adapters,
    value_at,
    without_targets,
)
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model

SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}


def a_route(*backends: dict[str, Any]) -> dict[str, Any]:
    """The rendered route of these backends."""
    return render(Model.from_object(a_model("chat", *backends)), RenderOptions())[-1]


def test_every_kind_of_child_has_a_row() -> None:
    """And only they."""
    assert {kind.resource for kind in CHILD_KINDS.values()} == set(ALL_CHILDREN)
    with pytest.raises(KeyError):
        kind_of({"kind": "Pod"})


def test_fields_are_the_named_paths_without_the_excluded_ones() -> None:
    """The spec itself stays as it is."""
    spec = {"a": {"b": 1, "c": 2}, "d": 3, "e": {"f": 4}}
    assert Fields((("a", "b"), ("d",), ("x", "y"))).of(spec) == {"a": {"b": 1}, "d": 3}
    assert Fields(outside=(("a", "b"), ("e",))).of(spec) == {"a": {"c": 2}, "d": 3}
    assert Fields().of(spec, outside=[("d",), ("a", "z")]) == {"a": {"b": 1, "c": 2}, "e": {"f": 4}}
    assert spec == {"a": {"b": 1, "c": 2}, "d": 3, "e": {"f": 4}}
    assert (value_at(spec, ("e", "f")), value_at(spec, ("e", "g", "h"))) == (4, None)


def test_what_a_rendered_child_needs_is_rendered_too() -> None:
    """Nothing waits for a child that is never written."""
    policy = {"metrics": [{"metricName": "m", "targetValue": 8}]}
    children = render(Model.from_object(a_model("chat", a_backend(autoscalingPolicy=policy))), RenderOptions())
    keys = {ChildKey(child["kind"], child["metadata"]["name"]) for child in children}
    assert {need for child in children for need in kind_of(child).needs(child)} < keys


def test_a_route_without_some_servers_keeps_the_weights_of_the_others() -> None:
    """A rule without any weight is left out with its adapter, and without the default rule there is no route."""
    route = a_route(a_backend("a", loraAdapters=[SQL]), a_backend("b", routeWeight=7), a_backend("z", routeWeight=0))
    without_a = without_targets(route, {"chat-a"})
    assert without_a is not None
    assert [rule["name"] for rule in without_a["spec"]["rules"]] == ["default"]
    assert "loraAdapters" not in without_a["spec"]
    assert without_a["spec"]["rules"][0]["targetModels"][0] == {"modelServerName": "chat-b", "weight": 7}
    assert without_a["metadata"]["labels"] != route["metadata"]["labels"]
    assert without_targets(route, {"chat-a", "chat-b"}) is None
    assert without_targets(route, {"chat-x"}) is route


def test_a_route_names_servers_and_adapters() -> None:
    """An adapter's requests reach only the servers of its rule."""
    route = a_route(a_backend("a", loraAdapters=[SQL]), a_backend("b"))
    assert list(route_targets(route)) == ["chat-a", "chat-b"]
    assert routed_adapters(route) == {("chat-a", "sql")}
    assert (list(route_targets({})), routed_adapters({"spec": {"rules": [3]}})) == ([], set())
