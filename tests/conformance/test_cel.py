"""CEL rules of CRDs."""

from typing import Any

import pytest

from tests.support.conformance_api import APPLY, MERGE, Api
from tests.support.widgets import GROUP, widget_crd

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
TEXT, NUMBER, FLAG = {"type": "string", "maxLength": 20}, {"type": "integer"}, {"type": "boolean"}
ITEM = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": TEXT, "weight": NUMBER},
    "x-kubernetes-validations": [{"rule": "!has(self.weight) || self.weight < 100", "reason": "FieldValueForbidden"}],
}
PROPERTIES = {
    "min": NUMBER,
    "max": NUMBER,
    "memory": TEXT,
    "wait": TEXT,
    "fixed": {**TEXT, "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "fixed cannot change"}]},
    "flag": FLAG,
    "words": {"type": "array", "maxItems": 3, "items": TEXT},
    "items": {
        "type": "array",
        "maxItems": 3,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
        "items": ITEM,
    },
}
RULES = [
    {
        "rule": "!has(self.min) || !has(self.max) || self.min <= self.max",
        "messageExpression": "self.max > 1 ? 'max is small' : 'max is tiny'",
    },
    {"rule": "!has(self.memory) || (isQuantity(self.memory) && quantity(self.memory).isGreaterThan(quantity('1Gi')))"},
    {"rule": "!has(self.wait) || duration(self.wait) <= duration('1h')", "fieldPath": ".wait"},
    {"rule": "!has(self.words) || self.words.all(w, w.matches('^[a-z]+$') && !w.startsWith('x'))"},
    {"rule": "!has(self.words) || self.words.exists_one(w, w == 'key')"},
    {"rule": "!has(self.items) || self.items.map(i, has(i.weight) ? i.weight : 1).sum() > 0"},
    {"rule": "!has(oldSelf.flag) || has(self.flag)", "message": "flag stays"},
]
SPEC = {"type": "object", "properties": PROPERTIES, "x-kubernetes-validations": RULES}


@pytest.fixture
async def gears(api: Api, namespace: str) -> str:
    """The path of Gears, whose CRD has rules."""
    crd = widget_crd("Gear", spec=SPEC)
    del crd["spec"]["versions"][0]["selectableFields"]
    created = await api.post(CRDS, crd)
    assert created.code in (201, 409), created.body
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/gears"
    while (await api.get(path)).code == 404:
        pass
    return path


def a_gear(**spec: Any) -> dict[str, Any]:
    """A Gear."""
    return {"apiVersion": f"{GROUP}/v1", "kind": "Gear", "metadata": {"name": "one"}, "spec": spec}


@pytest.mark.parametrize(
    ("spec", "causes"),
    [
        ({}, set()),
        ({"min": 1, "max": 2}, set()),
        ({"min": 3, "max": 2}, {("FieldValueInvalid", "spec")}),
        ({"memory": "2Gi"}, set()),
        ({"memory": "1Gi"}, {("FieldValueInvalid", "spec")}),
        ({"memory": "much"}, {("FieldValueInvalid", "spec")}),
        ({"wait": "59m"}, set()),
        ({"wait": "2h"}, {("FieldValueInvalid", "spec.wait")}),
        ({"wait": "later"}, {("FieldValueInvalid", "spec")}),
        ({"words": ["key", "other"]}, set()),
        ({"words": ["key", "Other"]}, {("FieldValueInvalid", "spec")}),
        ({"words": ["key", "key"]}, {("FieldValueInvalid", "spec")}),
        ({"items": [{"name": "a", "weight": 5}]}, set()),
        ({"items": [{"name": "a", "weight": 0}]}, {("FieldValueInvalid", "spec")}),
        ({"items": [{"name": "a", "weight": 100}]}, {("FieldValueForbidden", "spec.items")}),
        ({"fixed": "a"}, set()),
    ],
)
async def test_rules_decide(api: Api, gears: str, spec: dict[str, Any], causes: set[tuple[str, str]]) -> None:
    answer = await api.post(gears, a_gear(**spec), dryRun="All")
    assert answer.code == (422 if causes else 201), answer.body
    assert not causes or answer.causes == causes


async def test_transition_rules_compare_with_what_was(api: Api, gears: str) -> None:
    await api.post(gears, a_gear(fixed="a", flag=True))
    changed = await api.patch(f"{gears}/one", {"spec": {"fixed": "b"}})
    assert changed.causes == {("FieldValueInvalid", "spec.fixed")}
    assert "fixed cannot change" in changed.body["message"]
    assert "flag stays" in (await api.patch(f"{gears}/one", {"spec": {"flag": None}})).body["message"]
    assert (await api.patch(f"{gears}/one", {"spec": {"min": 1}}, MERGE)).code == 200
    applied = await api.patch(f"{gears}/one", a_gear(fixed="c"), APPLY, fieldManager="me", force="true")
    assert applied.outcome == "422 Invalid"


async def test_the_message_can_be_computed(api: Api, gears: str) -> None:
    answer = await api.post(gears, a_gear(min=3, max=2))
    assert "max is small" in answer.body["message"]


async def test_a_rule_that_does_not_parse_is_refused(api: Api) -> None:
    crd = widget_crd("Broken", spec={"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]})
    del crd["spec"]["versions"][0]["selectableFields"]
    assert (await api.post(CRDS, crd)).outcome == "422 Invalid"
