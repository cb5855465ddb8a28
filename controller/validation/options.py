"""Rules that the operator adds to those of the API."""

from dataclasses import dataclass

from controller.dialects import E4FB6663, Dialect


@dataclass(frozen=True, slots=True)
class ValidationOptions:
    """The operator's own restrictions: host directories that hostpath:// caches must be under; none means anywhere.

    ``dialect`` is the one that the children will be in; not every dialect can express everything. ``kubernetes`` is the version of the
    cluster, major and minor; None where it is not known.
    """

    hostpath_prefixes: tuple[str, ...] = ()
    dialect: Dialect = E4FB6663
    kubernetes: tuple[int, int] | None = None
