"""Which changes are worth a reconciliation: functions from a Delta to bool, and ways to combine them.

A predicate that compares old and new lets everything pass that is not a change of an existing object, and every notice without a
change (a resync): only what is known not to matter is held back.
"""

from collections.abc import Callable

from controller.informers import Delta, DeltaType
from controller.meta import Object, annotations_of, generation_of, is_deleting, labels_of, resource_version_of, uid_of

Predicate = Callable[[Delta], bool]


def changed(part: Callable[[Object], object]) -> Predicate:
    """Passes changes of what ``part`` takes from an object, and another object of the same name."""

    def predicate(delta: Delta) -> bool:
        if delta.type is not DeltaType.MODIFIED or delta.old is None or delta.new is None or is_resync(delta):
            return True
        return uid_of(delta.old) != uid_of(delta.new) or part(delta.old) != part(delta.new)

    return predicate


def is_resync(delta: Delta) -> bool:
    """Whether the object is the same as before: the notice only says that it is still there."""
    return (
        delta.old is not None
        and delta.new is not None
        and resource_version_of(delta.old) == resource_version_of(delta.new)
    )


generation_changed: Predicate = changed(generation_of)
"""The spec changed; status, labels and annotations do not raise the generation."""

labels_changed: Predicate = changed(labels_of)
annotations_changed: Predicate = changed(annotations_of)

deletion_started: Predicate = changed(is_deleting)
"""The object got its deletion timestamp."""


def all_of(*predicates: Predicate) -> Predicate:
    """Passes what every one of them passes."""
    return lambda delta: all(predicate(delta) for predicate in predicates)


def any_of(*predicates: Predicate) -> Predicate:
    """Passes what at least one of them passes."""
    return lambda delta: any(predicate(delta) for predicate in predicates)


def not_(predicate: Predicate) -> Predicate:
    """Passes what it does not pass."""
    return lambda delta: not predicate(delta)
