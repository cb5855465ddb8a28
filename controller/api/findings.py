"""Findings: what a rule reports about a Model that breaks it."""

from dataclasses import dataclass
from typing import Literal

from controller.api.rules import Rule

INVALID = "InvalidSpec"
UNSUPPORTED = "UnsupportedBackend"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or that deserves attention (``level`` ``warning``).

    A ``terminal`` finding is one that cannot be converted into working children.
    """

    path: str
    message: str
    rule: Rule
    level: Literal["error", "warning"] = "error"
    terminal: bool = True
    reason: str = INVALID


def error(path: str, message: str, rule: Rule) -> Finding:
    """An error: the document cannot be converted."""
    return Finding(path, message, rule)


def tolerated(path: str, message: str, rule: Rule) -> Finding:
    """An error that the CRD refuses where its rules are installed, and that the controller tolerates."""
    return Finding(path, message, rule, terminal=False)


def warning(path: str, message: str, rule: Rule) -> Finding:
    """A warning: the document can be converted, and probably does not do what its author expects."""
    return Finding(path, message, rule, "warning", terminal=False)
