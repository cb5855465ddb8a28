"""Small values: resource versions, timestamps, quantities, digests."""

from datetime import UTC, datetime
from fractions import Fraction

import pytest

from controller import meta


@pytest.mark.parametrize("text", ["", "0", "007", "x", "-1", "+1", " 1", "1 ", "1.0", "\u0661"])
def test_what_no_object_can_carry_is_no_version(text: str) -> None:
    """Requests ("" and "0"), leading zeros, signs and foreign digits are refused, and never newer."""
    with pytest.raises(ValueError, match="not a resourceVersion"):
        meta.parse_version(text)
    assert not meta.is_newer(text, "1")
    assert not meta.is_newer("1", text)


def test_versions_are_ordered_as_numbers_of_any_length() -> None:
    """ "9" is older than "10", and forty digits are newer than both."""
    assert meta.is_newer("10", "9")
    assert meta.is_newer("1" * 40, "10")
    assert not meta.is_newer("10", "10")


def test_micro_times_have_six_digits_even_when_zero() -> None:
    """The API server refuses a MicroTime without its fraction."""
    moment = datetime(2026, 1, 31, 12, 0, 0, 0, UTC)
    assert meta.format_micro_time(moment) == "2026-01-31T12:00:00.000000Z"
    assert meta.format_time(moment.timestamp()) == "2026-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.000001Z", datetime(2026, 1, 31, 12, 0, 0, 1, UTC)),
        ("2026-01-31T13:00:00.123456789+01:00", datetime(2026, 1, 31, 12, 0, 0, 123456, UTC)),
    ],
)
def test_rfc3339_times_are_read_in_utc(text: str, expected: datetime) -> None:
    """Any fraction and any zone; nanoseconds are cut to microseconds."""
    assert meta.parse_time(text) == expected


@pytest.mark.parametrize("text", ["", "2026-01-31", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00", "soon"])
def test_other_texts_are_no_times(text: str) -> None:
    """A date alone or a time without zone is refused."""
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        meta.parse_time(text)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("1000m", "1"),
        ("1Ki", 1024),
        ("1e3", "1k"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", 1),
        (1.5, "1500m"),
        ("1E", "1e18"),
    ],
)
def test_quantities_are_equal_by_value(left: object, right: object) -> None:
    """Spelling does not matter; a suffix E is exa, an exponent needs digits."""
    assert meta.same_quantity(left, right)


@pytest.mark.parametrize("value", ["", "1 Gi", "Gi", "1gi", "1e", "--1", "inf", "nan", True, float("inf"), "9" * 200])
def test_what_kubernetes_would_not_read_is_no_quantity(value: str | float) -> None:
    """Including booleans and unbounded digits."""
    with pytest.raises(ValueError, match="quantity"):
        meta.parse_quantity(value)
    assert not meta.same_quantity(value, value)


def test_negative_quantities_keep_their_sign() -> None:
    """``-1500m`` is minus one and a half."""
    assert meta.parse_quantity("-1500m") == Fraction(-3, 2)


def test_a_digest_depends_on_the_value_alone() -> None:
    """Neither key order nor the spelling of an integral number changes it; a real difference does."""
    assert meta.digest({"a": 1, "b": [8192.0]}) == meta.digest({"b": [8192], "a": 1.0})
    assert meta.digest({"a": True}) != meta.digest({"a": 1})
    assert meta.canonical_json({"b": "ü", "a": 0.5}) == '{"a":0.5,"b":"ü"}'


def test_depth_is_an_error_that_can_be_reported() -> None:
    """A document nested too deeply raises ValueError everywhere, never RecursionError."""
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError, match="deep"):
        meta.canonical_json(deep)
    with pytest.raises(ValueError, match="deep"):
        meta.jsonio.dumps(deep)
    with pytest.raises(ValueError, match="deep"):
        meta.jsonio.loads(b"[" * 100_000 + b"]" * 100_000)


@pytest.mark.parametrize("text", [b"", b"{", b"NaN", b"\xff", b'{"a":1}x'])
def test_what_is_not_json_is_refused(text: bytes) -> None:
    """Truncated, trailing, foreign or wrongly encoded input raises ValueError."""
    with pytest.raises(ValueError, match="not JSON"):
        meta.jsonio.loads(text)
