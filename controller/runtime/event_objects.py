"""The Event object (``events.k8s.io/v1``) as the API server accepts it. Pure."""

import re
from dataclasses import dataclass
from typing import Any, Literal

from controller.meta import Object, Resource, format_micro_time, name_of, namespace_of, uid_of
from controller.runtime.events_correlator import Action
from controller.runtime.logging import redact, shortened

EVENT = Resource("events.k8s.io", "v1", "events", "Event")
EventType = Literal["Normal", "Warning"]

NOTE_BYTES = 1024
"""The API server's limit of a note, in bytes of UTF-8."""

_LABEL_CHARS = 128
"""The API server's limit of reason, action and instance."""

_NAME_CHARS = 253 - 17
"""What remains of a name's limit beside the unique suffix."""

_REDACTED_CHARS = 4096
"""Characters of a note that are searched for secrets; what follows cannot be part of the note."""

_QUALIFIED_NAME = re.compile(
    r"(?:[a-z0-9]([-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
)
_FORBIDDEN_IN_NAMES = re.compile(r"[^a-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class EventKey:
    """The correlation key: two events with equal keys differ at most in their note."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    type: EventType
    reason: str
    action: str
    component: str


def event_key(obj: Object, type_: str, reason: str, action: str | None, component: str) -> EventKey:
    """The key of an event about ``obj``. Whatever is given becomes valid: an unknown type is Warning, an empty reason is Unknown."""
    reason = str(reason)[:_LABEL_CHARS] or "Unknown"
    return EventKey(
        api_version=str(obj.get("apiVersion", "")),
        kind=str(obj.get("kind", "")),
        namespace=namespace_of(obj),
        name=name_of(obj),
        uid=uid_of(obj),
        type="Normal" if type_ == "Normal" else "Warning",
        reason=reason,
        action=str(action or reason)[:_LABEL_CHARS],
        component=component,
    )


def event_name(name: str, suffix: str) -> str:
    """The Event's name: that of its object, made a valid DNS name where it is none (``system:a`` or an IPv6 address), and the suffix."""
    valid = _FORBIDDEN_IN_NAMES.sub("-", name.lower())[:_NAME_CHARS]
    labels = [label for part in valid.split(".") if (label := part.strip("-"))]
    return ".".join((*labels, suffix))


def checked_component(component: str) -> str:
    """The component. Raises ValueError unless it is a qualified name, as the API server demands of a reporting controller."""
    prefix = component.rpartition("/")[0]
    if _QUALIFIED_NAME.fullmatch(component) is None or len(prefix) > 253:
        raise ValueError(
            f"{component!r} cannot be a reporting controller: expected a name like my-controller or example.com/my-controller"
        )
    return component


def note_of(text: str) -> str:
    """The note: secrets hidden, at most 1,024 bytes. Its cost does not grow with the text beyond a few kilobytes."""
    return cut(redact(shortened(text, _REDACTED_CHARS)), NOTE_BYTES)


def event_object(key: EventKey, action: Action, instance: str) -> dict[str, Any]:
    """The Event as it is posted; its times are those at which the events were recorded."""
    regarding = {"apiVersion": key.api_version, "kind": key.kind, "name": key.name, "uid": key.uid}
    if key.namespace:
        regarding["namespace"] = key.namespace
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": action.name, "namespace": key.namespace or "default"},
        "eventTime": format_micro_time(action.first_at),
        "type": key.type,
        "reason": key.reason,
        "action": key.action,
        "note": action.note,
        "regarding": regarding,
        "reportingController": key.component,
        "reportingInstance": instance[:_LABEL_CHARS],
        **(series(action) if action.count > 1 else {}),
    }


def series(action: Action) -> dict[str, Any]:
    """The Event's ``series``, as it is patched."""
    return {"series": {"count": action.count, "lastObservedTime": format_micro_time(action.last_at)}}


def cut(text: str, size: int) -> str:
    """The text, or its start and an ellipsis, in at most ``size`` bytes of UTF-8."""
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return data.decode()
    return data[: size - len("…".encode())].decode("utf-8", "ignore") + "…"
