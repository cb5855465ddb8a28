"""The table of the kinds of children: owned fields, order, references."""

from typing import Any

import pytest

from controller.api.model import Model
from controller.dialects import DIALECTS, E4FB6663, V1, ChildKey, Dialect, value_at
from controller.dialects.kinds import Fields
from controller.dialects.routes import route_targets, routed_adapters, without_targets
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model

SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}


def a_route(*backends: dict[str, Any]) -> dict[str, Any]:
    """The rendered route of these backends."""
    return render(Model.from_object(a_model("chat", *backends)), RenderOptions())[-1]


def test_what_is_no_child_has_no_row() -> None:
    """A mistake shows at once."""
    with pytest.raises(KeyError):
        E4FB6663.kind("Pod")


def test_fields_are_the_named_paths_without_the_excluded_ones() -> None:
    """The spec itself stays as it is."""
    spec = {"a": {"b": 1, "c": 2}, "d": 3, "e": {"f": 4}}
    assert Fields((("a", "b"), ("d",), ("x", "y"))).of(spec) == {"a": {"b": 1}, "d": 3}
    assert Fields(outside=(("a", "b"), ("e",))).of(spec) == {"a": {"c": 2}, "d": 3}
    assert Fields().of(spec, outside=[("d",), ("a", "z")]) == {"a": {"b": 1, "c": 2}, "e": {"f": 4}}
    assert spec == {"a": {"b": 1, "c": 2}, "d": 3, "e": {"f": 4}}
    assert (value_at(spec, ("e", "f")), value_at(spec, ("e", "g", "h"))) == (4, None)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_what_a_rendered_child_needs_is_rendered_too(dialect: Dialect) -> None:
    """Nothing waits for a child that is never written."""
    policy = {"metrics": [{"metricName": "m", "targetValue": 8}]}
    model = Model.from_object(a_model("chat", a_backend(autoscalingPolicy=policy)))
    children = render(model, RenderOptions.of(dialect))
    keys = {ChildKey(child["kind"], child["metadata"]["name"]) for child in children}
    assert {need for child in children for need in dialect.kind(child["kind"]).needs(child)} < keys


def test_a_route_without_some_servers_keeps_the_weights_of_the_others() -> None:
    """A rule without any weight is left out with its adapter, and without the default rule there is no route."""
    route = a_route(a_backend("a", loraAdapters=[SQL]), a_backend("b", routeWeight=7), a_backend("z", routeWeight=0))
    without_a = without_targets(route, {"chat-a"})
    assert without_a is not None
    assert [rule["name"] for rule in without_a["spec"]["rules"]] == ["default"]
    assert "loraAdapters" not in without_a["spec"]
    assert without_a["spec"]["rules"][0]["targetModels"][0] == {"modelServerName": "chat-b", "weight": 7}
    assert without_targets(route, {"chat-a", "chat-b"}) is None
    assert without_targets(route, {"chat-x"}) is route


def test_a_route_names_servers_and_adapters() -> None:
    """An adapter's requests reach only the servers of its rule."""
    route = a_route(a_backend("a", loraAdapters=[SQL]), a_backend("b"))
    assert list(route_targets(route)) == ["chat-a", "chat-b"]
    assert routed_adapters(route) == {("chat-a", "sql")}
    assert (list(route_targets({})), routed_adapters({"spec": {"rules": [3]}})) == ([], set())


def test_settings_of_others_are_left_out_of_roles() -> None:
    """The number of instances is ours; what cannot be read is left as it is."""
    kind = V1.kind("ModelServing")
    spec = {"replicas": 1, "template": {"roles": [{"name": "a", "replicas": 2, "maxUnavailable": 1}], "x": 1}}
    ours = {"replicas": 1, "template": {"roles": [{"name": "a", "replicas": 2}], "x": 1}}
    assert kind.without_settings_of_others(spec) == ours
    assert spec["template"]["roles"][0]["maxUnavailable"] == 1
    for odd in ({}, {"template": None}, {"template": {"roles": ["a"]}}):
        assert kind.without_settings_of_others(odd) == odd
    assert E4FB6663.kind("ModelInfer").without_settings_of_others(spec) is spec
