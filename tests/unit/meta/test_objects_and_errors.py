"""Accessors on any JSON, owners, conditions, selectors and the translation of errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.meta import errors

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metadata", "name", "labels", "ownerReferences", "generation", "status", "conditions"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status"]), JSON))
def test_accessors_never_raise(obj: dict[str, object]) -> None:
    """Whatever stands where a part should be, the answer has the right type."""
    assert isinstance(meta.name_of(obj), str)
    assert isinstance(meta.generation_of(obj), int)
    assert all(isinstance(reference, dict) for reference in meta.owner_references_of(obj))
    assert not meta.is_condition_true(obj, "Nothing")
    meta.controller_of(obj)
    meta.labels_of(obj)


def test_the_controller_is_the_reference_that_says_so() -> None:
    """Not simply the first one; and no object is controlled by an empty uid."""
    model = meta.Resource("g", "v1", "models", "Model")
    owner = {"metadata": {"name": "m", "uid": "u"}}
    reference = meta.controller_reference(owner, model)
    child = {"metadata": {"ownerReferences": [{"kind": "Other", "uid": "x"}, reference]}}
    assert meta.controller_of(child) == reference
    assert meta.is_controlled_by(child, "u")
    assert not meta.is_controlled_by({"metadata": {"ownerReferences": [{"controller": True}]}}, "")


def test_a_condition_keeps_its_transition_time_until_its_status_changes() -> None:
    """A new message alone does not move it; foreign types survive in place."""
    first = meta.set_condition(
        [{"type": "Theirs", "status": "True"}],
        type="Ours",
        status="False",
        reason="A",
        message="a",
        observed_generation=1,
        now="t1",
    )
    second = meta.set_condition(
        first, type="Ours", status="False", reason="B", message="b", observed_generation=2, now="t2"
    )
    third = meta.set_condition(
        second, type="Ours", status="True", reason="B", message="b", observed_generation=2, now="t3"
    )
    assert [condition["type"] for condition in third] == ["Theirs", "Ours"]
    assert second[1]["lastTransitionTime"] == "t1"
    assert second[1]["message"] == "b"
    assert third[1]["lastTransitionTime"] == "t3"
    assert first[1]["reason"] == "A"


@pytest.mark.parametrize(
    ("selector", "matching", "other"),
    [
        ("a=b", {"a": "b"}, {"a": "c"}),
        ("a==b,c!=d", {"a": "b"}, {"a": "b", "c": "d"}),
        ("a in (b, c)", {"a": "c"}, {"a": "d"}),
        ("a notin (b,c)", {}, {"a": "b"}),
        ("x.io/a", {"x.io/a": ""}, {"a": ""}),
        ("!a", {"b": ""}, {"a": ""}),
        ("a=", {"a": ""}, {}),
    ],
)
def test_label_selectors(selector: str, matching: dict[str, str], other: dict[str, str]) -> None:
    """Every operator, with an example on each side."""
    parsed = meta.LabelSelector.parse(selector)
    assert parsed.matches(matching)
    assert not parsed.matches(other)


@pytest.mark.parametrize("text", ["a=b,", "a in b", "=", "a=b c", "a in (b", "-a"])
def test_malformed_label_selectors_are_refused(text: str) -> None:
    """With a message that shows the part."""
    with pytest.raises(ValueError, match="requirement"):
        meta.LabelSelector.parse(text)


def test_field_selectors_read_paths_as_text() -> None:
    """Missing fields are empty, booleans are spelled as in JSON."""
    selector = meta.FieldSelector.parse("metadata.name=x,status.phase!=Running,spec.on=true")
    assert selector.matches({"metadata": {"name": "x"}, "spec": {"on": True}})
    assert not selector.matches({"metadata": {"name": "x"}, "spec": {"on": True}, "status": {"phase": "Running"}})


@pytest.mark.parametrize(
    ("code", "body", "kind", "reason"),
    [
        (409, {"reason": "AlreadyExists"}, errors.AlreadyExists, "AlreadyExists"),
        (409, {"reason": "Conflict"}, errors.Conflict, "Conflict"),
        (410, {"reason": "Expired"}, errors.Gone, "Expired"),
        (404, "404 page not found\n", errors.NotFound, "NotFound"),
        (502, b"<html>bad gateway", errors.ServiceUnavailable, "ServiceUnavailable"),
        (500, b"", errors.InternalError, "InternalError"),
        (599, b"\xff{", errors.InternalError, "InternalError"),
        (418, b'{"kind":"Pot"}', errors.StatusError, "Unknown"),
    ],
)
def test_an_answer_becomes_the_error_of_its_meaning(
    code: int, body: dict[str, str] | str | bytes, kind: type, reason: str
) -> None:
    """By code and reason, whatever the body is; the same code has two opposite meanings."""
    error = errors.status_error(code, body)
    assert type(error) is kind
    assert error.reason == reason
    assert error.http_code == code
    assert error.message


def test_the_header_wins_over_the_body_for_retry_after() -> None:
    """And the body's value is used where there is no header."""
    body = {"details": {"retryAfterSeconds": 7, "causes": [{"reason": "R", "field": "f", "message": "m"}, 1]}}
    assert errors.status_error(429, body, 2.0).retry_after == 2.0
    error = errors.status_error(429, body)
    assert error.retry_after == 7.0
    assert error.has_cause("R")
    assert errors.to_status(error)["details"]["retryAfterSeconds"] == 7


def test_only_what_time_can_heal_is_transient() -> None:
    """No answer, 429 and 5xx; not 501, not a refusal."""
    assert errors.is_transient(errors.TransportError("reset"))
    assert errors.is_transient(errors.status_error(429, ""))
    assert errors.is_transient(errors.status_error(503, ""))
    assert not errors.is_transient(errors.status_error(501, ""))
    assert not errors.is_transient(errors.status_error(422, ""))
