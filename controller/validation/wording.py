"""Texts for violations of a schema: in words, where the API server would show a regular expression or a list of keys. Pure."""

import re

_NAME = "lower-case letters, digits and '-', and begin and end with a letter or a digit"
_PATTERNS = {
    r"^[0-9]+%?$": "must be a number or a percentage, such as 1 or 25%",
    "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$": f"must consist of {_NAME}",
    "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$": "must begin with a letter and consist of letters, digits, '_', ',' and ':'",
    r"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$": (
        "must be a quantity such as 500m, 2 or 16Gi"
    ),
    r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$": (
        "must be a key such as example.com/name"
    ),
}
_SCHEMES = re.compile(r"\^\(((?:[a-z0-9]+://\|?)+)\)\.\+")
_MATCH = re.compile(r"should match '(.*)'\Z", re.DOTALL)
_DUPLICATE = re.compile(r'duplicate value: \["(.*)"\]\Z', re.DOTALL)


def in_words(message: str) -> str:
    """The message of a violation without regular expressions. One whose pattern has no words here stays as it is."""
    if (found := _MATCH.search(message)) and (words := pattern_in_words(found[1])):
        return message[: found.start()] + words
    if found := _DUPLICATE.fullmatch(message):
        return f"{found[1]!r} is used twice in this list"
    return message


def pattern_in_words(pattern: str) -> str:
    """The form of texts that match; empty for a pattern that is not known."""
    if found := _SCHEMES.fullmatch(pattern):
        *most, last = found[1].split("|")
        return f"must begin with {', '.join(most)} or {last} and go on after it"
    return _PATTERNS.get(pattern, "")
