"""LoRA adapters of running engines: the calls to pods, one task per pod, outside of the reconciler.

Nothing is remembered that matters: what a pod has is asked of its engine, again after every restart and change and every five minutes.
When the calls to a pod have ended, its Model is looked at again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from controller import meta
from controller.api.kinds import POD
from controller.client import Client
from controller.meta import NamespacedName
from controller.meta.errors import ApiError
from controller.reconcilers.adapter_state import AdapterReport, HotPod, Moved, PodState, report, verb
from controller.reconcilers.pods import is_ready, pod_ip
from controller.runtime import redact
from controller.serving import AdapterRuntime, ServingError, Step, WantedAdapter

_log = structlog.get_logger("controller.adapters")

PODS_AT_ONCE = 8
_EXCERPT = 200
_FIRST_RETRY = 1.0


class AdapterMetrics(Protocol):
    """Told of every call."""

    def operation(self, operation: str, *, succeeded: bool) -> None:
        """One load or unload ended."""


@dataclass(slots=True)
class _Work:
    """A pod, its backend's limit, and the task that works on it, if any does."""

    state: PodState
    limit: asyncio.Semaphore
    task: asyncio.Task[None] | None = None

    def cut_off(self) -> None:
        if self.task is not None:
            self.task.cancel()
            self.task = None


class AdapterSync:
    """Moves adapters for all Models, at most eight pods of a backend at once; ``guard`` raises when this process must not write."""

    def __init__(
        self, client: Client, guard: Callable[[], None], metrics: AdapterMetrics, *, first_retry: float = _FIRST_RETRY
    ) -> None:
        self._client = client
        self._guard = guard
        self._metrics = metrics
        self._first_retry = first_retry
        self._runtime = AdapterRuntime()
        self._opened = asyncio.Event()
        self._models: dict[NamespacedName, dict[str, _Work]] = {}
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
        for work in self._models.pop(model, {}).values():
            work.cut_off()
        self._moved.pop(model, None)

    def sync(self, model: NamespacedName, pods: Sequence[HotPod]) -> AdapterReport:
        """Takes in what these pods should have, starts what has to be done, and tells how far they are. Returns at once."""
        if not pods and model not in self._models:
            return AdapterReport()
        works = self._models.setdefault(model, {})
        for uid in works.keys() - {pod.uid for pod in pods}:
            works.pop(uid).cut_off()
        limits = {work.state.pod.backend: work.limit for work in works.values()}
        now = time.monotonic()
        for pod in pods:
            if pod.uid not in works:
                limit = limits.setdefault(pod.backend, asyncio.Semaphore(PODS_AT_ONCE))
                works[pod.uid] = _Work(PodState(pod, since=now), limit)
            elif works[pod.uid].state.take(pod, now):
                works[pod.uid].cut_off()
            self._start(model, works[pod.uid], now)
        busy = {uid for uid, work in works.items() if work.task is not None}
        return report([work.state for work in works.values()], busy, self._moved.pop(model, ()), now)

    def allow_unloads(self, model: NamespacedName) -> None:
        """The live route names no adapter any more that is not wanted: engines may forget those."""
        now = time.monotonic()
        for work in self._models.get(model, {}).values():
            if not work.state.unload:
                work.state.unload = True
                self._start(model, work, now)

    def _start(self, model: NamespacedName, work: _Work, now: float) -> None:
        if work.task is None and work.state.is_due(now):
            work.task = asyncio.create_task(self._work(model, work), name=f"adapters of {work.state.pod.name}")
            self._tasks.add(work.task)
            work.task.add_done_callback(self._tasks.discard)

    async def _work(self, model: NamespacedName, work: _Work) -> None:
        try:
            await self._opened.wait()
            async with work.limit:
                await self._rounds(model, work.state)
        finally:
            if work.task is asyncio.current_task():
                work.task = None
        for handler in self._handlers:
            handler(model)

    async def _rounds(self, model: NamespacedName, state: PodState) -> None:
        """Looks and acts until nothing is left to do or something failed; what is wanted may change meanwhile."""
        while True:
            aim = (state.pod, state.unload)
            try:
                await self._round(model, state)
            except (ServingError, ApiError) as error:
                state.could_not_be_asked(_told(error))
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the care for this pod
                _log.exception("Adapters of a pod could not be moved", pod=state.pod.name)
                state.could_not_be_asked(type(error).__name__)
            if aim == (state.pod, state.unload):
                jitter = random.uniform(1.0, 1.2)  # noqa: S311 - not a secret
                return state.rest(time.monotonic(), self._first_retry, jitter)

    async def _round(self, model: NamespacedName, state: PodState) -> None:
        """Asks, takes the steps that are left, and asks again."""
        asked = state.pod
        state.observed = await self._runtime.list_adapters(asked.address, asked.engine_port)
        pod, errors, taken = state.pod, dict[str, str](), list[Step]()
        if steps := state.left():
            await self._check_identity(model.namespace, pod)
            for step in steps:
                if state.pod.wanted != pod.wanted:
                    break
                if step.adapter.name not in errors:
                    taken.append(step)
                    await self._perform(state, step, errors)
            state.observed = await self._runtime.list_adapters(pod.address, pod.engine_port)
        if moved := state.was_tried(pod.wanted, taken, errors):
            self._moved.setdefault(model, []).extend(moved)

    async def _check_identity(self, namespace: str, pod: HotPod) -> None:
        """Raises ServingError when the address is not this pod's any more; the cache may not know yet."""
        live = await self._client.get(POD, pod.name, namespace)
        if meta.uid_of(live) != pod.uid or pod_ip(live) != pod.address or not is_ready(live):
            raise ServingError("the pod is not the one it was")

    async def _perform(self, state: PodState, step: Step, errors: dict[str, str]) -> None:
        pod, adapter = state.pod, step.adapter
        try:
            self._guard()
            if step.operation == "load":
                await self._load(state, adapter)
            else:
                await self._runtime.unload(pod.address, pod.runtime_port, name=adapter.name)
        except ServingError as error:
            errors[adapter.name] = _told(error)
            self._metrics.operation(step.operation, succeeded=False)
            _log.warning("Adapter not moved", pod=pod.name, operation=verb(step), error=_told(error))
        else:
            self._metrics.operation(step.operation, succeeded=True)

    async def _load(self, state: PodState, adapter: WantedAdapter) -> None:
        pod, state.loading = state.pod, adapter
        try:
            await self._runtime.load(
                pod.address, pod.runtime_port, name=adapter.name, source=adapter.source, directory=adapter.directory
            )
        finally:
            state.loading = None


def _told(error: Exception) -> str:
    """One short line; secrets go first, since half a secret would not be recognized."""
    return redact(" ".join(str(error).split()))[:_EXCERPT]
