"""Decide which changes are worth a reconciliation: functions from a Delta to bool, and ways to combine them.

A predicate that compares old and new state passes everything that is not a change of an existing object, and every resync: it holds back
only changes that are known not to matter.
"""

from collections.abc import Callable

from controller.informers import Delta, DeltaType
from controller.meta import Object, annotations_of, generation_of, is_deleting, labels_of, resource_version_of, uid_of

Predicate = Callable[[Delta], bool]
"""Whether a change passes. A predicate that raises lets the change pass; the failure is counted and logged."""


def changed(part: Callable[[Object], object]) -> Predicate:
    """Passes changes of what ``part`` returns for an object, and the replacement of an object by another one of its name."""

    def predicate(delta: Delta) -> bool:
        if delta.type is not DeltaType.MODIFIED or delta.old is None or delta.new is None or is_resync(delta):
            return True
        return uid_of(delta.old) != uid_of(delta.new) or part(delta.old) != part(delta.new)

    return predicate


def is_resync(delta: Delta) -> bool:
    """Whether the object did not change: the source replays it because its sync period has passed."""
    return (
        delta.old is not None
        and delta.new is not None
        and resource_version_of(delta.old) == resource_version_of(delta.new)
    )


generation_changed: Predicate = changed(generation_of)
"""Passes changes of the spec; status, labels and annotations do not raise the generation."""

labels_changed: Predicate = changed(labels_of)
"""Passes changes of labels."""

annotations_changed: Predicate = changed(annotations_of)
"""Passes changes of annotations."""

deletion_started: Predicate = changed(is_deleting)
"""Passes the change that sets the deletion timestamp."""


def all_of(*predicates: Predicate) -> Predicate:
    """Passes what all of them pass."""
    return lambda delta: all(predicate(delta) for predicate in predicates)


def any_of(*predicates: Predicate) -> Predicate:
    """Passes what at least one of them passes."""
    return lambda delta: any(predicate(delta) for predicate in predicates)


def not_(predicate: Predicate) -> Predicate:
    """Passes what the predicate does not pass."""
    return lambda delta: not predicate(delta)
