"""Several processes that share the Models, on the embedded plane, and a change of their number while Models come and go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL, MODEL_INFER, MODEL_ROUTE, MODEL_SERVER
from controller.client import Client
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.envtest.environment import write_kubeconfig
from controller.meta import Shard
from controller.testing import FaultProxy, matching
from tests.support.factories import a_backend, a_model, eventually, unborn
from tests.support.processes import LEASES, running

MODELS, CHANGED = 60, 20
pytestmark = pytest.mark.timeout(240)
ELECTION = (
    "--leader-elect", "--leader-elect-namespace", "default",
    "--lease-duration", "20", "--renew-deadline", "15", "--retry-period", "0.3",
)  # fmt: skip
OURS = "model-controller/"


def shard(
    kubeconfig: Path, index: int, count: int
) -> contextlib.AbstractAsyncContextManager[asyncio.subprocess.Process]:
    words = ("--shard", f"{index}/{count}", "--health-probe-bind-address", "0", *ELECTION)
    return running(kubeconfig, *words)


@contextlib.asynccontextmanager
async def plane(folder: Path) -> AsyncIterator[tuple[Client, FaultProxy, Path]]:
    """An embedded API server, an administrator's client, a proxy that counts, and a kubeconfig that leads through it."""
    crds = [model_crd(), *child_crds(E4FB6663)]
    async with (
        Environment("embedded", crds=crds) as environment,
        environment.client() as client,
        FaultProxy(environment.config) as proxy,
    ):
        kubeconfig = folder / "kubeconfig"
        write_kubeconfig(kubeconfig, proxy.url)
        yield client, proxy, kubeconfig


async def create(client: Client, numbers: range) -> None:
    for number in numbers:
        await client.create(MODEL, unborn(a_model(f"m-{number}", a_backend("a"), a_backend("b")), "default"))
        await asyncio.sleep(0.02)


async def drop_a_backend(client: Client, numbers: range) -> None:
    for number in numbers:
        await client.patch(MODEL, f"m-{number}", {"spec": {"backends": [a_backend("a")]}}, namespace="default")
        await asyncio.sleep(0.02)


async def held(client: Client) -> set[str]:
    """The names of the Leases that somebody holds."""
    found = (await client.list(LEASES, "default")).items
    return {
        meta.name_of(lease).partition("controller.")[2] for lease in found if meta.spec_of(lease).get("holderIdentity")
    }


async def infers(client: Client) -> dict[str, str]:
    """The uid of each ModelInfer by name."""
    return {meta.name_of(obj): meta.uid_of(obj) for obj in (await client.list(MODEL_INFER, "default")).items}


async def test_each_process_works_on_its_part(tmp_path: Path) -> None:
    """What belongs to a shard that nobody runs waits, and nothing is lost once somebody does."""
    async with plane(tmp_path) as (client, _, kubeconfig), shard(kubeconfig, 0, 2):
        await create(client, range(20))
        mine = {
            f"m-{number}-{backend}"
            for number in range(20)
            for backend in "ab"
            if Shard(0, 2).owns("default", f"m-{number}")
        }

        async def is_done() -> bool:
            return set(await infers(client)) >= mine

        assert await eventually(is_done, patience=60)
        assert set(await infers(client)) == mine
        async with shard(kubeconfig, 1, 2):

            async def is_complete() -> bool:
                return len(await infers(client)) == 40

            assert await eventually(is_complete, patience=60)


async def test_another_number_of_shards_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Two shards become three while Models are created and changed: every child is created once and deleted once.

    The three wait as long as one of the two is there.
    """
    async with plane(tmp_path) as (client, proxy, kubeconfig), contextlib.AsyncExitStack() as processes:
        old = [await processes.enter_async_context(shard(kubeconfig, index, 2)) for index in range(2)]
        await create(client, range(CHANGED))

        async def is_begun() -> bool:
            return len(await infers(client)) == 2 * CHANGED

        assert await eventually(is_begun, patience=60)
        before = await infers(client)
        async with asyncio.TaskGroup() as load:
            load.create_task(create(client, range(CHANGED, MODELS)))
            load.create_task(drop_a_backend(client, range(CHANGED)))
            for index in range(3):
                await processes.enter_async_context(shard(kubeconfig, index, 3))
            old[0].terminate()
            await old[0].wait()
            await asyncio.sleep(1)
            assert await held(client) == {"1-of-2"}
            old[1].terminate()
            await old[1].wait()

        wanted = {f"m-{number}-a" for number in range(MODELS)} | {f"m-{number}-b" for number in range(CHANGED, MODELS)}

        async def is_settled() -> bool:
            routes = (await client.list(MODEL_ROUTE, "default")).items
            return set(await infers(client)) == wanted and len(routes) == MODELS

        assert await eventually(is_settled, patience=90)
        assert await held(client) == {"0-of-3", "1-of-3", "2-of-3"}
        after = await infers(client)
        assert {name: uid for name, uid in before.items() if name in after}.items() <= after.items()
        created = {
            resource.plural: proxy.count(matching("POST", f"/{resource.plural}", OURS))
            for resource in (MODEL_INFER, MODEL_SERVER, MODEL_ROUTE)
        }
        assert created == {"modelinfers": 2 * MODELS, "modelservers": 2 * MODELS, "modelroutes": MODELS}
        deleted = {
            plural: proxy.count(matching("DELETE", f"/{plural}", OURS)) for plural in ("modelinfers", "modelservers")
        }
        assert deleted == {"modelinfers": CHANGED, "modelservers": CHANGED}
