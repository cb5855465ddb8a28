"""Quantities (``500m``, ``1.5Gi``, ``1e3``) by value."""

import re
from fractions import Fraction

_QUANTITY = re.compile(r"^([+-]?)(\d+\.?\d*|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)|[eE]([+-]?\d{1,3}))?$")
_SUFFIX = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "k": Fraction(10**3),
    "M": Fraction(10**6),
    "G": Fraction(10**9),
    "T": Fraction(10**12),
    "P": Fraction(10**15),
    "E": Fraction(10**18),
    "Ki": Fraction(2**10),
    "Mi": Fraction(2**20),
    "Gi": Fraction(2**30),
    "Ti": Fraction(2**40),
    "Pi": Fraction(2**50),
    "Ei": Fraction(2**60),
}


def parse_quantity(value: str | int | float) -> Fraction:
    """The exact value. Raises ValueError for what Kubernetes would not read as a quantity."""
    if isinstance(value, bool):
        raise ValueError("a boolean is not a quantity")
    if isinstance(value, int):
        return Fraction(value)
    text = repr(value) if isinstance(value, float) else value
    match = _QUANTITY.match(text) if len(text) <= 128 else None
    if match is None:
        raise ValueError(f"not a quantity: {text[:64]!r}")
    sign, digits, suffix, exponent = match.groups()
    number = Fraction(digits.rstrip(".") if digits.endswith(".") else digits)
    number *= _SUFFIX[suffix] if suffix else Fraction(10) ** int(exponent or 0)
    return -number if sign == "-" else number


def same_quantity(left: object, right: object) -> bool:
    """Whether both are quantities of the same value."""
    if not (isinstance(left, str | int | float) and isinstance(right, str | int | float)):
        return False
    try:
        return parse_quantity(left) == parse_quantity(right)
    except ValueError:
        return False
