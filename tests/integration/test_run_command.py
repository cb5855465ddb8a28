"""``model-controller run`` as a process: exit codes, one sentence for what is wrong, patience where waiting helps."""

import asyncio
import contextlib
import json
import signal
import sys
import uuid
from pathlib import Path

import aiohttp
import pytest

from controller import meta
from controller.api.kinds import CONFIG_MAP, MODEL, MODEL_INFER
from controller.client import Client
from controller.envtest import Environment
from controller.envtest.binaries import free_port
from controller.meta.errors import NotFound
from tests.support.factories import a_model, conditions, eventually, unborn
from tests.support.processes import LEASES, running


async def finished(*arguments: str) -> tuple[int, str]:
    """Exit code and standard error of a command that ends by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "controller",
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    return process.returncode or 0, errors.decode()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--kubeconfig", "/nowhere/kubeconfig"], "there is no kubeconfig at /nowhere/kubeconfig"),
        (["--kubeconfig", "/tmp"], "/tmp is a directory"),
        (["--kubeconfig", "{broken}"], "cannot be used"),
        (["--kubeconfig", "{good}", "--context", "other"], "cannot be used"),
        (
            ["--kubeconfig", "{good}", "--leader-elect", "--lease-duration", "5"],
            "must be longer than the renew deadline",
        ),
        (["--workers", "0"], "--workers"),
        (["--kubeconfig", "{good}", "--metrics-bind-address", "nonsense"], "nonsense"),
    ],
    ids=["missing", "folder", "broken", "context", "durations", "flag", "address"],
)
async def test_unusable_settings_end_at_once_with_exit_code_2(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    """One sentence, no traceback."""
    (tmp_path / "broken").write_text("a: [")
    good = (
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "contexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {}}]\n"
    )
    (tmp_path / "good").write_text(good)
    given = [argument.format(broken=tmp_path / "broken", good=tmp_path / "good") for argument in arguments]
    code, errors = await finished("run", *given)
    assert code == 2, errors
    assert sentence in errors
    assert "Traceback" not in errors


async def test_its_first_line_says_what_runs_and_where(tmp_path: Path) -> None:
    """With the context by its name, also when it is the current one."""
    (tmp_path / "config").write_text(
        "{apiVersion: v1, kind: Config, current-context: staging, users: [{name: u, user: {token: t}}],"
        " clusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}],"
        " contexts: [{name: staging, context: {cluster: k, user: u}}]}"
    )
    off = (
        "--metrics-bind-address",
        "0",
        "--health-probe-bind-address",
        "0",
        "--sync-period",
        "0",
        "--log-format",
        "json",
    )
    command = (sys.executable, "-m", "controller", "run", "--kubeconfig", str(tmp_path / "config"), *off)
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    started = json.loads(await process.stderr.readline())
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert (started["server"], started["context"]) == ("http://127.0.0.1:1", "staging")
    assert process.returncode == 0


async def test_sigterm_ends_it_with_exit_code_0_and_frees_the_lease(
    environment: Environment, client: Client, namespace: str
) -> None:
    """After it has done its work."""
    flags = ("--namespace", namespace, "--leader-elect", "--leader-elect-namespace", namespace)
    async with running(environment.kubeconfig, *flags, "--health-probe-bind-address", "0") as process:
        await client.create(MODEL, unborn(a_model(), namespace))

        async def initialized() -> bool:
            return (await conditions(client, "chat", namespace)).get("Initialized") == ("True", "ModelCreating")

        await eventually(initialized)
        lease = await client.get(LEASES, "lease.kthena.model-controller", namespace)
        assert lease["spec"]["holderIdentity"]
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 20) == 0
    lease = await client.get(LEASES, "lease.kthena.model-controller", namespace)
    assert not lease["spec"].get("holderIdentity")


async def test_a_killed_leader_is_replaced(environment: Environment, client: Client, namespace: str) -> None:
    """The standby takes over once the lease has run out, and carries on."""
    election = (
        "--leader-elect",
        "--leader-elect-namespace",
        namespace,
        "--lease-duration",
        "12",
        "--renew-deadline",
        "9",
    )
    flags = ("--namespace", namespace, *election, "--retry-period", "0.5", "--health-probe-bind-address", "0")
    async with running(environment.kubeconfig, *flags) as first:

        async def held() -> str:
            with contextlib.suppress(NotFound):
                lease = await client.get(LEASES, "lease.kthena.model-controller", namespace)
                return str(lease["spec"].get("holderIdentity") or "")
            return ""

        holder = await eventually(held)
        async with running(environment.kubeconfig, *flags):
            first.kill()
            await client.create(MODEL, unborn(a_model(), namespace))

            async def initialized() -> bool:
                return (await conditions(client, "chat", namespace)).get("Initialized") == ("True", "ModelCreating")

            await eventually(initialized)
            lease = await client.get(LEASES, "lease.kthena.model-controller", namespace)
            assert lease["spec"]["holderIdentity"] != holder
            assert lease["spec"]["leaseTransitions"] == 1


async def test_images_come_from_the_flag_else_the_config_map_else_the_default(
    environment: Environment, client: Client, namespace: str
) -> None:
    """The ConfigMap is the one of the controller's own namespace; what it says later is for Models that come later."""
    settings = {"metadata": {"name": "settings"}, "data": {"model_infer_downloader_image": "first:1"}}
    await client.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", **settings}, namespace=namespace)
    flags = ("--namespace", namespace, "--leader-elect-namespace", namespace, "--health-probe-bind-address", "0")

    async def downloader(model: str) -> str | None:
        with contextlib.suppress(NotFound):
            infer = await client.get(MODEL_INFER, f"{model}-main", namespace)
            pod = infer["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]
            return str(pod["initContainers"][0]["image"])
        return None

    async def created(model: str) -> str:
        await client.create(MODEL, unborn(a_model(model), namespace))
        return str(await eventually(lambda: downloader(model)))

    async with running(environment.kubeconfig, *flags, "--config-map", "settings"):
        assert await created("first") == "first:1"
        changed = {"data": {"model_infer_downloader_image": "second:1"}}
        await client.patch(CONFIG_MAP, "settings", changed, namespace=namespace)

        async def later_models_have_it() -> bool:
            return await created(f"later-{uuid.uuid4().hex[:8]}") == "second:1"

        await eventually(later_models_have_it)
        assert await downloader("first") == "first:1"
    async with running(environment.kubeconfig, *flags, "--config-map", "settings", "--downloader-image", "flag:1"):
        assert await created("flagged") == "flag:1"
    async with running(environment.kubeconfig, *flags):
        assert await created("plain") == "kthena/downloader:latest"


async def test_a_crd_that_is_not_there_yet_is_waited_for() -> None:
    """Readiness names it; nothing ends, and work begins once it is installed."""
    from controller.api.crds import model_crd
    from controller.dialects import E4FB6663
    from controller.dialects.crds import child_crds
    from controller.envtest import install_crds

    address = f"127.0.0.1:{free_port()}"
    probes = ("--health-probe-bind-address", address)
    async with Environment("embedded") as empty, empty.client() as client, running(empty.kubeconfig, *probes):

        async def told() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                async with (
                    aiohttp.ClientSession() as session,
                    session.get(f"http://{address}/readyz") as answer,
                ):
                    return answer.status == 500 and "models.registry.volcano.sh" in await answer.text()
            return False

        await eventually(told)
        await install_crds(client, [model_crd(), *child_crds(E4FB6663)])
        await client.create(MODEL, unborn(a_model(), "default"))

        async def initialized() -> bool:
            model = await client.get(MODEL, "chat", "default")
            return meta.is_condition_true(model, "Initialized")

        await eventually(initialized)


async def test_status_says_in_one_sentence_what_is_wrong(
    environment: Environment, client: Client, namespace: str
) -> None:
    """An unknown Model and a server that is away."""
    code, errors = await finished("status", "nobody", "--kubeconfig", str(environment.kubeconfig), "-n", namespace)
    assert (code, errors) == (1, "model-controller: there is no Model 'nobody'\n")
