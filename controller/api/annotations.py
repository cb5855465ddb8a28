"""Annotations by which a Model's owner speaks to the controller, beside the spec."""

_PREFIX = "registry.volcano.sh/"

REFRESH = f"{_PREFIX}refresh"
"""Free text; a change asks for the pod templates that would be rendered today."""
PAUSED = f"{_PREFIX}paused"
"""``true`` keeps the controller from writing anything but the status."""
DIALECT = f"{_PREFIX}dialect"
"""The name of the dialect that the Model's children are in. The controller writes it once; a change moves the Model."""

OWNERS = (REFRESH, PAUSED)
"""Those that are the owner's alone."""


def under(prefix: str, annotation: str) -> str:
    """The same annotation on a kind whose annotations have another prefix."""
    return prefix + annotation.removeprefix(_PREFIX)
