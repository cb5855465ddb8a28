"""``model-controller run`` as a process whose API server, or the lease on it, is gone."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.envtest import Environment
from controller.envtest.binaries import ADMIN_TOKEN
from controller.envtest.environment import write_kubeconfig
from controller.leaderelection import LEASE
from controller.meta.errors import NotFound
from controller.testing import FaultProxy, SeenRequest, matching
from tests.support.factories import a_model, conditions, eventually, unborn
from tests.support.processes import running

LEASE_NAME = "lease.kthena.model-controller"
LEASE_DURATION = 15
"""Seconds; with the usual renew deadline of 10 a loaded machine does not lose the lease."""
LEASES = matching(path="/leases")


@pytest.fixture
async def proxy(environment: Environment) -> AsyncIterator[FaultProxy]:
    """Stands before the plane under test."""
    async with FaultProxy(environment.config) as running:
        yield running


@pytest.fixture
def kubeconfig(proxy: FaultProxy, tmp_path: Path) -> Path:
    """The way in through the proxy."""
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, proxy.url, token=ADMIN_TOKEN)
    return path


def flags(namespace: str) -> tuple[str, ...]:
    """One candidate for the namespace's lease, without servers."""
    durations = ("--lease-duration", str(LEASE_DURATION), "--renew-deadline", "10", "--retry-period", "0.3")
    place = ("--namespace", namespace, "--leader-elect", "--leader-elect-namespace", namespace)
    return (*place, *durations, "--health-probe-bind-address", "0")


def writes(seen: SeenRequest) -> bool:
    """Changes something other than a lease."""
    return seen.verb not in ("GET", "WATCH") and not LEASES(seen)


async def holder(client: Client, namespace: str) -> str:
    """Who holds the lease; empty when nobody does."""
    try:
        return str(meta.spec_of(await client.get(LEASE, LEASE_NAME, namespace)).get("holderIdentity", ""))
    except NotFound:
        return ""


async def works(client: Client, namespace: str) -> None:
    """Waits until the controller has taken care of the Model ``chat``."""

    async def initialized() -> bool:
        return "Initialized" in await conditions(client, "chat", namespace)

    await eventually(initialized)


async def test_a_leader_whose_lease_is_out_of_reach_exits_1_and_writes_nothing_more(
    proxy: FaultProxy, kubeconfig: Path, client: Client, namespace: str
) -> None:
    """Although everything else is in reach and there is work to do: after the lease could have expired nothing arrives."""
    await client.create(MODEL, unborn(a_model(), namespace))
    async with running(kubeconfig, *flags(namespace)) as process:
        await works(client, namespace)
        leader = await holder(client, namespace)
        with proxy.freezing(LEASES):
            frozen_at = asyncio.get_running_loop().time()
            number = 0
            while process.returncode is None:
                number += 1
                await client.create(MODEL, unborn(a_model(f"more-{number}"), namespace))
                await asyncio.sleep(0.1)
            assert await process.wait() == 1
    late = [seen for seen in proxy.requests if writes(seen) and seen.at > frozen_at + LEASE_DURATION]
    assert late == []
    assert await holder(client, namespace) == leader


async def test_a_frozen_api_does_not_hold_up_the_stop_of_a_leader(
    proxy: FaultProxy, kubeconfig: Path, client: Client, namespace: str
) -> None:
    """The lease cannot be released and is left to expire; an idle leader ends well all the same."""
    await client.create(MODEL, unborn(a_model(), namespace))
    async with running(kubeconfig, *flags(namespace)) as process:
        await works(client, namespace)
        with proxy.freezing():
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0


async def test_a_frozen_api_does_not_hold_up_the_stop_before_the_first_list(
    proxy: FaultProxy, kubeconfig: Path, client: Client, namespace: str
) -> None:
    """Nothing was begun, so nothing is waited for; there is no lease of ours."""
    with proxy.freezing():
        async with running(kubeconfig, *flags(namespace)) as process:

            async def asks() -> bool:
                return proxy.count(matching("GET", "/version")) > 0

            await eventually(asks)
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    assert await holder(client, namespace) == ""


async def test_a_second_signal_ends_it_at_once_and_keeps_the_lease(
    proxy: FaultProxy, kubeconfig: Path, client: Client, namespace: str
) -> None:
    """A write may still be on its way: nobody may take over before the lease expires."""
    children = matching("POST", "/modelservers")
    with proxy.freezing(children):
        async with running(kubeconfig, *flags(namespace)) as process:
            await client.create(MODEL, unborn(a_model(), namespace))

            async def writing() -> bool:
                return proxy.count(children) > 0

            await eventually(writing)
            leader = await holder(client, namespace)
            with contextlib.suppress(ProcessLookupError):
                while process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    await asyncio.sleep(0.1)
            assert await process.wait() == 1
        assert leader
        assert await holder(client, namespace) == leader


async def test_two_processes_on_one_host_are_two_candidates(
    proxy: FaultProxy, kubeconfig: Path, client: Client, namespace: str
) -> None:
    """Their identities differ, one of them holds the lease, and only that one writes."""
    await client.create(MODEL, unborn(a_model(), namespace))
    async with running(kubeconfig, *flags(namespace)), running(kubeconfig, *flags(namespace)):

        async def both() -> bool:
            return len({seen.agent for seen in proxy.requests if LEASES(seen)}) == 2

        await eventually(both)
        await works(client, namespace)
        leader = await holder(client, namespace)
    writers = {seen.agent for seen in proxy.requests if writes(seen)}
    assert len(writers) == 1
    assert leader in writers.pop()
