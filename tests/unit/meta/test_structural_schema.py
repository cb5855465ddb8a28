"""Structural schemas: what they refuse, in the API server's words, and what they do not know."""

from typing import Any

import pytest

from controller.meta.schema import unknown_fields, violations

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "pattern": "^[a-z$]+$", "maxLength": 5},
        "kind_of": {"type": "string", "enum": ["One", "Two"]},
        "count": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 9},
        "size": {"x-kubernetes-int-or-string": True},
        "parts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"x-kubernetes-preserve-unknown-fields": True},
    },
}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("name", "a\n", "should match"),
        ("name", "A", "Invalid value: \"A\": should match '^[a-z$]+$'"),
        ("name", "abcdef", "Too long: may not be more than 5 characters"),
        ("name", 1, "Invalid value: must be of type string"),
        ("kind_of", "Three", 'Unsupported value: "Three": supported values: "One", "Two"'),
        ("count", 0, "should be greater than or equal to 1"),
        ("count", 10, "should be less than or equal to 9"),
        ("count", 2**31, "32-bit"),
        ("count", True, "must be of type integer"),
        ("count", 1.5, "must be of type integer"),
        ("size", 1.5, "must be of type integer or string"),
        ("parts", [], "should have at least 1 items"),
        ("parts", [{"name": n} for n in "abc"], "Too many: 3: must have at most 2 items"),
        ("labels", {"a": 1}, "must be of type string"),
    ],
)
def test_what_breaks_a_schema_is_told_with_its_path(field: str, value: Any, message: str) -> None:
    """The field, and what it should have been."""
    found = [*violations({"name": "a", field: value}, SCHEMA, "spec")]
    assert any(cause.field.startswith(f"spec.{field}") and message in cause.message for cause in found)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "a$"},
        {"name": "a", "count": 9.0, "size": "1", "kind_of": "Two", "parts": [{"name": "a"}, {"name": "b"}]},
        {"name": "a", "labels": {}, "free": {"x": [1, {"y": None}]}},
    ],
)
def test_what_keeps_it_is_taken(value: dict[str, Any]) -> None:
    """Nothing is found."""
    assert [*violations(value, SCHEMA)] == []
    assert [*unknown_fields(value, SCHEMA)] == []


def test_missing_and_duplicate_parts_have_the_path_of_the_part() -> None:
    """As if it were there; and the second of two."""
    found = {cause.field: cause.message for cause in violations({"parts": [{"name": "a"}, {"name": "a"}]}, SCHEMA)}
    assert found == {"name": "Required value", "parts[1]": 'Duplicate value: ["a"]'}


def test_unknown_fields_come_with_what_is_known_in_their_place() -> None:
    """In lists too; maps and free parts know everything."""
    value = {"name": "a", "nme": "b", "parts": [{"name": "a"}, {"nam": "b"}], "labels": {"x": "y"}, "free": {"z": 1}}
    found = {field.path: (field.key, sorted(field.known)) for field in unknown_fields(value, SCHEMA)}
    assert found == {"nme": ("nme", sorted(SCHEMA["properties"])), "parts[1].nam": ("nam", ["name"])}
