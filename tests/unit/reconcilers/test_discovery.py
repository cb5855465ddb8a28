"""Families and fronts start once all their kinds exist and may be read, whenever that is."""

import asyncio
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

from controller.api.kinds import MODEL
from controller.dialects import DIALECTS, E4FB6663, V1, Dialect
from controller.fronts import Front
from controller.meta import Resource, jsonio
from controller.meta.errors import ApiError, status_error
from controller.reconcilers.discovery import Discovery

InVirtualTime = Callable[[Coroutine[Any, Any, None]], None]


class Cluster:
    """An API server that has some kinds; ``forbidden`` may not be read, ``error`` is returned for everything."""

    def __init__(self, *resources: Resource) -> None:
        self.resources = set(resources)
        self.forbidden: set[Resource] = set()
        self.error: ApiError | None = None

    async def raw(self, _: str, path: str) -> bytes:
        if self.error is not None:
            raise self.error
        if path == "/version":
            return jsonio.dumps({"major": "1", "minor": "31+"})
        plurals = [each.plural for each in self.resources if path == f"/apis/{each.api_version}"]
        if not plurals:
            raise status_error(404, "404 page not found")
        return jsonio.dumps({"resources": [{"name": plural} for plural in plurals]})

    async def list(self, resource: Resource, namespace: str | None, *, limit: int) -> None:
        if resource in self.forbidden:
            raise status_error(403, {"reason": "Forbidden"})


class Started:
    """What was started, in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.missing: list[tuple[str, tuple[Resource, ...]]] = []
        self.version: tuple[int, int] | None = None

    def start_family(self, dialect: Dialect) -> Any:
        self.names.append(dialect.name)
        return SimpleNamespace(informers=())

    def start_front(self, front: Front) -> None:
        self.names.append(front.resource.kind)

    def note_version(self, version: tuple[int, int] | None) -> None:
        self.version = version

    def note_missing(self, dialect: Dialect, resources: tuple[Resource, ...]) -> None:
        self.missing.append((dialect.name, resources))

    def reconcile_all(self) -> None:
        self.names.append("all")


def discovering(cluster: Any, *dialects: Dialect) -> tuple[Discovery, Started]:
    started = Started()
    return Discovery(cluster, started, dialects or DIALECTS.values()), started


async def test_what_exists_is_started_once_and_everything_is_reconciled_when_it_is_ready() -> None:
    discovery, started = discovering(Cluster(MODEL, *E4FB6663.children))
    await discovery.look()
    await asyncio.sleep(0)
    await discovery.look()
    await asyncio.sleep(0)
    assert started.names == [E4FB6663.name, "Model", "all"]
    assert started.version == (1, 31)
    assert discovery.missing() is None


async def test_one_family_is_looked_for_alone_and_needs_no_second_front() -> None:
    """Without the kind of ModelBoosters its Models are served all the same; the other family is not started, though it is there."""
    discovery, started = discovering(Cluster(MODEL, *E4FB6663.children, *V1.children), V1)
    await discovery.look()
    await asyncio.sleep(0)
    assert started.names == [V1.name, "Model", "all"]
    assert discovery.missing() is None
    without, _ = discovering(Cluster(MODEL, *E4FB6663.children), V1)
    await without.look()
    assert f"{V1.name} lacks" in str(without.missing())
    assert E4FB6663.name not in str(without.missing())


async def test_a_family_that_lacks_a_kind_is_told_once_a_change() -> None:
    """A kind that appears makes the list shorter; the last one starts the family. The families share the kinds of routing."""
    cluster = Cluster(MODEL, *E4FB6663.children[2:])
    discovery, started = discovering(cluster, E4FB6663, V1)
    await discovery.look()
    await discovery.look()
    absent_of_v1 = tuple(each for each in V1.children if each not in E4FB6663.children[2:])
    assert started.missing == [(E4FB6663.name, E4FB6663.children[:2]), (V1.name, absent_of_v1)]
    assert started.names == ["Model"]
    said = discovery.missing() or ""
    assert f"{E4FB6663.name} lacks {', '.join(each.key for each in E4FB6663.children[:2])}" in said
    cluster.resources.add(E4FB6663.children[0])
    await discovery.look()
    assert (E4FB6663.name, E4FB6663.children[1:2]) in started.missing[2:]
    cluster.resources.add(E4FB6663.children[1])
    await discovery.look()
    assert E4FB6663.name in started.names


async def test_a_kind_that_may_not_be_read_is_missing() -> None:
    cluster = Cluster(MODEL, *E4FB6663.children)
    cluster.forbidden = {E4FB6663.route}
    discovery, started = discovering(cluster)
    await discovery.look()
    assert (E4FB6663.name, (E4FB6663.route,)) in started.missing


def test_preparing_ends_with_the_first_answer(virtual_time: InVirtualTime) -> None:
    """An API server that cannot answer is asked again every second, and the probe says what is waited for."""

    async def scenario() -> None:
        cluster = Cluster(MODEL, *E4FB6663.children)
        cluster.error = status_error(503, "not yet")
        discovery, started = discovering(cluster)
        prepared = asyncio.create_task(discovery.prepare())
        await asyncio.sleep(5.5)
        assert not prepared.done()
        assert discovery.missing() == "waiting for the API server's list of kinds"
        cluster.error = None
        await prepared
        assert started.names[:2] == [E4FB6663.name, "Model"]

    virtual_time(scenario())


def test_looking_goes_on(virtual_time: InVirtualTime) -> None:
    """Through errors, until it is cancelled; a kind that comes late is found within ten seconds."""

    async def scenario() -> None:
        cluster = Cluster(MODEL)
        discovery, started = discovering(cluster)
        running = asyncio.create_task(discovery.run())
        await asyncio.sleep(11)
        assert started.names == ["Model"]
        cluster.error = status_error(500, "broken")
        await asyncio.sleep(10)
        cluster.error = None
        cluster.resources |= set(V1.children)
        await asyncio.sleep(10)
        assert started.names == ["Model", V1.name, "all"]
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    virtual_time(scenario())
