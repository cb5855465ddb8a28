"""The state of one pod's adapters: when to call it, which steps are left, what to report. Pure; times are seconds of one given clock."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controller.lora.access import BY_SIDECAR, EngineAccess
from controller.lora.engine import LOAD_SECONDS, LoadedAdapter
from controller.lora.steps import Step, WantedAdapter, steps_between

OBSERVE_EVERY = 300.0
ROUTE_PATIENCE = 30.0
_LATE_EVERY = 5.0
_LONGEST_RETRY = 300.0
_PATIENCE = 3
_SOON = 0.05


@dataclass(frozen=True, slots=True)
class AdapterPod:
    """A ready entry pod and the adapters it should have.

    ``incarnation`` changes when its engine may have lost all adapters; ``configured`` are the adapters that its own config loads, ``access``
    says how they are moved.
    """

    name: str
    uid: str
    address: str
    incarnation: tuple[object, ...]
    workload: str
    engine_port: int
    runtime_port: int
    mount: str
    wanted: tuple[WantedAdapter, ...]
    generation: int
    configured: frozenset[str] = frozenset()
    access: EngineAccess = BY_SIDECAR


@dataclass(frozen=True, slots=True)
class MovedAdapter:
    """An adapter that was loaded into or unloaded from a pod."""

    operation: str
    adapter: str
    pod: str


LIST = "list"
"""The operation of an AdapterFailure whose pod could not be asked."""


@dataclass(frozen=True, slots=True)
class AdapterFailure:
    """A call to a pod that failed: ``operation`` is load, unload, or list, which concerns no single adapter."""

    pod: str
    operation: str
    adapter: str
    error: str


@dataclass(frozen=True, slots=True)
class AdapterShare:
    """On how many of the pods of a workload an adapter is loaded."""

    workload: str
    adapter: str
    loaded: int
    pods: int


@dataclass(frozen=True, slots=True)
class AdapterReport:
    """The progress of the pods of a Model.

    ``loading`` holds (workload, adapter) that a pod is about to get and was not yet tried for. ``unasked`` are the pods for which this
    process has tried nothing yet. ``shares`` has every wanted adapter, in order; it is None until every pod was asked. ``next_look`` is in
    seconds, None without such pods.
    """

    failures: tuple[AdapterFailure, ...] = ()
    shares: tuple[AdapterShare, ...] | None = ()
    loading: frozenset[tuple[str, str]] = frozenset()
    moved: tuple[MovedAdapter, ...] = ()
    unasked: frozenset[str] = frozenset()
    missing: int = 0
    next_look: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether every pod was asked by this process."""
        return self.shares is not None and not self.unasked


@dataclass(slots=True)
class PodState:
    """One pod: what it should have, what it was seen to have, and when to look again.

    ``failures`` maps an adapter to the last failed call, and "" to why the pod could not be asked. ``tried`` is what it was last tried for.
    ``attempts`` counts rounds in a row that failed. ``unload`` says whether unwanted adapters may be unloaded.
    """

    pod: AdapterPod
    since: float
    unload: bool = False
    observed: tuple[LoadedAdapter, ...] | None = None
    failures: dict[str, AdapterFailure] = field(default_factory=dict)
    tried: tuple[WantedAdapter, ...] | None = None
    attempts: int = 0
    look_at: float = 0.0
    loading: WantedAdapter | None = None
    late_until: float = 0.0

    def take(self, pod: AdapterPod, now: float) -> bool:
        """Takes in what the pod is now. True when the load in flight is no longer wanted.

        The sidecar may still finish that load: until it cannot any more, the pod is asked often.
        """
        before, self.pod = self.pod, pod
        restarted = before.incarnation != pod.incarnation
        if restarted:
            self.observed, self.failures, self.tried, self.attempts = None, {}, None, 0
        if before.wanted != pod.wanted:
            self.unload, self.since, self.attempts = False, now, 0
        if (before.incarnation, before.generation, before.wanted) != (pod.incarnation, pod.generation, pod.wanted):
            self.look_at = now
        if self.loading is None or not (restarted or self.loading not in pod.wanted):
            return False
        self.late_until = now + LOAD_SECONDS
        return True

    def is_due(self, now: float) -> bool:
        """Whether to look at the pod now: its time has come, or a step is outstanding and no step has failed."""
        if self.look_at <= now:
            return True
        return self.observed is not None and not self.failures and bool(self.left())

    def left(self) -> list[Step]:
        """The steps that the last observation leaves, as far as they are allowed now."""
        pod = self.pod
        unload = pod.mount if self.unload else None
        return steps_between(pod.wanted, self.observed or (), unload_below=unload, configured=pod.configured)

    def present(self) -> set[str]:
        """The wanted adapters that it was seen to have."""
        if self.observed is None:
            return set()
        missing = {step.adapter.name for step in self.left() if step.operation == "load"}
        return {adapter.name for adapter in self.pod.wanted} - missing

    def could_not_be_asked(self, error: str) -> None:
        """The pod did not answer. After a few times in a row that counts as tried."""
        self.failures = {"": AdapterFailure(self.pod.name, LIST, "", error)}
        if self.attempts + 1 >= _PATIENCE:
            self.tried = self.pod.wanted

    def was_tried(
        self, wanted: tuple[WantedAdapter, ...], taken: Sequence[Step], errors: dict[str, str]
    ) -> tuple[MovedAdapter, ...]:
        """These steps were taken and the pod was asked again: its answer decides what succeeded. Returns that."""
        left = self.left()
        self.failures = {
            step.adapter.name: AdapterFailure(
                self.pod.name,
                step.operation,
                step.adapter.name,
                errors.get(step.adapter.name, "the engine does not show it"),
            )
            for step in taken
            if step in left
        }
        self.tried = wanted
        return tuple(MovedAdapter(s.operation, s.adapter.name, self.pod.name) for s in taken if s not in left)

    def rest(self, now: float, first_retry: float, jitter: float) -> None:
        """The round has ended: sets when to look again. ``jitter`` is a factor."""
        self.attempts = self.attempts + 1 if self.failures else 0
        if self.failures:
            self.look_at = now + min(first_retry * 2.0 ** min(self.attempts - 1, 16), _LONGEST_RETRY) * jitter
        else:
            self.look_at = now + (_LATE_EVERY if now < self.late_until else OBSERVE_EVERY)

    def reportable(self) -> list[AdapterFailure]:
        """The failures worth reporting: that a pod could not be asked counts only after a few times."""
        if "" in self.failures and self.attempts < _PATIENCE:
            return []
        return [failure for _, failure in sorted(self.failures.items())]


def report(
    states: Collection[PodState], busy: Collection[str], moved: Sequence[MovedAdapter], now: float
) -> AdapterReport:
    """The progress of the pods of one Model; ``busy`` holds the uids of those that are being worked on."""
    untried = [state for state in states if state.tried != state.pod.wanted]
    waiting = [state for state in untried if now - state.since < ROUTE_PATIENCE]
    waits = [ROUTE_PATIENCE - (now - state.since) for state in waiting]
    waits += [max(_SOON, state.look_at - now) for state in states if state.pod.uid not in busy]
    counted = all(state.observed is not None or state.tried is not None for state in states)
    return AdapterReport(
        tuple(failure for state in states for failure in state.reportable()),
        _shares(states) if counted else None,
        frozenset((state.pod.workload, adapter.name) for state in waiting for adapter in state.pod.wanted),
        tuple(moved),
        unasked=frozenset(state.pod.name for state in untried),
        missing=sum(len(state.pod.wanted) - len(state.present()) for state in states),
        next_look=min([OBSERVE_EVERY, *waits]) if states else None,
    )


def _shares(states: Collection[PodState]) -> tuple[AdapterShare, ...]:
    found: list[AdapterShare] = []
    for workload, name in sorted({(s.pod.workload, adapter.name) for s in states for adapter in s.pod.wanted}):
        pods = [s for s in states if s.pod.workload == workload and name in {a.name for a in s.pod.wanted}]
        found.append(AdapterShare(workload, name, sum(name in state.present() for state in pods), len(pods)))
    return tuple(found)
