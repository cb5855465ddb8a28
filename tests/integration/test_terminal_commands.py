"""``demo``, ``apiserver`` and ``status`` as processes, as people and scripts call them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.api.kinds import MODEL
from controller.api.samples import sample_paths
from controller.client import Client
from controller.envtest import Environment
from tests.support.factories import a_model, unborn

INVALID = "apiVersion: registry.volcano.sh/v1alpha1\nkind: Model\nmetadata: {name: broken}\nspec: {backends: []}\n"
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n"
KUBECONFIG = "apiVersion: v1\nkind: Config\ncurrent-context: production\n"


def _hear_interrupts() -> None:
    """What a terminal starts hears Ctrl-C; what a script starts in the background does not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.asynccontextmanager
async def started(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command with pipes for its output; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        preexec_fn=_hear_interrupts,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def finished(*arguments: str, **environment: str) -> tuple[int | None, str, str]:
    """Exit code, standard output and standard error of a command that ends by itself."""
    async with started(*arguments, **environment) as process:
        out, errors = await process.communicate()
    return process.returncode, out.decode(), errors.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An invalid Model, a CRD without a spec and somebody's kubeconfig."""
    for name, text in (("model", INVALID), ("crd", CRD), ("kubeconfig", KUBECONFIG)):
        (tmp_path / name).write_text(text)
    return tmp_path


async def test_the_demo_tells_its_story_and_ends_once_all_samples_are_active() -> None:
    """Every step has an outcome, in its order; the final table has the story's Model and a row for each sample."""
    code, out, errors = await finished("demo", "--exit", "--delay", "0")
    assert (code, errors) == (0, "")
    told = [
        "children written; Active",
        "no pod restarted",
        "it came back",
        "hf://acme/no-such-adapter",
        "cleared by itself",
    ]
    places = [out.index(outcome) for outcome in told]
    assert places == sorted(places)
    rows = [line.split() for line in out[out.index("NAME ") :].splitlines()[1:]]
    assert [row[1] for row in rows] == ["True"] * (1 + len(sample_paths()))


async def test_an_interrupted_demo_ends_well() -> None:
    """In the middle of its story, and without a traceback."""
    async with started("demo", "--delay", "60") as process:
        assert process.stdout is not None
        await process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_the_demo_does_not_wait_for_what_cannot_become_active(folder: Path) -> None:
    """Its default patience is two minutes; a Model that breaks a rule ends it with the rule."""
    code, _, errors = await finished("demo", "--exit", str(folder / "model"))
    assert code == 1
    assert errors.startswith("model-controller: ")
    assert "spec.backends" in errors
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--crds", "{folder}/crd"], "spec.names.plural: Required value"),
        (["--kubeconfig-out", "{folder}/kubeconfig"], "is not replaced"),
        (["--kubeconfig-out", "{folder}/none/kubeconfig"], "no such file or directory"),
    ],
    ids=["crd", "somebody's kubeconfig", "no folder"],
)
async def test_an_api_server_that_cannot_be_as_asked_says_why(
    folder: Path, arguments: list[str], sentence: str
) -> None:
    """One sentence, and what was there before is still there."""
    code, _, errors = await finished("apiserver", *(argument.format(folder=folder) for argument in arguments))
    assert code == 2
    assert sentence in errors
    assert len(errors.splitlines()) == 1
    assert (folder / "kubeconfig").read_text() == KUBECONFIG


async def test_an_api_server_replaces_its_own_kubeconfig(tmp_path: Path) -> None:
    """Started again with the same command line."""
    target = tmp_path / "kubeconfig"
    for _ in range(2):
        async with started("apiserver", "--kubeconfig-out", str(target)) as process:
            assert process.stdout is not None
            serving = (await process.stdout.readline()).decode().split()[-1]
            await process.stdout.readline()
            assert serving in target.read_text()


async def test_status_is_never_cut_off(environment: Environment, client: Client, namespace: str) -> None:
    """Neither in a narrow terminal nor in a pipe; every Model is one line."""
    await client.create(MODEL, unborn(a_model("a" * 50), namespace))
    flags = ("--kubeconfig", str(environment.kubeconfig), "-n", namespace)
    code, out, _ = await finished("status", *flags, COLUMNS="30")
    assert code == 0
    heading, row = out.splitlines()
    assert heading.split()[-2:] == ["REASON", "AGE"]
    assert row.split()[0] == "a" * 50


async def test_status_watches_into_a_pipe(environment: Environment, client: Client, namespace: str) -> None:
    """The Models at once, again when one came, and Ctrl-C is how it ends well."""
    await client.create(MODEL, unborn(a_model("first"), namespace))
    flags = ("--kubeconfig", str(environment.kubeconfig), "-n", namespace)
    async with started("status", "--watch", *flags) as process:
        assert process.stdout is not None

        async def names(count: int) -> list[str]:
            assert process.stdout is not None
            return [(await process.stdout.readline()).decode().split()[0] for _ in range(count)]

        assert await names(2) == ["NAME", "first"]
        await client.create(MODEL, unborn(a_model("second"), namespace))
        assert await names(3) == ["NAME", "first", "second"]
        process.send_signal(signal.SIGINT)
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


async def test_what_nobody_foresaw_is_one_sentence_too() -> None:
    """Here a disk that is full; the traceback is there for who asks."""
    for level, traced in (("info", False), ("debug", True)):
        with Path("/dev/full").open("wb") as full:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "controller", "crds"),
                stdout=full,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "MODEL_CONTROLLER_LOG_LEVEL": level},
            )
            _, errors = await process.communicate()
        assert process.returncode == 1
        assert errors.decode().splitlines()[-1] == "model-controller: no space left on device"
        assert ("Traceback" in errors.decode()) == traced
