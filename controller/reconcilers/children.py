"""The keys of desired children, and the optional fields and annotations that a child remembers to have had."""

from typing import Any

from controller import meta
from controller.dialects import ChildKey, Dialect, Path, value_at
from controller.meta import Object


def key_of(child: Object) -> ChildKey:
    """The key of a desired child."""
    return ChildKey(str(child["kind"]), meta.name_of(child))


def with_owned_fields(child: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The desired child, which remembers in an annotation the optional fields and annotations that it has: so they can be removed again."""
    kind = dialect.kind(str(child["kind"]))
    paths = [".".join(path) for path in kind.owned.if_desired if _has(child, path)]
    paths += [key for key in kind.passed_on if key in meta.annotations_of(child)]
    if not paths:
        return child
    annotations = {**meta.annotations_of(child), dialect.keys.owned_fields: ",".join(paths)}
    return {**child, "metadata": {**child["metadata"], "annotations": annotations}}


def fields_to_remove(dialect: Dialect, desired: Object, live: Object) -> tuple[Path, ...]:
    """The optional fields of ``live`` that the controller wrote, by its annotation, and that are no longer desired."""
    named = meta.annotations_of(live).get(dialect.keys.owned_fields, "").split(",")
    optional = dialect.kind(str(desired["kind"])).owned.if_desired
    written = (path for path in optional if ".".join(path) in named)
    return tuple(path for path in written if _has(live, path) and not _has(desired, path))


def annotations_to_remove(dialect: Dialect, desired: Object, live: Object) -> tuple[str, ...]:
    """The same of the annotations that are passed on from the Model."""
    named = meta.annotations_of(live).get(dialect.keys.owned_fields, "").split(",")
    passed_on = dialect.kind(str(desired["kind"])).passed_on
    return tuple(key for key in passed_on if key in named and key not in meta.annotations_of(desired))


def _has(child: Object, path: Path) -> bool:
    return value_at(meta.spec_of(child), path) is not None
