"""Leader election on a Lease, as a machine without I/O.

Clocks of other machines are not trusted: a record counts as fresh from the moment this process saw it change. ``now`` is in seconds of a
monotonic clock that also counts during suspends; ``wall`` is an RFC 3339 time with six fractional digits that is written, never compared.
"""

from collections.abc import Callable
from dataclasses import dataclass

from controller.leaderelection.record import LeaseRecord


class ElectionConfigError(ValueError):
    """Durations or names with which no election can work."""


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """One candidate. Durations are seconds, and must satisfy lease > renew deadline > 1.2 x retry > 0.

    ``is_rival`` says by its name which other Lease of the namespace excludes this one; None: no other.
    """

    namespace: str
    name: str
    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0
    is_rival: Callable[[str], bool] | None = None

    def __post_init__(self) -> None:
        if not (self.namespace and self.name and self.identity):
            raise ElectionConfigError("leader election needs the namespace and name of a lease and an identity")
        if not self.lease_duration > self.renew_deadline:
            raise ElectionConfigError("the lease duration must be longer than the renew deadline")
        if not self.renew_deadline > 1.2 * self.retry_period > 0:
            raise ElectionConfigError(
                "the renew deadline must be longer than 1.2 times the retry period, and that above 0"
            )


@dataclass(slots=True)
class LeaseMachine:
    """Decides what a candidate writes, from the record that it read."""

    config: LeaderElectionConfig
    _seen: LeaseRecord | None = None
    _seen_at: float = 0.0
    _renewed_at: float | None = None

    def observe(self, record: LeaseRecord, now: float) -> None:
        """The Lease holds this record."""
        if record != self._seen:
            self._seen, self._seen_at = record, now

    def holds(self) -> bool:
        """Whether the last record seen names this candidate."""
        return self._seen is not None and self._seen.holder == self.config.identity

    def is_free(self, now: float) -> bool:
        """Whether the lease may be acquired: it has no holder, or its record has not changed for its own duration.

        For a record without a duration, this candidate's own lease duration counts. A deleted lease belongs to its last holder for that time.
        """
        if self._seen is None or not self._seen.holder or self.holds():
            return True
        return now - self._seen_at > (self._seen.duration or self.config.lease_duration)

    def candidate(self, wall: str) -> LeaseRecord:
        """The record to write in order to take or renew the lease."""
        seen = self._seen or LeaseRecord()
        mine = seen.holder == self.config.identity
        return LeaseRecord(
            holder=self.config.identity,
            duration=self.config.lease_duration,
            acquire_time=seen.acquire_time if mine and seen.acquire_time else wall,
            renew_time=wall,
            transitions=seen.transitions + (0 if mine or self._seen is None else 1),
        )

    def written(self, record: LeaseRecord, started: float, now: float) -> None:
        """The API server accepted this candidate's record in a request that began at ``started``."""
        self.observe(record, now)
        self._renewed_at = started

    def released(self) -> LeaseRecord:
        """The record that releases the lease."""
        seen = self._seen or LeaseRecord()
        return LeaseRecord("", 1.0, seen.acquire_time, seen.renew_time, seen.transitions)

    def may_write(self, now: float) -> bool:
        """Whether this candidate's last renewal covers a write sent now."""
        return self._renewed_at is not None and now < self._renewed_at + self.config.renew_deadline

    def step_down(self) -> None:
        """From now on no write is covered."""
        self._renewed_at = None
