"""What is known of a hot pod's adapters, what follows from it, and how it is told. Pure; times are seconds of one clock that is given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from controller.reconcilers.outcome import Problem
from controller.reconcilers.reasons import LORA_SYNC_FAILED
from controller.serving import LOAD_SECONDS, LoadedAdapter, Step, WantedAdapter, plan

OBSERVE_EVERY = 300.0
ROUTE_PATIENCE = 30.0
_LATE_EVERY = 5.0
_LONGEST_RETRY = 300.0
_PATIENCE = 3
_SOON = 0.05


@dataclass(frozen=True, slots=True)
class HotPod:
    """A ready entry pod and the adapters it should have. ``incarnation`` changes when its engine may have forgotten everything."""

    name: str
    uid: str
    address: str
    incarnation: tuple[object, ...]
    backend: str
    engine_port: int
    runtime_port: int
    mount: str
    wanted: tuple[WantedAdapter, ...]
    generation: int


@dataclass(frozen=True, slots=True)
class Moved:
    """An adapter that a pod got or lost."""

    operation: str
    adapter: str
    pod: str


@dataclass(frozen=True, slots=True)
class AdapterReport:
    """How far the pods of a Model are.

    ``pending`` holds (backend, adapter) that a pod is about to get and was not yet tried for; ``unknown`` names pods for which nothing
    was tried yet; ``counted`` says that every pod was asked what it has; ``next_look`` is in seconds, None without hot pods; ``missing``
    counts adapters that pods lack.
    """

    problems: tuple[Problem, ...] = ()
    pending: frozenset[tuple[str, str]] = frozenset()
    moved: tuple[Moved, ...] = ()
    unknown: frozenset[str] = frozenset()
    counted: bool = True
    missing: int = 0
    next_look: float | None = None


@dataclass(slots=True)
class PodState:
    """One pod: what it should have, what it was seen to have, and when to look again.

    ``problems`` maps an adapter to (what was tried, what went wrong), and "" to why the pod could not be asked. ``tried`` is what it was
    last tried for. ``unload`` says whether what is not wanted may go.
    """

    pod: HotPod
    since: float
    unload: bool = False
    observed: tuple[LoadedAdapter, ...] | None = None
    problems: dict[str, tuple[str, str]] = field(default_factory=dict)
    tried: tuple[WantedAdapter, ...] | None = None
    failures: int = 0
    look_at: float = 0.0
    loading: WantedAdapter | None = None
    late_until: float = 0.0

    def take(self, pod: HotPod, now: float) -> bool:
        """Takes in what the pod is now. True when nobody waits any more for the load in flight.

        The sidecar may still finish that load: until it cannot any more, the pod is asked often.
        """
        before, self.pod = self.pod, pod
        restarted = before.incarnation != pod.incarnation
        if restarted:
            self.observed, self.problems, self.tried, self.failures = None, {}, None, 0
        if before.wanted != pod.wanted:
            self.unload, self.since, self.failures = False, now, 0
        if (before.incarnation, before.generation, before.wanted) != (pod.incarnation, pod.generation, pod.wanted):
            self.look_at = now
        if self.loading is None or not (restarted or self.loading not in pod.wanted):
            return False
        self.late_until = now + LOAD_SECONDS
        return True

    def is_due(self, now: float) -> bool:
        """Whether it is time to look at the pod: the time has come, or something is known to be left that was not tried in vain."""
        if self.look_at <= now:
            return True
        return self.observed is not None and not self.problems and bool(self.left())

    def left(self) -> list[Step]:
        """The steps that the last observation leaves, as far as they are allowed now."""
        return plan(self.pod.wanted, self.observed or (), self.pod.mount, unload=self.unload)

    def present(self) -> set[str]:
        """The wanted adapters that it was seen to have."""
        if self.observed is None:
            return set()
        missing = {step.adapter.name for step in self.left() if step.operation == "load"}
        return {adapter.name for adapter in self.pod.wanted} - missing

    def could_not_be_asked(self, error: str) -> None:
        """After a few times in a row that counts as tried."""
        self.problems = {"": ("list adapters", error)}
        if self.failures + 1 >= _PATIENCE:
            self.tried = self.pod.wanted

    def was_tried(
        self, wanted: tuple[WantedAdapter, ...], taken: Sequence[Step], errors: dict[str, str]
    ) -> tuple[Moved, ...]:
        """These steps were taken and the pod was asked again: what it shows decides. Returns what was moved."""
        left = self.left()
        self.problems = {
            step.adapter.name: (verb(step), errors.get(step.adapter.name, "the engine does not show it"))
            for step in taken
            if step in left
        }
        self.tried = wanted
        return tuple(Moved(s.operation, s.adapter.name, self.pod.name) for s in taken if s not in left)

    def rest(self, now: float, first_retry: float, jitter: float) -> None:
        """The work on it has ended for now: says when to look again. ``jitter`` is a factor."""
        self.failures = self.failures + 1 if self.problems else 0
        if self.problems:
            self.look_at = now + min(first_retry * 2.0 ** min(self.failures - 1, 16), _LONGEST_RETRY) * jitter
        else:
            self.look_at = now + (_LATE_EVERY if now < self.late_until else OBSERVE_EVERY)

    def lines(self) -> list[Problem]:
        """What is worth telling: a pod that could not be asked only after a few times."""
        if "" in self.problems and self.failures < _PATIENCE:
            return []
        return [
            Problem("pod", self.pod.name, what, error, reason=LORA_SYNC_FAILED.reason)
            for _, (what, error) in sorted(self.problems.items())
        ]


def report(states: Collection[PodState], busy: Collection[str], moved: Sequence[Moved], now: float) -> AdapterReport:
    """How far the pods of one Model are; ``busy`` holds the uids of those that are being worked on."""
    untried = [state for state in states if state.tried != state.pod.wanted]
    waiting = [state for state in untried if now - state.since < ROUTE_PATIENCE]
    waits = [ROUTE_PATIENCE - (now - state.since) for state in waiting]
    waits += [max(_SOON, state.look_at - now) for state in states if state.pod.uid not in busy]
    problems = [line for state in states for line in state.lines()]
    counted = all(state.observed is not None or state.tried is not None for state in states)
    return AdapterReport(
        tuple(problems) + (_shares(states) if problems and counted else ()),
        frozenset((state.pod.backend, adapter.name) for state in waiting for adapter in state.pod.wanted),
        tuple(moved),
        unknown=frozenset(state.pod.name for state in untried),
        counted=counted,
        missing=sum(len(state.pod.wanted) - len(state.present()) for state in states),
        next_look=min([OBSERVE_EVERY, *waits]) if states else None,
    )


def _shares(states: Collection[PodState]) -> tuple[Problem, ...]:
    """On how many pods each adapter is that some pod lacks."""
    found: list[Problem] = []
    for backend, name in sorted({(s.pod.backend, adapter.name) for s in states for adapter in s.pod.wanted}):
        pods = [s for s in states if s.pod.backend == backend and name in {a.name for a in s.pod.wanted}]
        have = sum(name in state.present() for state in pods)
        if have < len(pods):
            what = f"loaded on {have}/{len(pods)} pods of {backend}"
            found.append(Problem("adapter", name, what, "", LORA_SYNC_FAILED.reason))
    return tuple(found)


def verb(step: Step) -> str:
    """What a step does, for people."""
    return f"{step.operation} {step.adapter.name}"
