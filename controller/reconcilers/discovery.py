"""Finds out which families of the API a cluster has, and keeps looking: CRDs may be installed at any time."""

import asyncio
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

import structlog

from controller.client import Client
from controller.dialects import Dialect
from controller.fronts import FRONTS, Front
from controller.meta import Resource, jsonio
from controller.meta.errors import ApiError, Forbidden, NotFound, StatusError
from controller.reconcilers.families import Family

_log = structlog.get_logger("controller.discovery")

_EVERY_SECONDS = 10.0
_RETRY_SECONDS = 1.0


class Starter(Protocol):
    """Starts what was found."""

    def start_family(self, dialect: Dialect) -> Family:
        """The kinds of this dialect exist."""

    def start_front(self, front: Front) -> None:
        """The kind of this front exists."""

    def note_version(self, version: tuple[int, int] | None) -> None:
        """The API server's version, before anything is started; None when it does not say."""

    def note_missing(self, dialect: Dialect, resources: tuple[Resource, ...]) -> None:
        """These kinds of a dialect do not exist or may not be read, so that it cannot start."""

    def reconcile_all(self) -> None:
        """A family became ready."""


class Discovery:
    """Starts each of these dialects and their fronts once all kinds exist and may be read in the namespaces (none: in all).

    What is absent is logged once and holds up nothing else.
    """

    def __init__(
        self, client: Client, starter: Starter, dialects: Iterable[Dialect], namespaces: tuple[str, ...] = ()
    ) -> None:
        self._client = client
        self._dialects = tuple(dialects)
        self._fronts = fronts_of(self._dialects)
        self._namespaces = namespaces
        self._starter = starter
        self._absent: dict[str, tuple[Resource, ...]] = {}
        self._started: set[str] = set()
        self._looked = False
        self._waiting: set[asyncio.Task[None]] = set()

    async def prepare(self) -> None:
        """Returns once it has looked: what exists at the start is cached before this process may lead."""
        while not self._looked:
            try:
                await self.look()
            except ApiError as error:
                _log.warning("Cannot discover which kinds exist", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)

    async def run(self) -> None:
        """Looks every ten seconds until cancelled."""
        try:
            while True:
                await asyncio.sleep(_EVERY_SECONDS)
                try:
                    await self.look()
                except ApiError as error:
                    _log.warning("Cannot discover which kinds exist", error=str(error))
        finally:
            for task in self._waiting:
                task.cancel()

    def missing(self) -> str | None:
        """For a readiness probe: why nothing can be reconciled yet; None once something can."""
        families = [dialect for dialect in self._dialects if dialect.name in self._started]
        fronts = [front for front in self._fronts if front.resource.kind in self._started]
        if families and fronts:
            return None
        absent = (f"{name} lacks {', '.join(each.key for each in lacking)}" for name, lacking in self._absent.items())
        return f"missing CRDs: {'; '.join(absent)}" if self._looked else "waiting for the API server's list of kinds"

    async def look(self) -> None:
        """Starts what is there and was not before. Raises ApiError."""
        if not self._looked:
            self._starter.note_version(await cluster_version(self._client))
        for dialect in self._dialects:
            before = self._absent.get(dialect.name, ())
            if await self._appeared(dialect.name, dialect.children):
                family = self._starter.start_family(dialect)
                task = asyncio.create_task(self._announce_ready(family))
                self._waiting.add(task)
                task.add_done_callback(self._waiting.discard)
            elif (lacking := self._absent.get(dialect.name, ())) != before:
                self._starter.note_missing(dialect, lacking)
        for front in self._fronts:
            if await self._appeared(front.resource.kind, [front.resource]):
                self._starter.start_front(front)
        self._looked = True

    async def _announce_ready(self, family: Family) -> None:
        await asyncio.gather(*(informer.wait_for_sync() for informer in family.informers))
        self._starter.reconcile_all()

    async def _appeared(self, name: str, resources: Iterable[Resource]) -> bool:
        if name in self._started:
            return False
        absent = tuple([resource for resource in resources if not await self._is_usable(resource)])
        if absent:
            if name not in self._absent:
                keys = [resource.key for resource in absent]
                _log.info("Not served until it is installed and may be read", family=name, absent=keys)
            self._absent[name] = absent
            return False
        self._absent.pop(name, None)
        self._started.add(name)
        _log.info("Serving", family=name)
        return True

    async def _is_usable(self, resource: Resource) -> bool:
        """Whether the kind exists and may be read: one without the rights for it must not hold up the other family."""
        if resource.plural not in await self._plurals(resource):
            return False
        try:
            for namespace in self._namespaces or (None,):
                await self._client.list(resource, namespace, limit=1)
        except Forbidden:
            return False
        return True

    async def _plurals(self, resource: Resource) -> set[str]:
        try:
            answer = await self._client.raw("GET", f"/apis/{resource.group}/{resource.version}")
        except NotFound:
            return set()
        return {str(entry.get("name")) for entry in jsonio.loads(answer).get("resources") or ()}


def fronts_of(dialects: Collection[Dialect]) -> tuple[Front, ...]:
    """The fronts whose children can be in one of these dialects."""
    return tuple(front for front in FRONTS if front.dialect is None or front.dialect in dialects)


async def cluster_version(client: Client) -> tuple[int, int] | None:
    """Major and minor version of the API server; None when it refuses to say. Raises ApiError when there is no answer."""
    try:
        answer = jsonio.loads(await client.raw("GET", "/version"))
    except (StatusError, ValueError):
        return None
    fields = answer if isinstance(answer, Mapping) else {}
    major, minor = (re.match(r"[0-9]{1,9}", str(fields.get(name, ""))) for name in ("major", "minor"))
    return (int(major[0]), int(minor[0])) if major and minor else None
