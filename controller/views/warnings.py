"""The last warning about each pod, from Events: what a kubelet tries over and over leaves no trace in the pod's status. Pure.

Volumes that cannot be mounted or attached, sandboxes that cannot be created and probes that fail are such things.
"""

from collections.abc import Iterable

from controller import meta
from controller.meta import Object
from controller.runtime import redact

_WORDS_LIMIT = 300


def last_warnings(events: Iterable[Object]) -> dict[str, str]:
    """``REASON: MESSAGE`` of the last warning about each pod, by the pod's uid; events are of the core group."""
    last: dict[str, Object] = {}
    for event in sorted((event for event in events if event.get("type") == "Warning"), key=_seen_at):
        about = event.get("involvedObject") or {}
        if about.get("kind") == "Pod" and about.get("uid"):
            last[str(about["uid"])] = event
    return {uid: _words(event) for uid, event in last.items()}


def _seen_at(event: Object) -> str:
    """When it was last seen, in the one format that sorts as text."""
    series = event.get("series") or {}
    moments = (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"))
    for moment in moments:
        try:
            return meta.format_micro_time(meta.parse_time(str(moment)))
        except ValueError:
            continue
    return ""


def _words(event: Object) -> str:
    message = redact(" ".join(str(event.get("message") or "").split()))[:_WORDS_LIMIT]
    return f"{event.get('reason')}: {message}"
