"""Kubernetes Events (``events.k8s.io/v1``). Recording never blocks a reconcile; Events are sent in the background.

Promises:

- ``event`` never raises and never waits, from any thread; its cost does not grow with the note;
- the queue is bounded: an event that does not fit is dropped;
- at most 50 requests a second, 200 at once, and one a second while keys wait for a worker;
- equal events become a series, and each correlation key costs at most one request a minute (``events_correlator``);
- an event that is dropped or refused is counted, and logged at most once a minute.

Not promised: that an event arrives. A standby keeps its events until it leads.
"""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Callable

import structlog

from controller.client import Client
from controller.meta import Object
from controller.meta.errors import NotFound
from controller.metrics import EventFamilies
from controller.runtime.event_objects import (
    EVENT,
    EventKey,
    EventType,
    checked_component,
    event_key,
    event_name,
    event_object,
    note_of,
    series,
)
from controller.runtime.events_correlator import Action, Create, EventCorrelator, Repeat
from controller.runtime.exceptions import described
from controller.workqueue import TokenBucket

_log = structlog.get_logger("controller.runtime.events")

_CAPACITY = 1000
"""Requests that wait to be sent."""

_REQUESTS_PER_SECOND = 50.0
_BURST = 200
_YIELD_SECONDS = 0.05
_LONGEST_YIELD_SECONDS = 1.0
"""How long an event waits for the controllers to be idle."""

_LOG_EVERY_SECONDS = 60.0


class EventBroadcaster:
    """The queue of all recorders of a process, and the loop that sends it.

    ``instance`` distinguishes this process from its replicas; ``busy`` says whether keys wait for a worker, which then go first.
    """

    def __init__(
        self, client: Client, metrics: EventFamilies, *, instance: str, busy: Callable[[], bool] = lambda: False
    ) -> None:
        self._client = client
        self._metrics = metrics
        self._instance = instance
        self._busy = busy
        self._correlator = EventCorrelator()
        self._bucket: TokenBucket[None] = TokenBucket(_REQUESTS_PER_SECOND, _BURST)
        self._queue: deque[Action] = deque()
        self._early: deque[tuple[EventKey, str, float]] = deque(maxlen=_CAPACITY)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._losses = 0
        self._losses_logged_at = float("-inf")

    def record(self, key: EventKey, note: str) -> None:
        """An event happened now. Returns at once; may be called from any thread, and before an event loop runs."""
        at = time.time()
        running = _running_loop()
        self._loop = self._loop or running
        if self._loop is None:
            self._early.append((key, note, at))
        elif self._loop is running:
            self._observe(key, note, at)
        else:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(self._observe, key, note, at)

    def refuse(self, component: str, error: Exception) -> None:
        """Counts and logs a record that cannot become an Event. May be called from any thread."""
        self._metrics.failed.inc()
        _log.warning("An Event cannot be made", component=component, error=described(error))

    async def run(self) -> None:
        """Send until cancelled."""
        loop = self._loop = asyncio.get_running_loop()
        while self._early:
            self._observe(*self._early.popleft())
        while True:
            for merged in self._correlator.due(loop.time()):
                self._enqueue(merged)
            if not self._queue:
                self._idle.set()
                await self._wait(self._correlator.next_due())
                continue
            await asyncio.sleep(self._bucket.when(None, loop.time()))
            await self._let_work_go_first()
            await self._send(self._queue.popleft())

    async def flush(self) -> None:
        """Wait until all queued requests are sent; events that are merged until a later minute are not waited for."""
        await self._idle.wait()

    def _observe(self, key: EventKey, note: str, at: float) -> None:
        name = event_name(key.name, uuid.uuid4().hex[:16])
        action = self._correlator.observe(key, name, note, asyncio.get_running_loop().time(), at)
        if action is None:
            self._metrics.merged.inc()
            self._wake.set()
        else:
            self._enqueue(action)

    def _enqueue(self, action: Action) -> None:
        if len(self._queue) >= _CAPACITY:
            self._metrics.dropped.inc()
            self._report_loss(action, "too many events are waiting")
            return
        self._queue.append(action)
        self._idle.clear()
        self._wake.set()

    async def _let_work_go_first(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + _LONGEST_YIELD_SECONDS
        while self._busy() and loop.time() < until:  # noqa: ASYNC110 - no event says that the queues are empty
            await asyncio.sleep(_YIELD_SECONDS)

    async def _wait(self, until: float | None) -> None:
        self._wake.clear()
        timeout = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, action: Action) -> None:
        try:
            await self._request(action)
        except Exception as error:  # noqa: BLE001 - an event that cannot be sent must not hurt the next one
            self._metrics.failed.inc()
            self._report_loss(action, described(error))
        else:
            self._metrics.sent.inc()

    async def _request(self, action: Action) -> None:
        key = action.key
        assert isinstance(key, EventKey)
        namespace = key.namespace or "default"
        if isinstance(action, Repeat):
            try:
                await self._client.patch(EVENT, action.name, series(action), namespace=namespace)
                return
            except NotFound:
                action = Create(key, action.name, action.note, action.count, action.first_at, action.last_at)
        await self._client.create(EVENT, event_object(key, action, self._instance), namespace=namespace)

    def _report_loss(self, action: Action, reason: str) -> None:
        self._losses += 1
        now = asyncio.get_running_loop().time()
        if now - self._losses_logged_at < _LOG_EVERY_SECONDS:
            return
        key = action.key
        assert isinstance(key, EventKey)
        name = f"{key.kind} {key.namespace}/{key.name}"
        _log.warning("Events are lost", count=self._losses, example=key.reason, object=name, error=reason)
        self._losses, self._losses_logged_at = 0, now


class EventRecorder:
    """Records events of one component about any object. Raises ValueError for a component that no Event can name."""

    def __init__(self, broadcaster: EventBroadcaster, component: str) -> None:
        self._broadcaster = broadcaster
        self._component = checked_component(component)

    def event(self, obj: Object, type_: EventType, reason: str, note: str, *, action: str | None = None) -> None:
        """Something happened to ``obj``: ``reason`` in CamelCase for machines, ``note`` for people, ``action`` what was being done.

        Secrets in the note are hidden, and it is cut at 1,024 bytes. Never raises, never waits; may be called from any thread. What cannot
        be an Event, such as one about None, is counted as failed and logged.
        """
        try:
            key, text = event_key(obj, type_, reason, action, self._component), note_of(str(note))
        except Exception as error:  # noqa: BLE001 - an Event must not hurt the work that it tells of
            self._broadcaster.refuse(self._component, error)
        else:
            self._broadcaster.record(key, text)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
