"""Annotations by which a Model's owner speaks to the controller, beside the spec."""

_PREFIX = "registry.volcano.sh/"

REFRESH = f"{_PREFIX}refresh"
"""Free text; a change asks for the pod templates that would be rendered today."""
PAUSED = f"{_PREFIX}paused"
"""``true`` keeps the controller from writing anything but the status."""
HANDOVER_TIMEOUT = f"{_PREFIX}handover-timeout"
"""How long a backend that is no longer wanted goes on serving while no other one does, such as ``10m``; ``0s`` for not at all."""
DIALECT = f"{_PREFIX}dialect"
"""The name of the dialect that the Model's children are in. The controller writes it once; a change moves the Model."""

OWNERS = (REFRESH, PAUSED, HANDOVER_TIMEOUT)
"""Those that are the owner's alone."""


def under(prefix: str, annotation: str) -> str:
    """The same annotation on a kind whose annotations have another prefix."""
    return prefix + annotation.removeprefix(_PREFIX)
