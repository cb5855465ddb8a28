"""Shared informers on both control planes: what handlers are told, and which objects a cache holds."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller import meta
from controller.client import Client, static_config
from controller.informers import (
    BY_NAMESPACE,
    CacheOptions,
    Delta,
    DeltaType,
    ReflectorOptions,
    SharedInformer,
    SharedInformerFactory,
)
from controller.meta import LabelSelector, Resource
from tests.support.factories import eventually
from tests.support.rights import NAMESPACES

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


async def put(client: Client, namespace: str, name: str, **labels: str) -> None:
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"k": name}}
    await client.create(CONFIG_MAP, body)


@contextlib.asynccontextmanager
async def running(factory: SharedInformerFactory) -> AsyncIterator[None]:
    """The factory at work, synced."""
    task = asyncio.create_task(factory.run())
    try:
        await factory.wait_for_sync()
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Hearing:
    """A handler that remembers."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []

    def __call__(self, delta: Delta) -> None:
        self.deltas.append(delta)

    def summary(self) -> list[tuple[str, str, bool]]:
        """Type, name, and whether it belongs to an initial list."""
        return [(delta.type.value, meta.name_of(delta.object), delta.in_initial_list) for delta in self.deltas]


async def in_cache(informer: SharedInformer, *names: str) -> None:
    """Waits until the cache holds exactly these."""

    async def holds() -> bool:
        return {meta.name_of(obj) for obj in informer.lister.list()} == set(names)

    await eventually(holds)


async def test_a_handler_is_synced_once_it_knows_the_first_list(client: Client, namespace: str) -> None:
    """Not before, and then for good; what comes later is no initial list."""
    await put(client, namespace, "a")
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="!ignored"))
    hearing = Hearing()
    registration = informer.add_handler(hearing)
    assert not registration.has_synced
    await put(client, namespace, "ignored", ignored="")
    async with running(factory):
        assert registration.has_synced
        names = {meta.name_of(delta.object) for delta in hearing.deltas if delta.in_initial_list}
        assert "a" in names
        assert "ignored" not in names
        hearing.deltas.clear()
        await put(client, namespace, "b")
        await in_cache(informer, *names, "b")
    assert hearing.summary() == [("ADDED", "b", False)]


async def test_a_late_handler_is_told_of_all_there_is(client: Client, namespace: str) -> None:
    """As part of the initial list, before add_handler returns, and each change once from then on."""
    await put(client, namespace, "a", mine="")
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine"))
    async with running(factory):
        hearing = Hearing()
        registration = informer.add_handler(hearing)
        assert registration.has_synced
        assert hearing.summary() == [("ADDED", "a", True)]
        await put(client, namespace, "b", mine="")
        await in_cache(informer, "a", "b")
    assert hearing.summary() == [("ADDED", "a", True), ("ADDED", "b", False)]


async def test_a_handler_added_by_a_handler_hears_of_everything_once(client: Client, namespace: str) -> None:
    """The change that is being told is part of its replay and is not told again."""
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine"))
    late = Hearing()

    def introduce(delta: Delta) -> None:
        informer.add_handler(late)

    informer.add_handler(introduce)
    async with running(factory):
        await put(client, namespace, "a", mine="")
        await in_cache(informer, "a")
    assert late.summary() == [("ADDED", "a", True)]


async def test_a_handler_that_raises_hurts_no_other(client: Client, namespace: str) -> None:
    """It is logged; the next handler and the next event are not affected."""
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine"))
    hearing = Hearing()

    def broken(delta: Delta) -> None:
        raise LookupError(meta.name_of(delta.object))

    informer.add_handler(broken)
    informer.add_handler(hearing)
    with capture_logs() as logs:
        async with running(factory):
            await put(client, namespace, "a", mine="")
            await put(client, namespace, "b", mine="")
            await in_cache(informer, "a", "b")
    assert hearing.summary() == [("ADDED", "a", False), ("ADDED", "b", False)]
    assert [line["event"] for line in logs].count("A handler failed") == 2


async def test_an_informer_of_metadata_never_holds_more(client: Client, namespace: str) -> None:
    """Neither of what was there nor of what comes; its objects have their own kind, not that of the answer."""
    await put(client, namespace, "listed", mine="")
    factory = SharedInformerFactory(client)
    informer = factory.informer(
        CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine", metadata_only=True)
    )
    async with running(factory):
        await put(client, namespace, "watched", mine="")
        await in_cache(informer, "listed", "watched")
        held: list[Any] = informer.lister.list()
    assert [set(obj) for obj in held] == [{"apiVersion", "kind", "metadata"}] * 2
    assert {(obj["apiVersion"], obj["kind"]) for obj in held} == {("v1", "ConfigMap")}
    listed = await client.list(CONFIG_MAP, namespace, label_selector="mine", metadata_only=True)
    assert {(item["apiVersion"], item["kind"]) for item in listed.items} == {
        ("meta.k8s.io/v1", "PartialObjectMetadata")
    }


async def test_several_namespaces_are_one_cache_and_others_stay_out(client: Client, namespace: str) -> None:
    """Each is listed and watched by itself, and all have to be before it counts as synced."""
    second, foreign = f"{namespace}-two", f"{namespace}-three"
    for name in (second, foreign):
        await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    for where in (namespace, second, foreign):
        await put(client, where, "listed", mine="")
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace, second, second], label_selector="mine"))
    hearing = Hearing()
    informer.add_handler(hearing)
    async with running(factory):
        for where in (foreign, second, namespace):
            await put(client, where, "watched", mine="")
        await in_cache(informer, "listed", "watched")

        async def four() -> bool:
            return len(informer.lister.list()) == 4

        await eventually(four)
        for where in (namespace, second):
            assert {meta.name_of(obj) for obj in informer.lister.by_index(BY_NAMESPACE, where)} == {"listed", "watched"}
        assert informer.lister.list(foreign) == []
    assert {meta.namespace_of(delta.object) for delta in hearing.deltas} == {namespace, second}
    for name in (second, foreign):
        await client.delete(NAMESPACES, name)


async def test_a_label_edit_moves_an_object_out_of_a_selection_and_back(client: Client, namespace: str) -> None:
    """It exists all the time, yet this cache is told of a deletion and an addition."""
    await put(client, namespace, "a", mine="")
    factory = SharedInformerFactory(client)
    informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine"))
    hearing = Hearing()
    informer.add_handler(hearing)
    async with running(factory):
        for value in (None, ""):
            await client.patch(CONFIG_MAP, "a", {"metadata": {"labels": {"mine": value}}}, namespace=namespace)
            await in_cache(informer, *(["a"] if value == "" else []))
        assert len(informer.lister.list(selector=LabelSelector.parse("mine"))) == 1
    assert [delta.type for delta in hearing.deltas] == [DeltaType.ADDED, DeltaType.DELETED, DeltaType.ADDED]


async def test_what_keep_leaves_out_is_treated_as_not_selected(client: Client, namespace: str) -> None:
    """In the first list, in later events, and when an own write is recorded; an object that changes sides comes and goes."""

    def is_ours(obj: meta.Object) -> bool:
        return meta.labels_of(obj).get("whose") == "ours"

    await put(client, namespace, "a", whose="ours")
    await put(client, namespace, "b", whose="theirs")
    factory = SharedInformerFactory(client, namespaces=(namespace,))
    informer = factory.informer(CONFIG_MAP, CacheOptions(label_selector="whose", keep=is_ours))
    hearing = Hearing()
    informer.add_handler(hearing)
    async with running(factory):
        await put(client, namespace, "c", whose="theirs")
        informer.record(await client.get(CONFIG_MAP, "b", namespace))
        for name, whose in (("a", "theirs"), ("b", "ours")):
            await client.patch(CONFIG_MAP, name, {"metadata": {"labels": {"whose": whose}}}, namespace=namespace)

        async def is_swapped() -> bool:
            return [key.name for key in informer.lister.keys()] == ["b"]  # noqa: SIM118 - a lister is no mapping

        assert await eventually(is_swapped)
    assert hearing.summary() == [("ADDED", "a", True), ("DELETED", "a", False), ("ADDED", "b", False)]


@pytest.mark.parametrize("namespaces", [(), ("team",)], ids=["all namespaces", "one namespace"])
async def test_the_first_own_write_is_in_an_empty_cache_at_once(namespaces: tuple[str, ...]) -> None:
    """An empty store is a store too: the next pass must see what the last one created."""
    async with await Client.connect(static_config("http://127.0.0.1:1")) as nobody:
        informer = SharedInformerFactory(nobody).informer(CONFIG_MAP, CacheOptions(namespaces=namespaces))
        informer.record({"metadata": {"name": "a", "namespace": "team", "resourceVersion": "7"}})
        assert informer.lister.get("a", "team") is not None
        informer.record({"metadata": {"name": "b", "namespace": "other", "resourceVersion": "8"}})
        assert (informer.lister.get("b", "other") is None) is bool(namespaces)


async def test_an_informer_that_is_made_late_starts_at_once(client: Client, namespace: str) -> None:
    """And is waited for like the others."""
    await put(client, namespace, "a", mine="")
    factory = SharedInformerFactory(client)
    async with running(factory):
        informer = factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace], label_selector="mine"))
        assert factory.unsynced() == [f"configmaps (namespace {namespace}: not listed yet)"]
        await factory.wait_for_sync()
        await in_cache(informer, "a")


async def test_a_loop_without_a_sign_of_life_is_overdue(
    client: Client, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before it was started, not while it has time; a watch has its window, ten seconds, and a little slack."""
    factory = SharedInformerFactory(client, options=ReflectorOptions(watch_timeout=100))
    factory.informer(CONFIG_MAP, CacheOptions(namespaces=[namespace]))
    assert factory.overdue() is None
    async with running(factory):
        assert factory.overdue() is None
    for later, problem in ((50, None), (1000, f"the watch of configmaps in namespace {namespace} is overdue by")):
        now = time.monotonic() + later
        monkeypatch.setattr("controller.informers.reflector.time", SimpleNamespace(monotonic=lambda now=now: now))
        found = factory.overdue()
        assert found is None if problem is None else found is not None and found.startswith(problem)
