"""Kubernetes Events (``events.k8s.io/v1``) that cost a reconciliation nothing: recorded in memory, sent at leisure.

Promises: ``event`` never raises and never waits; the queue is bounded, what does not fit is dropped and counted; requests go out at 50 a
second, 200 at once, and while keys wait for a worker one a second; equal events become a series, and one matter costs at most one request a minute (``events_correlator``).
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import structlog

from controller.client import Client
from controller.meta import Object, Resource, format_micro_time, name_of, namespace_of, uid_of
from controller.meta.errors import NotFound
from controller.metrics import EventFamilies
from controller.runtime.events_correlator import Action, Create, EventCorrelator, Repeat
from controller.runtime.logging import redact
from controller.workqueue import TokenBucket

_log = structlog.get_logger("controller.runtime.events")

EVENT = Resource("events.k8s.io", "v1", "events", "Event")
EventType = Literal["Normal", "Warning"]

NOTE_BYTES = 1024
_LABEL_CHARS = 128
_NAME_CHARS = 253 - 17
_CAPACITY = 1000
_RATE = 50.0
_BURST = 200
_YIELD = 0.05
_LONGEST_YIELD = 1.0


@dataclass(frozen=True, slots=True)
class Matter:
    """What makes two events equal but for their note."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str
    type: EventType
    reason: str
    action: str
    component: str


class EventBroadcaster:
    """The queue of all recorders of a process, and the loop that empties it.

    ``instance`` tells this process from its replicas; ``busy`` whether there is work that should have the API server first.
    """

    def __init__(
        self, client: Client, metrics: EventFamilies, *, instance: str, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._instance = instance
        self._busy = busy
        self._correlator = EventCorrelator()
        self._bucket: TokenBucket[None] = TokenBucket(_RATE, _BURST)
        self._queue: deque[Action] = deque()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def record(self, matter: Matter, note: str) -> None:
        """An event happened. Returns at once, whatever becomes of it."""
        name = f"{matter.name[:_NAME_CHARS]}.{uuid.uuid4().hex[:16]}"
        action = self._correlator.observe(matter, name, note, asyncio.get_running_loop().time())
        if action is None:
            self._metrics.merged.inc()
            self._wake.set()
        else:
            self._enqueue(action)

    async def run(self) -> None:
        """Send until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            for kept in self._correlator.due(loop.time()):
                self._enqueue(kept)
            if not self._queue:
                self._idle.set()
                await self._wait(self._correlator.next_due())
                continue
            await asyncio.sleep(self._bucket.when(None, loop.time()))
            await self._let_work_go_first()
            await self._send(self._queue.popleft())

    async def _let_work_go_first(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_YIELD
        while self._busy() and loop.time() < until:  # noqa: ASYNC110 - what makes it quiet has no event
            await asyncio.sleep(_YIELD)

    async def flush(self) -> None:
        """Wait until everything queued has been sent; what is kept for a later minute is not waited for."""
        await self._idle.wait()

    def _enqueue(self, action: Action) -> None:
        if len(self._queue) >= _CAPACITY:
            self._metrics.dropped.inc()
            return
        self._queue.append(action)
        self._idle.clear()
        self._wake.set()

    async def _wait(self, until: float | None) -> None:
        self._wake.clear()
        timeout = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, action: Action) -> None:
        matter = action.key
        assert isinstance(matter, Matter)
        try:
            await self._request(matter, action)
        except Exception as error:  # noqa: BLE001 - an event that cannot be sent must not hurt the next one
            self._metrics.failed.inc()
            _log.debug("Event not accepted", reason=matter.reason, object=matter.name, error=str(error))
        else:
            self._metrics.sent.inc()

    async def _request(self, matter: Matter, action: Action) -> None:
        now = format_micro_time(datetime.now(UTC))
        namespace = matter.namespace or "default"
        if isinstance(action, Repeat):
            series = {"series": {"count": action.count, "lastObservedTime": now}}
            try:
                await self._client.patch(EVENT, action.name, series, namespace=namespace)
                return
            except NotFound:
                action = Create(action.key, action.name, action.note, action.count)
        await self._client.create(EVENT, event_object(matter, action, self._instance, now), namespace=namespace)


class EventRecorder:
    """Records events of one component about any object."""

    def __init__(self, broadcaster: EventBroadcaster, component: str) -> None:
        self._broadcaster = broadcaster
        self._component = component

    def event(self, obj: Object, type_: EventType, reason: str, note: str, *, action: str | None = None) -> None:
        """Something happened to ``obj``: ``reason`` in CamelCase for machines, ``note`` for people, ``action`` what was being done.

        Secrets in the note are hidden and it is cut at 1,024 bytes. Never raises, never waits.
        """
        matter = Matter(
            api_version=str(obj.get("apiVersion", "")),
            kind=str(obj.get("kind", "")),
            namespace=namespace_of(obj),
            name=name_of(obj),
            uid=uid_of(obj),
            type=type_,
            reason=reason[:_LABEL_CHARS],
            action=(action or reason)[:_LABEL_CHARS],
            component=self._component,
        )
        self._broadcaster.record(matter, cut(redact(note), NOTE_BYTES))


def event_object(matter: Matter, action: Create, instance: str, now: str) -> dict[str, Any]:
    """The Event as it is posted; ``now`` has six fractional digits."""
    series = {"series": {"count": action.count, "lastObservedTime": now}} if action.count > 1 else {}
    regarding = {"apiVersion": matter.api_version, "kind": matter.kind, "name": matter.name, "uid": matter.uid}
    if matter.namespace:
        regarding["namespace"] = matter.namespace
    return {
        "apiVersion": EVENT.api_version,
        "kind": EVENT.kind,
        "metadata": {"name": action.name, "namespace": matter.namespace or "default"},
        "eventTime": now,
        "type": matter.type,
        "reason": matter.reason,
        "action": matter.action,
        "note": action.note,
        "regarding": regarding,
        "reportingController": matter.component,
        "reportingInstance": instance[:_LABEL_CHARS],
        **series,
    }


def cut(text: str, size: int) -> str:
    """The text, or its start and an ellipsis, in at most ``size`` bytes of UTF-8."""
    data = text.encode("utf-8", "replace")
    if len(data) <= size:
        return data.decode()
    return data[: size - len("…".encode())].decode("utf-8", "ignore") + "…"
