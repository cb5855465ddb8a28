"""Durations in Go's notation (``1m30s``)."""

import re
from fractions import Fraction

FORM = (
    "^-?([0-9]{1,4}([.][0-9]+)?h)?([0-9]{1,5}([.][0-9]+)?m)?([0-9]{1,7}([.][0-9]+)?s)?"
    "([0-9]{1,10}([.][0-9]+)?ms)?([0-9]{1,13}us)?([0-9]{1,16}ns)?$"
)
"""The texts that the CRD admits: the units in this order, each at most once."""

_PART = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_SECONDS = {
    "ns": Fraction(1, 10**9),
    "us": Fraction(1, 10**6),
    "µs": Fraction(1, 10**6),
    "μs": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "h": Fraction(3600),
}
_LONGEST_TEXT = 256


def parse_duration(text: str) -> Fraction | None:
    """Seconds, for every text that Go reads as a duration; None for anything else."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return Fraction(0)
    parts = _PART.findall(rest) if len(rest) <= _LONGEST_TEXT else []
    if not parts or "".join(number + unit for number, unit in parts) != rest:
        return None
    return sign * sum((Fraction(number.rstrip(".")) * _SECONDS[unit] for number, unit in parts), Fraction(0))


def is_admitted(text: str) -> bool:
    """Whether the CRD's own rule takes the text for a duration."""
    return text not in ("", "-") and re.fullmatch(FORM.removesuffix("$"), text) is not None
