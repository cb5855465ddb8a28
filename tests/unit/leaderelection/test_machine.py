"""The lease machine in virtual time: a table of promises, then several candidates on one simulated lease store."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.leaderelection import ElectionConfigError, LeaderElectionConfig, LeaseRecord
from controller.leaderelection.machine import LeaseMachine
from controller.meta import format_micro_time

WALL = "2026-01-01T00:00:00.000000Z"


def candidate(identity: str = "me", **durations: float) -> LeaderElectionConfig:
    return LeaderElectionConfig("ns", "lease", identity, **durations)


def other(renew_time: str = WALL, **fields: object) -> LeaseRecord:
    return LeaseRecord(**{"holder": "other", "duration": 15.0, "renew_time": renew_time, "transitions": 3, **fields})


@pytest.mark.parametrize(
    "durations",
    [
        {"lease_duration": 10, "renew_deadline": 10},
        {"renew_deadline": 2.4, "retry_period": 2},
        {"retry_period": 0},
        {"retry_period": -1},
        {"lease_duration": float("nan")},
    ],
)
def test_durations_that_cannot_work_are_refused(durations: dict[str, float]):
    """lease > renew deadline > 1.2 x retry > 0, or a message."""
    with pytest.raises(ElectionConfigError):
        candidate(**durations)


def test_an_empty_identity_is_refused():
    """Two candidates without a name would share the lease."""
    with pytest.raises(ElectionConfigError):
        candidate("")


@pytest.mark.parametrize(
    ("record", "waited", "free"),
    [
        (other(), 15.0, False),
        (other(), 15.1, True),
        (other(duration=40.0), 39.0, False),
        (other(holder="", duration=1.0), 0.0, True),
        (other(duration=0.0), 14.0, False),
        (other("1999-01-01T00:00:00.000000Z"), 1.0, False),
        (other("2999-01-01T00:00:00.000000Z"), 15.1, True),
    ],
    ids=["not yet", "its duration is over", "its own duration counts", "released", "none: ours counts", "stale clock", "clock ahead"],
)  # fmt: skip
def test_a_lease_is_free_when_its_record_did_not_change_for_its_own_duration(record: LeaseRecord, waited: float, free: bool):  # fmt: skip
    """Counted on our clock from the moment we saw it change; the times inside are never compared."""
    machine = LeaseMachine(candidate())
    machine.observe(record, 100.0)
    machine.observe(record, 100.0 + waited)
    assert machine.is_free(100.0 + waited) is free


def test_a_renewal_starts_the_wait_anew():
    """Any change of the record does."""
    machine = LeaseMachine(candidate())
    machine.observe(other("a"), 0.0)
    machine.observe(other("b"), 14.0)
    assert not machine.is_free(28.0)


def test_transitions_and_acquire_time_change_only_with_the_holder():
    """Taking over counts one more; renewing keeps both."""
    machine = LeaseMachine(candidate())
    machine.observe(other(acquire_time="before"), 0.0)
    taken = machine.candidate("t1")
    assert (taken.transitions, taken.acquire_time, taken.renew_time) == (4, "t1", "t1")
    machine.written(taken, 0.0, 0.0)
    renewed = machine.candidate("t2")
    assert (renewed.transitions, renewed.acquire_time, renewed.renew_time) == (4, "t1", "t2")


def test_writes_are_covered_from_the_start_of_the_renewal_for_the_renew_deadline():
    """Not from its answer: a slow answer covers less."""
    machine = LeaseMachine(candidate())
    assert not machine.may_write(0.0)
    machine.written(machine.candidate(WALL), 100.0, 104.0)
    assert machine.may_write(109.9)
    assert not machine.may_write(110.0)
    machine.step_down()
    assert not machine.may_write(105.0)


@given(st.floats(0.1, 60.0))
def test_others_never_read_a_shorter_duration_than_ours(duration: float):
    """The API knows whole seconds only; ours are rounded up."""
    spec = LeaseRecord("me", duration).to_spec()
    assert spec["leaseDurationSeconds"] >= duration


@given(st.integers(0, 4_000_000_000), st.sampled_from([0.0, 0.5, 0.000001]))
def test_times_always_have_six_digits(second: int, fraction: float):
    """Also at microsecond zero: the API server refuses anything else."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", format_micro_time(second + fraction))


@pytest.mark.parametrize(
    "spec",
    [{}, {"holderIdentity": None}, {"leaseDurationSeconds": "x", "leaseTransitions": True}, {"holderIdentity": 3}],
)
def test_a_lease_edited_by_hand_is_read_without_an_error(spec: dict[str, object]):
    """What has the wrong type reads as absent."""
    assert LeaseRecord.from_object({"spec": spec}) == LeaseRecord()


@dataclass
class Store:
    """A lease with a resourceVersion, and nothing else."""

    record: LeaseRecord | None = None
    version: int = 0

    def put(self, record: LeaseRecord, version: int) -> bool:
        """A conditional write: refused when somebody was faster."""
        if version != self.version:
            return False
        self.record, self.version = record, self.version + 1
        return True


@dataclass
class Candidate:
    """One process: its own clock offset, and at most one request under way, begun at some time and served later."""

    machine: LeaseMachine
    offset: float
    read: tuple[LeaseRecord | None, int] | None = None
    writing: tuple[LeaseRecord, int, float] | None = None

    def step(self, store: Store, now: float, answered: bool) -> None:
        """Reads, decides or has its request served; ``answered`` is whether it hears of a success."""
        clock = now + self.offset
        if self.writing is not None:
            record, version, started = self.writing
            self.writing = self.read = None
            if store.put(record, version) and answered:
                self.machine.written(record, started, clock)
        elif self.read is None:
            if store.record is not None:
                self.machine.observe(store.record, clock)
            self.read = (store.record, store.version)
        elif self.machine.is_free(clock):
            self.writing = (self.machine.candidate(f"{clock:.6f}"), self.read[1], clock)
        else:
            self.read = None

    def may_write(self, now: float) -> bool:
        """Whether its guard passes at this instant."""
        return self.machine.may_write(now + self.offset)


STEP = st.tuples(st.integers(0, 3), st.floats(0.0, 6.0), st.booleans())


@settings(max_examples=300)
@given(st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=4), st.lists(STEP, max_size=80))
def test_never_two_candidates_whose_guard_passes(offsets: list[float], steps: list[tuple[int, float, bool]]):
    """Whatever their clocks say, whichever answers are lost, and however long a request takes within the margin."""
    store = Store()
    crowd = [Candidate(LeaseMachine(candidate(f"c{n}")), offset) for n, offset in enumerate(offsets)]
    now = 0.0
    for who, passed, answered in steps:
        now += passed
        crowd[who].step(store, now, answered)
        assert sum(each.may_write(now) for each in crowd) <= 1
