"""Status conditions: a list of mappings with one entry per type. Foreign types are kept where they stand."""

from collections.abc import Iterable
from typing import Any

from controller.meta.objects import Object, status_of


def conditions_of(obj: Object) -> tuple[Object, ...]:
    """The well-formed entries of ``status.conditions``."""
    conditions = status_of(obj).get("conditions")
    if not isinstance(conditions, list | tuple):
        return ()
    return tuple(condition for condition in conditions if isinstance(condition, dict))


def find_condition(conditions: Iterable[Object], type_: str) -> Object | None:
    """The condition of this type, or None."""
    return next((condition for condition in conditions if condition.get("type") == type_), None)


def is_condition_true(obj: Object, type_: str) -> bool:
    """Whether the object's condition of this type has status ``True``."""
    condition = find_condition(conditions_of(obj), type_)
    return condition is not None and condition.get("status") == "True"


def set_condition(
    conditions: Iterable[Object],
    *,
    type: str,
    status: str,
    reason: str,
    message: str,
    observed_generation: int,
    now: str,
) -> list[dict[str, Any]]:
    """A new list in which the condition of ``type`` says this; appended if there was none.

    ``lastTransitionTime`` becomes ``now`` (RFC 3339) only when ``status`` changes.
    """
    result = [dict(condition) for condition in conditions]
    existing = next((condition for condition in result if condition.get("type") == type), None)
    since = existing.get("lastTransitionTime") if existing and existing.get("status") == status else None
    wanted = {
        "type": type,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": observed_generation,
        "lastTransitionTime": since or now,
    }
    if existing is None:
        result.append(wanted)
    else:
        existing.update(wanted)
    return result
