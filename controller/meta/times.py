"""Timestamps as the API writes them: RFC 3339 in UTC, whole seconds for Time, exactly six fractional digits for MicroTime."""

import re
from datetime import UTC, datetime

_RFC3339 = re.compile(r"^(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d+)?([Zz]|[+-]\d\d:\d\d)$")


def _utc(moment: datetime | float) -> datetime:
    return moment.astimezone(UTC) if isinstance(moment, datetime) else datetime.fromtimestamp(moment, UTC)


def format_time(moment: datetime | float) -> str:
    """``2026-01-31T12:00:00Z`` of an aware datetime or of seconds since the epoch."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_micro_time(moment: datetime | float) -> str:
    """``2026-01-31T12:00:00.000000Z``: six digits also when they are zeros, as the API server demands."""
    return _utc(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """The aware datetime, in UTC. Raises ValueError for anything that is not RFC 3339."""
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"not an RFC 3339 time: {text[:64]!r}")
    date, time, fraction, zone = match.groups()
    fraction = (fraction or ".0")[:7]
    return datetime.fromisoformat(
        f"{date}T{time}{fraction.ljust(7, '0')}{'+00:00' if zone in 'Zz' else zone}"
    ).astimezone(UTC)
