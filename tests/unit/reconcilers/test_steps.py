"""The steps of a plan as values: frozen, keyed by child, and every reason is text that a person reads."""

from dataclasses import FrozenInstanceError

import pytest

from controller.dialects import ChildKey
from controller.reconcilers.steps import Create, Delete, Keep, Patch, Reason, Recreate, Refuse, Step, Wait

LIVE = {"metadata": {"name": "a"}}
STEPS: tuple[Step, ...] = (
    Create(kind="K", name="a", reason=Reason.MISSING, desired={}),
    Patch(kind="K", name="a", reason=Reason.DIFFERS, live=LIVE, desired={}, patch={}, fields=()),
    Recreate(kind="K", name="a", reason=Reason.IMMUTABLE, live=LIVE, desired={}, fields=("spec.x",)),
    Delete(kind="K", name="a", reason=Reason.UNWANTED, live=LIVE),
    Keep(kind="K", name="a", reason=Reason.AS_DESIRED, live=LIVE),
    Wait(kind="K", name="a", reason=Reason.DELETING, live=LIVE),
    Refuse(kind="K", name="a", reason=Reason.FOREIGN, live=LIVE),
)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: type(step).__name__)
def test_a_step_is_keyed_by_its_child_and_cannot_be_changed(step: Step) -> None:
    assert step.key == ChildKey("K", "a")
    with pytest.raises(FrozenInstanceError):
        step.name = "b"  # type: ignore[misc]


def test_steps_of_different_classes_are_not_equal() -> None:
    """Keep and Delete of one child have the same fields but for the reason."""
    reason = Reason.AS_DESIRED
    assert Keep(kind="K", name="a", reason=reason, live=LIVE) != Delete(kind="K", name="a", reason=reason, live=LIVE)
    assert Keep(kind="K", name="a", reason=reason, live=LIVE) == Keep(kind="K", name="a", reason=reason, live=LIVE)


def test_no_two_reasons_read_alike() -> None:
    """A reason is shown as it stands, after the name of the child."""
    texts = [str(reason) for reason in Reason]
    assert len(set(texts)) == len(texts)
    assert all(text and not text.endswith(".") for text in texts)
