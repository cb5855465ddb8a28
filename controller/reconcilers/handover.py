"""Replacing backends without an outage: the old ones are called until a new one serves. Pure.

While the live route sends requests to a backend that is no longer desired and serves, and no desired backend serves yet, the route stays as
it is, and with it the old backend. The wait is bounded, since the old backend may hold the devices that the new one needs: a desired workload
that is older than the bound is no longer waited for. The Model's annotation ``handover-timeout`` sets the bound, ``0s`` for none at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.annotations import HANDOVER_TIMEOUT
from controller.api.durations import parse_duration
from controller.dialects import ChildKey, Dialect
from controller.dialects.routes import route_targets
from controller.meta import Object
from controller.reconcilers.backends import is_available

DEFAULT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Handover:
    """The desired workloads that are waited for, and until when at the latest, in seconds since the epoch; None as long as none exists."""

    workloads: tuple[ChildKey, ...]
    until: float | None


def pending_handover(
    model: Object,
    live_route: Object | None,
    desired: Mapping[ChildKey, dict[str, Any]],
    children: Mapping[ChildKey, Object],
    dialect: Dialect,
    now: float,
) -> Handover | None:
    """The handover that the route has to wait for; None when it may change. ``now`` is in seconds since the epoch."""
    if live_route is None or not meta.is_controlled_by(live_route, meta.uid_of(model)):
        return None
    called = route_targets(live_route)
    old = [key for key in _workloads(children, dialect) if key not in desired and key.name in called]
    if not any(serves(children[key], in_part=True) for key in old):
        return None
    new = [key for key in _workloads(desired, dialect) if not _is_idle(children.get(key, desired[key]))]
    if not new or any(serves(children.get(key)) for key in new):
        return None
    return bounded_wait(model, new, children, now)


def bounded_wait(
    model: Object, workloads: Sequence[ChildKey], children: Mapping[ChildKey, Object], now: float
) -> Handover | None:
    """The wait for these desired workloads; None once the youngest of them is older than the bound."""
    since = [created for key in workloads if (created := _created(children.get(key))) is not None]
    seconds = bound_seconds(model)
    until = max(since) + seconds if since else None
    if seconds <= 0 or (until is not None and until <= now):
        return None
    return Handover(tuple(workloads), until)


def serves(workload: Object | None, *, in_part: bool = False) -> bool:
    """Whether there is such a workload, and all its replicas are available; ``in_part``: some are, of whatever generation."""
    return workload is not None and is_available(workload, settled=in_part) and not _is_idle(workload)


def _workloads(keys: Iterable[ChildKey], dialect: Dialect) -> list[ChildKey]:
    return [key for key in keys if key.kind == dialect.workload.kind]


def _is_idle(workload: Object) -> bool:
    return meta.spec_of(workload).get("replicas") == 0


def _created(workload: Object | None) -> float | None:
    try:
        return meta.parse_time(str(meta.metadata_of(workload or {}).get("creationTimestamp", ""))).timestamp()
    except ValueError:
        return None


def bound_seconds(model: Object) -> float:
    """The seconds for which the old may serve beside the new; a text that is not a duration counts as absent."""
    text = meta.annotations_of(model).get(HANDOVER_TIMEOUT)
    seconds = parse_duration(text) if text else None
    return DEFAULT_SECONDS if seconds is None else float(seconds)
