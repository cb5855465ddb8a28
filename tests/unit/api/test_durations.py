"""Durations as Go reads them, and those that the CRD admits."""

from fractions import Fraction

import pytest

from controller.api.durations import is_admitted, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds", "admitted"),
    [
        ("0s", 0, True),
        ("15s", 15, True),
        ("1m30s", 90, True),
        ("1.5h", 5400, True),
        ("1h2m3s4ms5us6ns", Fraction("3723.004005006"), True),
        ("-1s", -1, True),
        ("-0s", 0, True),
        ("0", 0, False),
        ("+5s", 5, False),
        (".5s", Fraction(1, 2), False),
        ("1.s", 1, False),
        ("1s1m", 61, False),
        ("1s1s", 2, False),
        ("1µs", Fraction(1, 10**6), False),
        ("1.5us", Fraction(3, 2 * 10**6), False),
        ("00000001s", 1, False),
        ("", None, False),
        ("-", None, False),
        ("s", None, False),
        (".s", None, False),
        ("1", None, False),
        ("1 s", None, False),
        ("1s ", None, False),
        ("1s\n", None, False),
        ("1S", None, False),
        ("1d", None, False),
        ("\u0661s", None, False),
        ("soon", None, False),
        ("1s" * 10_000, None, False),
    ],
)
def test_a_text_as_a_duration(text: str, seconds: int | Fraction | None, admitted: bool) -> None:
    """Seconds, exactly; and whether the API server would take the text."""
    assert parse_duration(text) == seconds
    assert is_admitted(text) == admitted
