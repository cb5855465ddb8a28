"""Findings: what a rule reports about a Model that breaks it."""

from dataclasses import dataclass
from typing import Literal

INVALID = "InvalidSpec"
UNSUPPORTED = "UnsupportedBackend"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that deserves attention (``level`` ``warning``).

    ``rule`` is a short name for tests and tools. A ``terminal`` finding is one that cannot be converted into working children.
    """

    path: str
    message: str
    level: Literal["error", "warning"] = "error"
    rule: str = ""
    terminal: bool = True
    reason: str = INVALID


def error(path: str, message: str, rule: str) -> Finding:
    """An error: the document cannot be converted."""
    return Finding(path, message, rule=rule)


def tolerated(path: str, message: str, rule: str) -> Finding:
    """What the CRD's own rules refuse, and the controller lives with."""
    return Finding(path, message, rule=rule, terminal=False)


def warning(path: str, message: str, rule: str) -> Finding:
    """What deserves attention."""
    return Finding(path, message, level="warning", rule=rule, terminal=False)
