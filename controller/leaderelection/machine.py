"""Leader election on a Lease, as a machine without I/O.

No other machine's clock is trusted: a record counts as fresh from the moment *we* saw it change. ``now`` is a monotonic clock that goes on
during suspends, in seconds; ``wall`` is an RFC 3339 time with six digits that is only written, never compared.
"""

from dataclasses import dataclass

from controller.leaderelection.record import LeaseRecord


class ElectionConfigError(ValueError):
    """Durations or names that no election can work with."""


@dataclass(frozen=True, slots=True)
class LeaderElectionConfig:
    """One candidate. Durations are seconds, and must satisfy lease > renew deadline > 1.2 x retry > 0."""

    namespace: str
    name: str
    identity: str
    lease_duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

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
    """Decides what a candidate writes, from the record it read."""

    config: LeaderElectionConfig
    _seen: LeaseRecord | None = None
    _seen_at: float = 0.0
    _renewed_at: float | None = None

    def observe(self, record: LeaseRecord, now: float) -> None:
        """The lease says this."""
        if record != self._seen:
            self._seen, self._seen_at = record, now

    def holds(self) -> bool:
        """Whether the last record seen names us."""
        return self._seen is not None and self._seen.holder == self.config.identity

    def is_free(self, now: float) -> bool:
        """Whether the lease may be taken: nobody holds it, or its record has not changed for its own duration.

        A record without a duration counts as one of ours. A lease that was deleted stays the last holder's for that time.
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
        """Our record was accepted by a request begun at ``started``."""
        self.observe(record, now)
        self._renewed_at = started

    def released(self) -> LeaseRecord:
        """The record that gives the lease up."""
        seen = self._seen or LeaseRecord()
        return LeaseRecord("", 1.0, seen.acquire_time, seen.renew_time, seen.transitions)

    def may_write(self, now: float) -> bool:
        """Whether a write sent now is covered by our last renewal."""
        return self._renewed_at is not None and now < self._renewed_at + self.config.renew_deadline

    def step_down(self) -> None:
        """Nothing is covered any more."""
        self._renewed_at = None
