"""What goes on around a contender: namespaces, a stand-in for the controller of the workloads, and the audit log that counts requests."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import E4FB6663, Dialect
from controller.envtest import Environment
from controller.meta import Resource, jsonio
from controller.meta.errors import NotFound, TransportError
from hack.bench.contenders import Contender
from hack.bench.objects import NAMESPACES, a_model, available
from hack.bench.processes import Process

CONCURRENCY = 16
_READS = ("get", "list", "watch")
_FOR_EVER = 3600.0


async def bounded(work: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Runs coroutine functions, 16 at a time."""
    pending = list(reversed(list(work)))

    async def worker() -> None:
        while pending:
            await pending.pop()()

    await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))


class Audit:
    """Reads the API server's audit log once, piece by piece. The embedded server keeps none: there nothing is counted."""

    def __init__(self, environment: Environment) -> None:
        self._log = environment.control_plane.audit_log if environment.plane == "real" else None
        self._read = 0

    @property
    def counts(self) -> bool:
        """Whether there is a log to count in."""
        return self._log is not None

    def skip(self) -> None:
        """What has been written so far does not count."""
        self._read = self._log.stat().st_size if self._log is not None and self._log.exists() else 0

    def writes(self, namespace: str, agents: Sequence[str]) -> Counter[str]:
        """The mutating requests of these programs in a namespace since the last call: verb, resource and code; Events as ``events``."""
        if self._log is None:
            return Counter()
        with self._log.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        complete = text.rfind(b"\n") + 1
        self._read += complete
        counts: Counter[str] = Counter()
        for line in text[:complete].splitlines():
            record = jsonio.loads(line)
            if _concerns(record, namespace, agents):
                counts[_kind_of(record)] += 1
        return counts


def _concerns(record: dict[str, Any], namespace: str, agents: Sequence[str]) -> bool:
    target = record.get("objectRef") or {}
    mine = record.get("userAgent", "").startswith(tuple(agents))
    return mine and record["verb"] not in _READS and target.get("namespace") == namespace


def _kind_of(record: dict[str, Any]) -> str:
    target = record["objectRef"]
    if target.get("resource") == "events":
        return "events"
    name = "/".join(filter(None, (target.get("resource"), target.get("subresource"))))
    return f"{record['verb']} {name} {record['responseStatus']['code']}"


class Namespace:
    """A namespace of one round, watched: which Models are Active, and every workload is reported available as soon as it appears."""

    def __init__(self, client: Client, name: str, group: asyncio.TaskGroup, workload: Resource) -> None:
        self.client = client
        self._workload = workload
        self._group = group
        self.name = name
        self.active: set[str] = set()
        self.models: dict[str, int] = {}
        self.infers: dict[str, int] = {}
        self._changed = asyncio.Condition()
        self._guards: list[asyncio.Task[None]] = []

    @classmethod
    @contextlib.asynccontextmanager
    async def create(cls, client: Client, name: str, dialect: Dialect = E4FB6663) -> AsyncIterator["Namespace"]:
        """A new one for Models with children of this dialect, watched as long as the context lasts."""
        await client.create(NAMESPACES, {"metadata": {"name": name}})
        async with asyncio.TaskGroup() as group:
            namespace = cls(client, name, group, dialect.workload)
            watching = [
                group.create_task(namespace._follow(MODEL, namespace._see_model)),
                group.create_task(namespace._follow(dialect.workload, namespace._see_infer)),
            ]
            yield namespace
            for task in (*watching, *namespace._guards):
                task.cancel()

    async def start(self, environment: Environment, contender: Contender) -> Process:
        """The contender at work in this namespace. When it ends before it is stopped, so does everything here."""
        process = await contender.start(environment, self.name)
        self._guards.append(self._group.create_task(process.must_run()))
        return process

    async def add(self, names: Sequence[str]) -> None:
        """Creates these Models, 16 at a time."""
        await bounded(lambda name=name: self.client.create(MODEL, a_model(name), namespace=self.name) for name in names)

    async def until_active(self, names: Iterable[str]) -> None:
        """Returns when all of them are Active."""
        wanted = set(names)
        await self._until(lambda: len(self.active) >= len(wanted) and wanted <= self.active)

    async def until_gone(self, names: Iterable[str]) -> None:
        """Returns when neither these Models nor any of their workloads are left."""
        gone = set(names)
        await self._until(lambda: not self.infers and gone.isdisjoint(self.models))

    async def until_generation(self, model: str = "", *, infer: str = "", generation: int) -> None:
        """Returns when a Model, or a workload, has this generation or a later one."""
        await self._until(lambda: (self.infers.get(infer, 0) if infer else self.models.get(model, 0)) >= generation)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(holds)

    async def _follow(self, resource: Resource, see: Callable[[str, dict[str, Any]], None]) -> None:
        """Sees every change; a watch that the server ends, as it does with a slow one, goes on where it was."""
        version = (await self.client.list(resource, self.name)).resource_version
        while True:
            watch = self.client.watch(
                resource, self.name, resource_version=version, timeout_seconds=_FOR_EVER, idle_timeout=_FOR_EVER
            )
            with contextlib.suppress(TransportError):
                async with watch as events:
                    async for event in events:
                        version = meta.resource_version_of(event.object) or version
                        if event.type in ("ADDED", "MODIFIED", "DELETED"):
                            see(event.type, event.object)
                            async with self._changed:
                                self._changed.notify_all()

    def _see_model(self, type_: str, model: dict[str, Any]) -> None:
        name = _keep(self.models, type_, model)
        if type_ == "DELETED" or not meta.is_condition_true(model, "Active"):
            self.active.discard(name)
        else:
            self.active.add(name)

    def _see_infer(self, type_: str, infer: dict[str, Any]) -> None:
        name = _keep(self.infers, type_, infer)
        if type_ == "ADDED":
            self._report(name, meta.generation_of(infer))

    def _report(self, name: str, generation: int) -> None:
        patch = self.client.patch(
            self._workload, name, available(generation), namespace=self.name, subresource="status"
        )
        self._group.create_task(_tolerant(patch))


def _keep(generations: dict[str, int], type_: str, obj: dict[str, Any]) -> str:
    """Notes the generation of an object, or that it is gone; returns its name."""
    name = meta.name_of(obj)
    if type_ == "DELETED":
        generations.pop(name, None)
    else:
        generations[name] = meta.generation_of(obj)
    return name


async def _tolerant(patch: Awaitable[Any]) -> None:
    with contextlib.suppress(NotFound):
        await patch
