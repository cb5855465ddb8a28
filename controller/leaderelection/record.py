"""The Lease's spec as a record. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.meta import Object, Resource

LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """The holder of the lease. ``duration`` is in seconds; the times are compared for equality only."""

    holder: str = ""
    duration: float = 0.0
    acquire_time: str = ""
    renew_time: str = ""
    transitions: int = 0

    @classmethod
    def from_object(cls, lease: Object) -> "LeaseRecord":
        """The record of a Lease; a field of another type counts as absent."""
        spec = meta.spec_of(lease)
        return cls(
            holder=_text(spec, "holderIdentity"),
            duration=float(_number(spec, "leaseDurationSeconds")),
            acquire_time=_text(spec, "acquireTime"),
            renew_time=_text(spec, "renewTime"),
            transitions=_number(spec, "leaseTransitions"),
        )

    def to_spec(self) -> dict[str, Any]:
        """The record's fields of ``spec``. The duration is rounded up to whole seconds, so that no candidate acquires the lease too early."""
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": max(1, math.ceil(self.duration)),
            "acquireTime": self.acquire_time or None,
            "renewTime": self.renew_time or None,
            "leaseTransitions": self.transitions,
        }


def _text(spec: Mapping[str, Any], key: str) -> str:
    value = spec.get(key)
    return value if isinstance(value, str) else ""


def _number(spec: Mapping[str, Any], key: str) -> int:
    value = spec.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
