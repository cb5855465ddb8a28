"""The order in which a manager starts and stops, and what one missing part means for the others."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.envtest.environment import CRD, install_crds
from controller.leaderelection import LEASE, LeaderElectionConfig
from controller.meta import Resource
from controller.meta.errors import NotFound
from controller.runtime import ControllerBuilder, GraceExceeded, Manager, ManagerOptions, Request, Result
from controller.testing import eventually
from tests.support.managers import Running

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


def options(namespace: str, **changes: Any) -> ManagerOptions:
    return ManagerOptions(
        **{
            "metrics_bind_address": "0",
            "health_probe_bind_address": "127.0.0.1:0",
            "namespaces": (namespace,),
            "leader_election": LeaderElectionConfig(namespace, "lease", "me", 600, 300, 0.2),
            **changes,
        }
    )


async def holder(client: Client, namespace: str) -> str | None:
    return meta.spec_of(await client.get(LEASE, "lease", namespace)).get("holderIdentity")


class Recording:
    """A reconciler that notes what it was called for."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def reconcile(self, request: Request) -> Result:
        """Notes it."""
        self.seen.append(request.name)
        return Result()

    async def until_seen(self, name: str) -> None:
        """Waits until it was called for this name."""

        async def seen() -> bool:
            return name in self.seen

        await eventually(seen)


class Slow:
    """A runnable that needs ``seconds`` to end after it was cancelled, and notes who held the lease then."""

    def __init__(self, client: Client, namespace: str, seconds: float) -> None:
        self._client = client
        self._namespace = namespace
        self._seconds = seconds
        self.started = asyncio.Event()
        self.holders: list[str | None] = []

    async def run(self) -> None:
        """Runs until cancelled, and then some."""
        self.started.set()
        try:
            await asyncio.Event().wait()
        finally:
            end = asyncio.get_running_loop().time() + self._seconds
            while asyncio.get_running_loop().time() < end:
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue
            self.holders.append(await holder(self._client, self._namespace))


async def test_the_lease_is_released_only_after_the_last_leader_only_runnable_has_ended(
    client: Client, namespace: str
) -> None:
    """A runnable that takes longer than any fixed patience has the whole grace; while it works, the lease is ours."""
    manager = Manager(client, options(namespace))
    slow = Slow(client, namespace, 2)
    manager.add_runnable("slow", slow)
    async with Running(manager):
        await slow.started.wait()
    assert slow.holders == ["me"]
    assert await holder(client, namespace) == ""


async def test_a_runnable_that_exceeds_the_grace_keeps_the_lease_and_is_named(client: Client, namespace: str) -> None:
    """It may still write somewhere, so nobody may take over before the lease has expired."""
    manager = Manager(client, options(namespace, shutdown_grace=0.2))
    slow = Slow(client, namespace, 3)
    manager.add_runnable("slow", slow)
    with pytest.raises(GraceExceeded, match=r"Work did not end in 0\.2 s: slow\."):
        async with Running(manager):
            await slow.started.wait()
    assert await holder(client, namespace) == "me"

    async def ended() -> bool:
        return bool(slow.holders)

    await eventually(ended)


async def test_shutdown_hooks_run_in_reverse_order_under_the_lease(client: Client, namespace: str) -> None:
    """After passes and leader-only runnables have ended; one that fails is logged and keeps no other from running."""
    manager = Manager(client, options(namespace))
    slow, calls = Slow(client, namespace, 0.2), []
    manager.add_runnable("slow", slow)

    async def first() -> None:
        calls.append(("first", await holder(client, namespace), len(slow.holders)))

    async def second() -> None:
        calls.append(("second", await holder(client, namespace), len(slow.holders)))
        raise OSError("no more")

    manager.add_shutdown_hook("first", first)
    manager.add_shutdown_hook("second", second)
    with capture_logs() as logs:
        async with Running(manager):
            await slow.started.wait()
    assert calls == [("second", "me", 1), ("first", "me", 1)]
    assert any("shutdown hook second" in entry.get("error", "") for entry in logs)
    assert await holder(client, namespace) == ""


async def test_a_check_of_ones_own_is_part_of_the_probes(client: Client, namespace: str) -> None:
    """Each fails while its check returns a problem, and a check that raises has failed."""
    manager = Manager(client, options(namespace))
    problems: dict[str, str | None] = {"own": None}
    manager.add_healthz_check("own", lambda: problems["own"])
    manager.add_readyz_check("broken", lambda: problems["missing"])
    async with Running(manager) as running:

        async def serving() -> bool:
            return manager.probe_server.port is not None

        await eventually(serving)
        assert await running.probe("/healthz/own") == (200, "ok")
        problems["own"] = "it hurts"
        assert await running.probe("/healthz/own") == (500, "it hurts")
        assert (await running.probe("/healthz"))[0] == 500
        assert await running.probe("/readyz/broken") == (500, "the check raised KeyError")


def crd_of(resource: Resource) -> dict[str, Any]:
    """A CRD without a schema."""
    names = {"plural": resource.plural, "singular": resource.kind.lower(), "kind": resource.kind}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": resource.version, "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": {"group": resource.group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


@pytest.fixture
async def gadget(environment: Environment, client: Client) -> AsyncIterator[Resource]:
    """A kind of the test's own, which is not installed yet."""
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    yield Resource(group, "v1", "gadgets", "Gadget")
    try:
        await client.delete(CRD, f"gadgets.{group}")
    except NotFound:
        return


async def put(client: Client, resource: Resource, namespace: str, name: str) -> None:
    body = {"apiVersion": resource.api_version, "kind": resource.kind}
    await client.create(resource, {**body, "metadata": {"name": name, "namespace": namespace}})


@pytest.mark.timeout(120)
async def test_a_missing_kind_holds_up_its_own_controller_only(
    client: Client, namespace: str, gadget: Resource
) -> None:
    """The other one leads and works; the log and the probe name the kind. It is served soon after it is installed, and after a return."""
    manager = Manager(client, options(namespace))
    gadgets, config_maps = Recording(), Recording()
    ControllerBuilder(manager).for_(gadget).complete(gadgets)
    ControllerBuilder(manager).for_(CONFIG_MAP).complete(config_maps)
    loop = asyncio.get_running_loop()
    async with Running(manager) as running:
        await put(client, CONFIG_MAP, namespace, "a")
        await config_maps.until_seen("a")
        assert gadgets.seen == []
        assert gadget.key in (await running.probe("/readyz"))[1]
        for life in ("first", "second"):
            await install_crds(client, [crd_of(gadget)])
            await put(client, gadget, namespace, life)
            installed = loop.time()
            await gadgets.until_seen(life)
            assert loop.time() - installed < 15
            await client.delete(CRD, crd_of(gadget)["metadata"]["name"])

            async def gone() -> bool:
                try:
                    await client.list(gadget, namespace)
                except NotFound:
                    return True
                return False

            await eventually(gone)
            await asyncio.sleep(5)
