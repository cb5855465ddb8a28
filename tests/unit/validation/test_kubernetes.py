"""Rules of pods that no Model of the table breaks alone."""

from controller.dialects import V1
from controller.validation import ValidationOptions, validate
from controller.validation.kubernetes import annotations
from tests.support.factories import a_backend, a_model


def test_annotations_are_named_as_labels_are_and_bounded() -> None:
    """Upper case is allowed, blanks are not; all of them have at most 256 KiB."""
    assert list(annotations({"example.com/Queue": "a b", "x": ""})) == []
    assert [where for where, _ in annotations({"a b": "x"})] == [".a b"]
    assert [where for where, _ in annotations({"a": "x" * 256 * 1024})] == [""]


def test_annotations_are_fine_where_the_workloads_controller_takes_them() -> None:
    """Today's does."""
    model = a_model("chat", a_backend(annotations={"example.com/queue": "research"}))
    assert validate(model, ValidationOptions(dialect=V1)) == []
    assert [finding.rule for finding in validate(model)] == ["pod-annotations"]
