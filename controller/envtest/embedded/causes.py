"""The causes of a refusal, worded as Kubernetes words them. Pure."""

import json
from collections.abc import Iterable
from typing import Any

from controller.meta.errors import Cause

SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)


def shown(value: Any) -> str:
    """A value in a message: texts in double quotes, everything else as its JSON."""
    return json.dumps(value, ensure_ascii=False)


def wrong(path: str, value: Any, text: str) -> Cause:
    """The value of a field is not allowed."""
    return Cause(path, "FieldValueInvalid", f"Invalid value: {shown(value)}: {text}")


def required(path: str, text: str = "") -> Cause:
    """A field is missing."""
    return Cause(path, "FieldValueRequired", f"Required value{': ' + text if text else ''}")


def forbidden(path: str, text: str) -> Cause:
    """A field must not be set or changed."""
    return Cause(path, "FieldValueForbidden", f"Forbidden: {text}")


def duplicate(path: str, value: Any) -> Cause:
    """A value stands twice."""
    return Cause(path, "FieldValueDuplicate", f"Duplicate value: {shown(value)}")


def unsupported(path: str, value: Any, supported: Iterable[str]) -> Cause:
    """A value is none of those that are known."""
    text = ", ".join(map(shown, supported))
    return Cause(path, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {text}")
