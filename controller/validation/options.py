"""What the operator adds to the rules of the API."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """The operator's own restrictions: host directories that hostpath:// caches must be under; none means anywhere."""

    hostpath_prefixes: tuple[str, ...] = ()
