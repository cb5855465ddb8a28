"""Quantities in the form that the API server stores: the largest unit that leaves a whole number. Pure."""

import re
from fractions import Fraction

from controller.meta.quantity import parse_quantity

_PARTS = re.compile(r"[+-]?[\d.]+(.*)")
_BINARY = ("Ei", "Pi", "Ti", "Gi", "Mi", "Ki")
_DECIMAL = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9))


def canonical(value: str | int | float) -> str:
    """The quantity as it is stored: ``1000m`` is ``1``, ``1024Mi`` is ``1Gi``. Raises ValueError for what is none."""
    text = str(value)
    number = parse_quantity(value)
    match = _PARTS.match(text)
    suffix = match[1] if match else ""
    if suffix in _BINARY and (abs(number) >= 1024 or number == 0):
        for power, unit in zip(range(6, 0, -1), _BINARY, strict=True):
            if (scaled := number / 1024**power).denominator == 1:
                return f"{scaled}{unit}" if scaled else "0"
        if number.denominator == 1:
            return str(number)
    if suffix[:1] in ("e", "E") and len(suffix) > 1:
        return _scientific(number)
    return _decimal(number)


def _decimal(number: Fraction) -> str:
    if number == 0:
        return "0"
    for unit, power in _DECIMAL:
        scaled = number / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled}{unit}"
    nano = number * 10**9
    return f"{-(-nano.numerator // nano.denominator)}n"


def _scientific(number: Fraction) -> str:
    if number == 0:
        return "0"
    for _, power in _DECIMAL:
        scaled = number / Fraction(10) ** power
        if scaled.denominator == 1:
            return f"{scaled}e{power}" if power else str(scaled)
    return _decimal(number)
