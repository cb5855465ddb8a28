"""Resource versions: decimal numbers without leading zeros, comparable only within one resource type."""

_DIGITS = 4000


def parse_version(text: str) -> int:
    """The number behind a stored resourceVersion.

    Raises ValueError for everything that an object cannot carry: ``""`` and ``"0"`` are requests, not versions; leading zeros, signs,
    blanks and letters never occur.
    """
    if not (text.isascii() and text.isdigit()) or text[0] == "0" or len(text) > _DIGITS:
        raise ValueError(f"not a resourceVersion: {text[:64]!r}")
    return int(text)


def is_newer(candidate: str, current: str) -> bool:
    """Whether ``candidate`` is a later version than ``current``; False if either is not a version."""
    try:
        return parse_version(candidate) > parse_version(current)
    except ValueError:
        return False
