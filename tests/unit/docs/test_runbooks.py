"""The runbooks keep up with what the controller reports."""

import re
from pathlib import Path

from controller.reconcilers import reasons

RUNBOOKS = Path(__file__).resolve().parents[3] / "docs" / "runbooks"
ROW = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)


def test_every_failure_has_a_row_with_its_remedy() -> None:
    """In the order in which one of several failures gives the condition its reason."""
    rows = ROW.findall((RUNBOOKS / "ModelsFailed.md").read_text(encoding="utf-8"))
    assert rows == [failure.reason for failure in reasons.FAILURES]
