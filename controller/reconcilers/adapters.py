"""LoRA adapters of running engines: compares what each pod has with what the Model wants, and moves the difference, pod by pod.

Nothing is remembered that matters: what a pod has is asked of its engine, again after every restart and change and every five minutes.
The calls run outside of the reconciler, one task per pod; when they have ended, the Model is looked at again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from controller import meta
from controller.api.kinds import POD
from controller.client import Client
from controller.meta import NamespacedName
from controller.meta.errors import ApiError
from controller.reconcilers.outcome import Problem
from controller.reconcilers.pods import is_ready, pod_ip
from controller.reconcilers.reasons import LORA_SYNC_FAILED
from controller.runtime import redact
from controller.serving import LOAD_SECONDS, AdapterRuntime, LoadedAdapter, ServingError, Step, WantedAdapter, plan

_log = structlog.get_logger("controller.adapters")

OBSERVE_EVERY = 300.0
PODS_AT_ONCE = 8
ROUTE_PATIENCE = 30.0
_LATE_EVERY = 5.0
_EXCERPT = 200
_FIRST_RETRY = 1.0
_LONGEST_RETRY = 300.0
_PATIENCE = 3


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


class AdapterMetrics(Protocol):
    """Told of every call."""

    def operation(self, operation: str, *, succeeded: bool) -> None:
        """One load or unload ended."""


@dataclass(slots=True)
class _Pod:
    pod: HotPod
    limit: asyncio.Semaphore
    since: float
    unload: bool = False
    observed: tuple[LoadedAdapter, ...] | None = None
    problems: dict[str, tuple[str, str]] = field(default_factory=dict)
    tried: tuple[WantedAdapter, ...] | None = None
    failures: int = 0
    look_at: float = 0.0
    task: asyncio.Task[None] | None = None
    loading: WantedAdapter | None = None
    late_until: float = 0.0

    def give_up(self, now: float) -> None:
        """Ends the task in its load, which nobody waits for any more. The sidecar may still finish it: until then it is asked often."""
        _cancel(self)
        self.task, self.late_until = None, now + LOAD_SECONDS

    def fail(self, error: str) -> None:
        """The pod could not be asked; after a few times in a row that counts as tried."""
        self.problems = {"": ("list adapters", error)}
        if self.failures + 1 >= _PATIENCE:
            self.tried = self.pod.wanted

    def left(self) -> list[Step]:
        """The steps that the last observation leaves, as far as they are allowed now."""
        return plan(self.pod.wanted, self.observed or (), self.pod.mount, unload=self.unload)


class AdapterSync:
    """Moves adapters for all Models; ``guard`` raises when this process must not write."""

    def __init__(
        self, client: Client, guard: Callable[[], None], metrics: AdapterMetrics, *, first_retry: float = _FIRST_RETRY
    ) -> None:
        self._client = client
        self._guard = guard
        self._metrics = metrics
        self._first_retry = first_retry
        self._runtime = AdapterRuntime()
        self._opened = asyncio.Event()
        self._models: dict[NamespacedName, dict[str, _Pod]] = {}
        self._moved: dict[NamespacedName, list[Moved]] = {}
        self._handlers: list[Callable[[NamespacedName], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add_handler(self, handler: Callable[[NamespacedName], None]) -> None:
        """Called with the Model whenever the calls to one of its pods have ended: it is to be synced again."""
        self._handlers.append(handler)

    async def run(self) -> None:
        """Makes the calls until it is cancelled; then those in flight are cut off."""
        async with self._runtime:
            self._opened.set()
            try:
                await asyncio.Event().wait()
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone or paused: no more calls for it; those in flight are cut off."""
        for state in self._models.pop(model, {}).values():
            _cancel(state)
        self._moved.pop(model, None)

    def sync(self, model: NamespacedName, pods: Sequence[HotPod]) -> AdapterReport:
        """Takes in what these pods should have, starts what has to be done, and tells how far they are. Returns at once."""
        if not pods and model not in self._models:
            return AdapterReport()
        states = self._models.setdefault(model, {})
        for uid in states.keys() - {pod.uid for pod in pods}:
            _cancel(states.pop(uid))
        limits = {state.pod.backend: state.limit for state in states.values()}
        now = time.monotonic()
        for pod in pods:
            limit = limits.setdefault(pod.backend, asyncio.Semaphore(PODS_AT_ONCE))
            self._take(states, pod, limit, now)
            self._start(model, states[pod.uid], now)
        return self._report(model, states, now)

    def allow_unloads(self, model: NamespacedName) -> None:
        """The live route names no adapter any more that is not wanted: engines may forget those."""
        now = time.monotonic()
        for state in self._models.get(model, {}).values():
            if not state.unload:
                state.unload = True
                self._start(model, state, now)

    def _take(self, states: dict[str, _Pod], pod: HotPod, limit: asyncio.Semaphore, now: float) -> None:
        state = states.get(pod.uid)
        if state is None:
            states[pod.uid] = _Pod(pod, limit, since=now)
            return
        before, state.pod = state.pod, pod
        restarted = before.incarnation != pod.incarnation
        if restarted:
            state.observed, state.problems, state.tried, state.failures = None, {}, None, 0
        if before.wanted != pod.wanted:
            state.unload, state.since, state.failures = False, now, 0
        if state.loading is not None and (restarted or state.loading not in pod.wanted):
            state.give_up(now)
        if (before.incarnation, before.generation, before.wanted) != (pod.incarnation, pod.generation, pod.wanted):
            state.look_at = now

    def _start(self, model: NamespacedName, state: _Pod, now: float) -> None:
        if state.task is not None:
            return
        idle = state.observed is None or state.problems
        if state.look_at > now and (idle or not state.left()):
            return
        state.task = asyncio.create_task(self._work(model, state), name=f"adapters of {state.pod.name}")
        self._tasks.add(state.task)
        state.task.add_done_callback(self._tasks.discard)

    async def _work(self, model: NamespacedName, state: _Pod) -> None:
        try:
            await self._opened.wait()
            async with state.limit:
                await self._rounds(model, state)
        finally:
            if state.task is asyncio.current_task():
                state.task = None
        for handler in self._handlers:
            handler(model)

    async def _rounds(self, model: NamespacedName, state: _Pod) -> None:
        """Looks and acts until nothing is left to do or something failed; what is wanted may change meanwhile."""
        while True:
            aim = (state.pod, state.unload)
            try:
                await self._round(model, state)
            except (ServingError, ApiError) as error:
                state.fail(_told(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the care for this pod
                _log.exception("Adapters of a pod could not be moved", pod=state.pod.name)
                state.fail(type(error).__name__)
            if aim != (state.pod, state.unload):
                continue
            state.failures = state.failures + 1 if state.problems else 0
            now = time.monotonic()
            rest = _LATE_EVERY if now < state.late_until else OBSERVE_EVERY
            state.look_at = now + (self._delay(state.failures) if state.problems else rest)
            return

    async def _round(self, model: NamespacedName, state: _Pod) -> None:
        asked = state.pod
        state.observed = await self._runtime.list_adapters(asked.address, asked.engine_port)
        pod, steps = state.pod, state.left()
        problems: dict[str, tuple[str, str]] = {}
        taken: list[Step] = []
        if steps:
            await self._check_identity(model.namespace, pod)
            for step in steps:
                if state.pod.wanted != pod.wanted:
                    break
                if step.adapter.name not in problems:
                    taken.append(step)
                    await self._perform(state, step, problems)
            state.observed = await self._runtime.list_adapters(pod.address, pod.engine_port)
        left = state.left()
        self._note(model, pod.name, taken, left)
        state.problems = {
            step.adapter.name: problems.get(step.adapter.name, (_verb(step), "the engine does not show it"))
            for step in taken
            if step in left
        }
        state.tried = pod.wanted

    async def _check_identity(self, namespace: str, pod: HotPod) -> None:
        """Raises ServingError when the address is not this pod's any more; the cache may not know yet."""
        live = await self._client.get(POD, pod.name, namespace)
        if meta.uid_of(live) != pod.uid or pod_ip(live) != pod.address or not is_ready(live):
            raise ServingError("the pod is not the one it was")

    async def _perform(self, state: _Pod, step: Step, problems: dict[str, tuple[str, str]]) -> None:
        pod, adapter = state.pod, step.adapter
        try:
            self._guard()
            if step.operation == "load":
                await self._load(state, adapter)
            else:
                await self._runtime.unload(pod.address, pod.runtime_port, name=adapter.name)
        except ServingError as error:
            problems[adapter.name] = (_verb(step), _told(error))
            self._metrics.operation(step.operation, succeeded=False)
            _log.warning("Adapter not moved", pod=pod.name, operation=_verb(step), error=_told(error))
        else:
            self._metrics.operation(step.operation, succeeded=True)

    async def _load(self, state: _Pod, adapter: WantedAdapter) -> None:
        pod, state.loading = state.pod, adapter
        try:
            await self._runtime.load(
                pod.address, pod.runtime_port, name=adapter.name, source=adapter.source, directory=adapter.directory
            )
        finally:
            state.loading = None

    def _note(self, model: NamespacedName, pod: str, steps: Sequence[Step], left: Sequence[Step]) -> None:
        done = [Moved(step.operation, step.adapter.name, pod) for step in steps if step not in left]
        if done:
            self._moved.setdefault(model, []).extend(done)

    def _delay(self, failures: int) -> float:
        doubled = self._first_retry * 2.0 ** min(failures - 1, 16)
        return min(doubled, _LONGEST_RETRY) * random.uniform(1.0, 1.2)  # noqa: S311 - jitter, not a secret

    def _report(self, model: NamespacedName, states: Mapping[str, _Pod], now: float) -> AdapterReport:
        pending: set[tuple[str, str]] = set()
        problems: list[Problem] = []
        waits = [OBSERVE_EVERY] if states else []
        for state in states.values():
            pod = state.pod
            if state.tried != pod.wanted and now - state.since < ROUTE_PATIENCE:
                pending |= {(pod.backend, adapter.name) for adapter in pod.wanted}
                waits.append(ROUTE_PATIENCE - (now - state.since))
            if state.task is None:
                waits.append(max(0.05, state.look_at - now))
            if "" not in state.problems or state.failures >= _PATIENCE:
                problems += [_problem(pod.name, what) for _, what in sorted(state.problems.items())]
        counted = all(state.observed is not None or state.tried is not None for state in states.values())
        return AdapterReport(
            tuple(problems) + (_shares(states, problems) if counted else ()),
            frozenset(pending),
            tuple(self._moved.pop(model, ())),
            unknown=frozenset(state.pod.name for state in states.values() if state.tried != state.pod.wanted),
            counted=counted,
            missing=sum(len(state.pod.wanted) - len(_present(state)) for state in states.values()),
            next_look=min(waits) if waits else None,
        )


def _cancel(state: _Pod) -> None:
    if state.task is not None:
        state.task.cancel()


def _verb(step: Step) -> str:
    return f"{step.operation} {step.adapter.name}"


def _told(error: Exception) -> str:
    """One short line; secrets go first, since half a secret would not be recognized."""
    return redact(" ".join(str(error).split()))[:_EXCERPT]


def _problem(pod: str, what: tuple[str, str]) -> Problem:
    return Problem("pod", pod, what[0], what[1], reason=LORA_SYNC_FAILED.reason)


def _present(state: _Pod) -> set[str]:
    missing = {step.adapter.name for step in state.left() if step.operation == "load"}
    return set() if state.observed is None else {a.name for a in state.pod.wanted} - missing


def _shares(states: Mapping[str, _Pod], problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """On how many pods each adapter is that some pod failed to get."""
    if not problems:
        return ()
    found: list[Problem] = []
    wanted = sorted({(s.pod.backend, adapter.name) for s in states.values() for adapter in s.pod.wanted})
    for backend, name in wanted:
        pods = [s for s in states.values() if s.pod.backend == backend and name in {a.name for a in s.pod.wanted}]
        have = sum(name in _present(state) for state in pods)
        if have < len(pods):
            found.append(
                Problem("adapter", name, f"loaded on {have}/{len(pods)} pods of {backend}", "", LORA_SYNC_FAILED.reason)
            )
    return tuple(found)
