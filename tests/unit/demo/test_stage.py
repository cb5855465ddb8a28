"""What the demo shows: fits 80 columns, and what it suggests can be typed."""

import asyncio
import io
import shutil
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.live import Live

from controller.demo.session import a_cluster, tell
from controller.demo.stage import PROGRAM, Stage, command
from controller.dialects import DIALECTS, Dialect

WIDTH = 80


def printed(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=WIDTH, highlight=False)


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_the_story_shows_the_model_its_children_and_its_events(console: Console, dialect: Dialect) -> None:
    """In the end on one screen of 80 columns and 24 lines."""
    stop = asyncio.Event()
    async with a_cluster(stop, dialect, 0) as cluster:
        stage = Stage(console, cluster.scene, Live(console=Console(file=io.StringIO())))
        await tell(cluster.story, stage, stop, timeout=50, delay=0)
        before = len(printed(console))
        console.print(stage.story_screen())
        console.file.write("--\n")
        stage.say_what_to_try(Path("/tmp/model-controller-envtest-12345678/kubeconfig"))
    screen = printed(console)[before:]
    shown, hints = screen[: screen.index("--")], screen[screen.index("--") + 1 :]
    assert max(map(len, screen)) <= WIDTH
    assert len(shown) <= 24
    text = "\n".join(shown)
    for part in (
        "ModelServer chat-canary",
        f"{dialect.workload.kind} chat-canary",
        "scales chat-canary",
        "60 % chat-canary, adapter legal",
        "Failed=False",
        "HTTP 404",
    ):
        assert part in text
    assert f"  {command()} status --watch" in hints


def test_the_suggested_command_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By its name on the PATH, by its path elsewhere, and as a module when it was started as one."""
    program = tmp_path / PROGRAM
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [str(program)])
    assert shutil.which(command())
    monkeypatch.setattr(sys, "argv", ["somewhere/__main__.py"])
    assert command() == f"{sys.executable} -m controller"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command() == PROGRAM
