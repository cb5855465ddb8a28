"""Calls pods to load and unload adapters: one task per pod, outside of the reconciler.

No state has to survive a restart of the controller: each engine is asked which adapters it has, again after every restart and change and
every five minutes. When the calls to a pod have ended, its Model is reconciled again.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from controller import meta
from controller.api.kinds import POD
from controller.api.model import Model
from controller.api.pods import is_ready, pod_ip
from controller.client import Client
from controller.lora.access import SECRET, EngineAccess, ResolvedAccess, SecretKey
from controller.lora.engine import AdapterError, EngineClient
from controller.lora.pods import adapter_pods
from controller.lora.state import AdapterPod, AdapterReport, MovedAdapter, PodState, report
from controller.lora.steps import Step, WantedAdapter
from controller.meta import NamespacedName, Object
from controller.meta.errors import ApiError, Forbidden, NotFound
from controller.runtime import redact

_log = structlog.get_logger("controller.adapters")

PODS_AT_ONCE = 8
_EXCERPT = 200
_FIRST_RETRY = 1.0


class AdapterMetrics(Protocol):
    """Counts calls."""

    def operation(self, operation: str, *, succeeded: bool) -> None:
        """A load or an unload ended."""


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
        self._engines = EngineClient()
        self._opened = asyncio.Event()
        self._models: dict[NamespacedName, dict[str, _Work]] = {}
        self._moved: dict[NamespacedName, list[MovedAdapter]] = {}
        self._handlers: list[Callable[[NamespacedName], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def add_handler(self, handler: Callable[[NamespacedName], None]) -> None:
        """Called with the Model whenever the calls to one of its pods have ended: it is to be synced again."""
        self._handlers.append(handler)

    async def run(self) -> None:
        """Makes the calls until it is cancelled; then those in flight are cut off."""
        async with self._engines:
            self._opened.set()
            try:
                await asyncio.Event().wait()
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone or paused: its calls are cancelled."""
        for work in self._models.pop(model, {}).values():
            work.cut_off()
        self._moved.pop(model, None)

    def sync(self, model: Model, pods: Mapping[str, Sequence[Object]]) -> AdapterReport:
        """Starts the calls that bring the pods of a Model to its adapters, and reports how far they are. Returns at once.

        ``pods`` has the pods of each workload that the Model controls, by the workload's name.
        """
        return self._sync(NamespacedName(model.namespace, model.name), adapter_pods(model, pods))

    def paused(self, model: Model, pods: Mapping[str, Sequence[Object]]) -> AdapterReport:
        """Ends all calls for a Model; nothing is known of its pods any more."""
        self.forget(NamespacedName(model.namespace, model.name))
        unasked = frozenset(pod.name for pod in adapter_pods(model, pods))
        return AdapterReport(shares=None if unasked else (), unasked=unasked)

    def _sync(self, model: NamespacedName, pods: Sequence[AdapterPod]) -> AdapterReport:
        if not pods and model not in self._models:
            return AdapterReport()
        works = self._models.setdefault(model, {})
        for uid in works.keys() - {pod.uid for pod in pods}:
            works.pop(uid).cut_off()
        limits = {work.state.pod.workload: work.limit for work in works.values()}
        now = time.monotonic()
        for pod in pods:
            if pod.uid not in works:
                limit = limits.setdefault(pod.workload, asyncio.Semaphore(PODS_AT_ONCE))
                works[pod.uid] = _Work(PodState(pod, since=now), limit)
            elif works[pod.uid].state.take(pod, now):
                works[pod.uid].cut_off()
            self._start(model, works[pod.uid], now)
        busy = {uid for uid, work in works.items() if work.task is not None}
        return report([work.state for work in works.values()], busy, self._moved.pop(model, ()), now)

    def allow_unloads(self, model: NamespacedName) -> None:
        """The live route names only wanted adapters: engines may unload the others."""
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
        """Asks and acts until nothing is left to do or something failed; the wanted adapters may change meanwhile."""
        while True:
            aim = (state.pod, state.unload)
            try:
                await self._round(model, state)
            except (AdapterError, ApiError) as error:
                state.could_not_be_asked(_one_line(error))
            except Exception as error:  # noqa: BLE001 - an error of ours must not end the work on this pod
                _log.exception("Adapters of a pod could not be loaded or unloaded", pod=state.pod.name)
                state.could_not_be_asked(type(error).__name__)
            if aim == (state.pod, state.unload):
                jitter = random.uniform(1.0, 1.2)  # noqa: S311 - not a secret
                return state.rest(time.monotonic(), self._first_retry, jitter)

    async def _round(self, model: NamespacedName, state: PodState) -> None:
        """Asks, takes the steps that are left, and asks again."""
        asked = state.pod
        access = await self._access(model.namespace, asked.access)
        state.observed = await self._engines.list_adapters(asked.address, asked.engine_port, access.key)
        pod, errors, taken = state.pod, dict[str, str](), list[Step]()
        if steps := state.left():
            await self._check_identity(model.namespace, pod)
            for step in steps:
                if state.pod.wanted != pod.wanted:
                    break
                if step.adapter.name not in errors:
                    taken.append(step)
                    await self._perform(state, step, access, errors)
            state.observed = await self._engines.list_adapters(pod.address, pod.engine_port, access.key)
        if moved := state.was_tried(pod.wanted, taken, errors):
            self._moved.setdefault(model, []).extend(moved)

    async def _check_identity(self, namespace: str, pod: AdapterPod) -> None:
        """Raises AdapterError when the address no longer belongs to this pod; the cache may lag behind."""
        live = await self._client.get(POD, pod.name, namespace)
        if meta.uid_of(live) != pod.uid or pod_ip(live) != pod.address or not is_ready(live):
            raise AdapterError("the pod was replaced")

    async def _access(self, namespace: str, access: EngineAccess) -> ResolvedAccess:
        """The keys of an engine as they are now. Raises AdapterError when their Secret cannot be read."""
        key = await self._key(namespace, access.key)
        same = access.admin_key == access.key
        return ResolvedAccess(access, key, key if same else await self._key(namespace, access.admin_key))

    async def _key(self, namespace: str, source: str | SecretKey | None) -> str | None:
        if not isinstance(source, SecretKey):
            return source
        try:
            found = source.value_in(await self._client.get(SECRET, source.secret, namespace))
        except NotFound:
            found = None
        except Forbidden:
            message = f"the API key: the controller may not get Secret {source.secret}; grant it this one right"
            raise AdapterError(message) from None
        if found is None and not source.optional:
            raise AdapterError(f"the API key: Secret {source.secret} has no text under {source.key}")
        return found or None

    async def _perform(self, state: PodState, step: Step, access: ResolvedAccess, errors: dict[str, str]) -> None:
        name = step.adapter.name
        try:
            self._guard()
            await self._take(state, step, access)
        except AdapterError as error:
            errors[name] = _one_line(error)
            self._metrics.operation(step.operation, succeeded=False)
            words = {"operation": step.operation, "adapter": name, "error": _one_line(error)}
            _log.warning("Adapter not moved", pod=state.pod.name, **words)
        else:
            self._metrics.operation(step.operation, succeeded=True)

    async def _take(self, state: PodState, step: Step, access: ResolvedAccess) -> None:
        pod, adapter = state.pod, step.adapter
        if step.operation == "unload":
            if adapter.source:  # it is replaced: the old one serves until the new content is there
                await self._engines.download(
                    pod.address, pod.runtime_port, source=adapter.source, directory=adapter.directory
                )
            if access.by_sidecar:
                await self._engines.unload(pod.address, pod.runtime_port, name=adapter.name)
            else:
                await self._engines.unload_directly(access.url(pod.address, pod.engine_port), name=adapter.name)
            return
        state.loading = adapter
        try:
            await self._load(pod, adapter, access)
        finally:
            state.loading = None

    async def _load(self, pod: AdapterPod, adapter: WantedAdapter, access: ResolvedAccess) -> None:
        source, directory = adapter.source, adapter.directory
        if access.by_sidecar:
            await self._engines.load(
                pod.address, pod.runtime_port, name=adapter.name, source=source, directory=directory
            )
            return
        await self._engines.download(pod.address, pod.runtime_port, source=source, directory=directory)
        url = access.url(pod.address, pod.engine_port)
        await self._engines.load_directly(url, name=adapter.name, directory=directory)


def _one_line(error: Exception) -> str:
    """One short line. Secrets are removed before it is cut, since half a secret would not be recognized."""
    return redact(" ".join(str(error).split()))[:_EXCERPT]
