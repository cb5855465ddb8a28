"""Structural schemas at work: pruning, defaults, validation, and how loudly unknown fields are told."""

from typing import Any

import pytest

from tests.support.conformance_api import Api
from tests.support.widgets import a_widget


@pytest.mark.parametrize(
    ("spec", "stored"),
    [
        pytest.param({}, {"size": 1}, id="default"),
        pytest.param({"size": None, "color": None}, {"size": 1}, id="null is absent"),
        pytest.param({"maybe": None}, {"size": 1, "maybe": None}, id="nullable null stays"),
        pytest.param({"size": 2, "unknown": {"a": 1}}, {"size": 2}, id="unknown field"),
        pytest.param({"free": {"a": None, "b": [1, "x"]}}, {"size": 1, "free": {"a": None, "b": [1, "x"]}}, id="free"),
        pytest.param(
            {"ports": [{"name": "a"}, {"name": "b", "port": 1, "host": "x"}]},
            {"size": 1, "ports": [{"name": "a", "port": 80}, {"name": "b", "port": 1}]},
            id="inside a list",
        ),
        pytest.param({"size": 2.0, "free": {"a": 1.0}}, {"size": 2, "free": {"a": 1}}, id="whole numbers"),
        pytest.param({"amount": "10Gi"}, {"size": 1, "amount": "10Gi"}, id="text for a quantity"),
        pytest.param(
            {"when": "2026-01-01T00:00:00+01:00"}, {"size": 1, "when": "2026-01-01T00:00:00+01:00"}, id="time"
        ),
        pytest.param({"amount": 10}, {"size": 1, "amount": 10}, id="number for a quantity"),
    ],
)
async def test_what_is_stored(api: Api, widgets: str, spec: Any, stored: Any) -> None:
    answer = await api.post(widgets, a_widget(spec=spec))
    assert answer.body["spec"] == stored
    assert (await api.get(f"{widgets}/one")).body["spec"] == stored


@pytest.mark.parametrize(
    ("spec", "cause"),
    [
        pytest.param({"size": "2"}, ("FieldValueTypeInvalid", "spec.size"), id="text for a number"),
        pytest.param({"size": 1.5}, ("FieldValueTypeInvalid", "spec.size"), id="fraction for a whole number"),
        pytest.param({"size": True}, ("FieldValueTypeInvalid", "spec.size"), id="boolean for a number"),
        pytest.param({"size": 11}, ("FieldValueInvalid", "spec.size"), id="too large"),
        pytest.param({"size": -1}, ("FieldValueInvalid", "spec.size"), id="too small"),
        pytest.param({"color": "green"}, ("FieldValueNotSupported", "spec.color"), id="not in the enum"),
        pytest.param({"label": "AB"}, ("FieldValueInvalid", "spec.label"), id="pattern"),
        pytest.param({"label": "ab\n"}, ("FieldValueInvalid", "spec.label"), id="pattern to the very end"),
        pytest.param({"label": "a"}, ("FieldValueInvalid", "spec.label"), id="too short"),
        pytest.param({"label": "abcdef"}, ("FieldValueTooLong", "spec.label"), id="too long"),
        pytest.param({"when": "noon"}, ("FieldValueTypeInvalid", "spec.when"), id="no time"),
        pytest.param({"amount": 1.5}, ("FieldValueTypeInvalid", "spec.amount"), id="fraction for a quantity"),
        pytest.param({"free": []}, ("FieldValueTypeInvalid", "spec.free"), id="list for an object"),
        pytest.param({"tags": ["a", "b", "c"]}, ("FieldValueTooMany", "spec.tags"), id="too many items"),
        pytest.param({"tags": ["a", "a"]}, ("FieldValueDuplicate", "spec.tags"), id="twice in a set"),
        pytest.param({"ports": [{"port": 1}]}, ("FieldValueRequired", "spec.ports.name"), id="required"),
        pytest.param({"ports": [{"name": "a"}] * 2}, ("FieldValueDuplicate", "spec.ports"), id="twice in a map list"),
    ],
)
async def test_what_is_refused(api: Api, widgets: str, spec: Any, cause: tuple[str, str]) -> None:
    answer = await api.post(widgets, a_widget(spec=spec))
    assert answer.outcome == "422 Invalid"
    assert cause in answer.causes
    await api.post(widgets, a_widget())
    assert (await api.patch(f"{widgets}/one", {"spec": spec})).outcome == "422 Invalid"


async def test_a_status_has_a_schema_too(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget())
    refused = await api.patch(f"{widgets}/one/status", {"status": {"ready": "yes"}})
    assert refused.outcome == "422 Invalid"
    answer = await api.patch(f"{widgets}/one/status", {"status": {"ready": True, "unknown": 1}})
    assert answer.body["status"] == {"ready": True}


@pytest.mark.parametrize(
    ("validation", "outcome", "warnings"),
    [({}, "201", 2), ({"fieldValidation": "Warn"}, "201", 2), ({"fieldValidation": "Ignore"}, "201", 0)],
)
async def test_unknown_fields_are_dropped_and_warned_about(
    api: Api, widgets: str, validation: dict[str, str], outcome: str, warnings: int
) -> None:
    widget = a_widget(spec={"unknown": 1}, metadata={"unknown": 1})
    answer = await api.post(widgets, widget, **validation)
    assert answer.outcome == outcome
    assert len(answer.warnings) == warnings
    assert answer.body["spec"] == {"size": 1}
    assert "unknown" not in answer.body["metadata"]


async def test_strict_validation_refuses_unknown_fields(api: Api, widgets: str) -> None:
    strict = {"fieldValidation": "Strict"}
    unknown = a_widget(spec={"unknown": 1})
    assert (await api.post(widgets, unknown, **strict)).outcome == "400 BadRequest"
    stored = (await api.post(widgets, a_widget(), **strict)).body
    assert (await api.put(f"{widgets}/one", {**stored, "spec": {"unknown": 1}}, **strict)).outcome == "400 BadRequest"
    assert (await api.patch(f"{widgets}/one", {"spec": {"unknown": 1}}, **strict)).outcome == "422 Invalid"
    assert (await api.get(f"{widgets}/one")).body == stored
