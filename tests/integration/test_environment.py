"""The environment itself: users and rights, audit records, restarts, snapshots, and that nothing is left behind."""

import asyncio
import contextlib
import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.client import Client, load_config
from controller.client.transport import Transport
from controller.envtest import Environment
from controller.envtest.folders import TemporaryFolder
from controller.meta import Resource
from controller.meta.errors import Forbidden, NotFound
from tests.support.factories import eventually

CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PODS = Resource("", "v1", "pods", "Pod")
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")

real = pytest.mark.parametrize(
    "plane",
    [
        pytest.param(
            "real", marks=[pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)], id="real"
        )
    ],
    indirect=True,
    scope="session",
)


async def connect(kubeconfig: Path) -> Client:
    """A client with this kubeconfig's rights."""
    return Client(Transport(await load_config(str(kubeconfig))))


def a_config_map(name: str, namespace: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


async def let(client: Client, namespace: str, subject: dict[str, str], role: str) -> None:
    """Binds a cluster role to the subject in the namespace."""
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"generateName": "let-", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [subject],
    }
    await client.create(ROLE_BINDINGS, binding)


@real
async def test_a_user_may_do_what_rbac_says(environment: Environment, client: Client, namespace: str) -> None:
    kubeconfig = await environment.user_kubeconfig("jane/doe", ["readers", "people"])
    async with await connect(kubeconfig) as jane:
        with pytest.raises(Forbidden):
            await jane.list(CONFIG_MAPS, namespace)
        group = {"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "readers"}
        await let(client, namespace, group, "view")

        async def may_read() -> bool:
            try:
                await jane.list(CONFIG_MAPS, namespace)
            except Forbidden:
                return False
            return True

        assert await eventually(may_read)
        with pytest.raises(Forbidden, match="jane/doe"):
            await jane.create(CONFIG_MAPS, a_config_map("one", namespace))


@real
async def test_a_service_account_is_who_it_is(environment: Environment, client: Client, namespace: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": namespace}}
    await client.create(SERVICE_ACCOUNTS, account)
    kubeconfig = await environment.service_account_kubeconfig(namespace, "robot")
    async with await connect(kubeconfig) as robot:
        with pytest.raises(Forbidden, match=f"system:serviceaccount:{namespace}:robot"):
            await robot.list(CONFIG_MAPS, namespace)


@real
async def test_audit_records_tell_every_request(environment: Environment, client: Client, namespace: str) -> None:
    before = len(environment.audit_records())
    await client.create(CONFIG_MAPS, a_config_map("one", namespace))
    with pytest.raises(NotFound):
        await client.get(CONFIG_MAPS, "two", namespace)
    mine = [
        (record["verb"], record["objectRef"]["name"], record["responseStatus"]["code"])
        for record in environment.audit_records()[before:]
        if record["objectRef"].get("namespace") == namespace and record["objectRef"].get("name") in ("one", "two")
    ]
    assert mine == [("create", "one", 201), ("get", "two", 404)]


@pytest.fixture(scope="module")
async def own() -> AsyncIterator[Environment]:
    """A real control plane that may be stopped and set back, with an admission plugin that is off by default."""
    async with Environment("real", admission_plugins=["AlwaysPullImages"]) as running:
        yield running


@real
@pytest.mark.usefixtures("plane")
async def test_admission_plugins_are_switched_on_by_name(own: Environment) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": "default"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "main", "image": "example.com/a:1", "imagePullPolicy": "Never"}],
        },
    }
    async with own.client() as client:

        async def has_account() -> bool:
            accounts = await client.list(SERVICE_ACCOUNTS, "default")
            return "default" in {account["metadata"]["name"] for account in accounts.items}

        assert await eventually(has_account)
        stored = await client.create(PODS, pod)
        await client.delete(PODS, "one", namespace="default")
    assert stored["spec"]["containers"][0]["imagePullPolicy"] == "Always"


@real
@pytest.mark.usefixtures("plane")
async def test_a_restarted_api_server_remembers_everything(own: Environment) -> None:
    async with own.client() as client:
        await client.create(CONFIG_MAPS, a_config_map("restart", "default"))
        await own.control_plane.restart_api_server(number=signal.SIGKILL)
        assert (await client.get(CONFIG_MAPS, "restart", "default"))["metadata"]["name"] == "restart"


@real
@pytest.mark.usefixtures("plane")
async def test_a_restored_snapshot_takes_everything_back(own: Environment, tmp_path: Path) -> None:
    async with own.client() as client:
        kept = await client.create(CONFIG_MAPS, a_config_map("before", "default"))
        await own.control_plane.snapshot(tmp_path / "snapshot")
        await client.create(CONFIG_MAPS, a_config_map("after", "default"))
        await own.control_plane.restore(tmp_path / "snapshot")
        assert await client.get(CONFIG_MAPS, "before", "default") == kept
        with pytest.raises(NotFound):
            await client.get(CONFIG_MAPS, "after", "default")


def processes() -> dict[int, int]:
    """The parent of every process that runs; those that wait to be reaped do not."""
    found = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = file.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(file.parent.name)] = int(parent)
    return found


def children_of(parent: int) -> set[int]:
    """The processes that this one has started."""
    return {pid for pid, its_parent in processes().items() if its_parent == parent}


async def test_stopping_leaves_nothing(plane: str) -> None:
    before = children_of(os.getpid())
    async with Environment(plane) as running:  # type: ignore[arg-type]
        folder, started = running.folder, children_of(os.getpid()) - before
        assert running.kubeconfig.exists()
        assert len(started) == (3 if plane == "real" else 0)
    assert not folder.exists()
    assert not started & processes().keys()


_HOLDER = textwrap.dedent(
    """
    import asyncio, sys
    from controller.envtest import Environment

    async def main():
        async with Environment(sys.argv[1]) as environment:
            print(environment.folder, flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
    """
)


async def test_being_killed_leaves_no_process_and_the_next_start_removes_the_folder(plane: str) -> None:
    holder = await asyncio.create_subprocess_exec(sys.executable, "-c", _HOLDER, plane, stdout=asyncio.subprocess.PIPE)
    assert holder.stdout is not None
    folder = Path((await holder.stdout.readline()).decode().strip())
    children = children_of(holder.pid)
    assert len(children) == (3 if plane == "real" else 0)
    holder.kill()
    await holder.wait()

    async def are_gone() -> bool:
        return not children & processes().keys()

    assert await eventually(are_gone)
    assert folder.exists()
    TemporaryFolder().remove()
    assert not folder.exists()


def test_a_folder_in_use_is_left_alone() -> None:
    first, second = TemporaryFolder(), TemporaryFolder()
    assert first.path.exists()
    assert first.path != second.path
    for folder in (first, second):
        folder.remove()
        assert not folder.path.exists()
