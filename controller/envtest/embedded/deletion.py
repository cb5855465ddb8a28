"""The effect of a delete on an object: whether it goes at once, and how it is marked while something holds it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from controller import meta
from controller.envtest.embedded.resources import NAMESPACES, PODS, TypeInfo
from controller.meta import Object

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_DEFAULT_GRACE = 30
Propagation = Literal["", "Background", "Foreground", "Orphan"]


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """The options of a delete. ``grace`` is None where the kind's own grace period counts; "" is the propagation of the kind."""

    dry_run: bool = False
    propagation: Propagation = ""
    preconditions: Mapping[str, Any] = field(default_factory=dict)
    grace: int | None = None


def is_held(info: TypeInfo, obj: Object) -> bool:
    """Whether a deleted object stays: finalizers hold it, its contents a namespace, its grace period a pod on a node."""
    if info.key == NAMESPACES:
        return bool(meta.metadata_of(obj).get("finalizers") or meta.spec_of(obj).get("finalizers"))
    return bool(meta.metadata_of(obj).get("finalizers")) or bool(
        meta.metadata_of(obj).get("deletionGracePeriodSeconds")
    )


def marked(info: TypeInfo, current: dict[str, Any], options: DeleteOptions, now: float) -> dict[str, Any] | None:
    """The object marked as deleted; None when it goes at once."""
    metadata = dict(current["metadata"])
    finalizers = _finalizers(
        metadata.get("finalizers") or [],
        options.propagation or default_propagation(info),
        is_deleting=meta.is_deleting(current),
    )
    grace = _grace(info, current, options)
    left = min(grace, metadata.get("deletionGracePeriodSeconds") or 0) if meta.is_deleting(current) else grace
    if finalizers:
        metadata["finalizers"] = finalizers
    else:
        metadata.pop("finalizers", None)
    if not finalizers and not left and info.key != NAMESPACES:
        return None
    if not meta.is_deleting(current) or left < (metadata.get("deletionGracePeriodSeconds") or 0):
        metadata["deletionTimestamp"] = meta.format_time(now + left)
        metadata["deletionGracePeriodSeconds"] = left
        if info.has_generation and not meta.is_deleting(current):
            metadata["generation"] = meta.generation_of(current) + 1
    result = {**current, "metadata": metadata}
    if info.key == NAMESPACES:
        metadata.pop("deletionGracePeriodSeconds", None)
        result["status"] = {**meta.status_of(current), "phase": "Terminating"}
    return result


def last_state(info: TypeInfo, current: dict[str, Any], now: float) -> dict[str, Any]:
    """The object as it is shown when it goes at once: a pod with the time of its deletion."""
    if info.key != PODS:
        return current
    marks = {"deletionTimestamp": meta.format_time(now), "deletionGracePeriodSeconds": 0}
    generation = meta.generation_of(current) + (0 if meta.is_deleting(current) else 1)
    return {**current, "metadata": {**current["metadata"], **marks, "generation": generation}}


def default_propagation(info: TypeInfo) -> Propagation:
    """The propagation of a delete of this kind that names none."""
    return "Orphan" if info.key in (("", "replicationcontrollers"), ("batch", "jobs")) else ""


def _finalizers(current: list[str], propagation: Propagation, *, is_deleting: bool) -> list[str]:
    """The finalizers, of which the collector's own two follow the propagation that was asked for."""
    if not propagation or (is_deleting and propagation == "Background"):
        return list(current)
    others = [name for name in current if name not in (FOREGROUND, ORPHAN)]
    own = {"Foreground": [FOREGROUND], "Orphan": [ORPHAN]}.get(propagation, [])
    return [*others, *own]


def _grace(info: TypeInfo, obj: Object, options: DeleteOptions) -> int:
    """Seconds that the object stays for its kubelet: only pods that run on a node have any."""
    spec = meta.spec_of(obj)
    if info.key != PODS or not spec.get("nodeName") or meta.status_of(obj).get("phase") in ("Failed", "Succeeded"):
        return 0
    if options.grace is not None:
        return max(0, options.grace)
    return int(spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE))
