"""The output of the demo: one screen that changes in place on a terminal, one line for each change elsewhere."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from controller.demo.scene import Scene
from controller.demo.story import KEY, Step
from controller.meta import NamespacedName
from controller.views.models import render_table

_EVENTS_SHOWN = 4
_COLOURS = {"True": "green", "False": "yellow", "Unknown": "dim"}
_WARNINGS = {"Failed", "LoraSyncFailed", "ChildConflict", "RivalController", "Inactive"}
PROGRAM = "model-controller"


class Stage:
    """Draws what the scene has. Without a terminal it prints only what is new since the last look."""

    def __init__(self, console: Console, scene: Scene, live: Live) -> None:
        self.console = console
        self._scene = scene
        self._live = live
        self._finished: list[tuple[str, str]] = []
        self._current: Step | None = None
        self._left = 0
        self._said: dict[NamespacedName, str] = {}
        self._events_said = 0
        self._started = time.monotonic()

    def begin(self, step: Step, left: int) -> None:
        """A step starts; ``left`` more follow."""
        self._current, self._left = step, left
        if not self.console.is_terminal:
            self._say(f"{step.title} ...")

    def end(self, outcome: str) -> None:
        """The step is done."""
        assert self._current is not None
        self._finished.append((self._current.title, outcome))
        self._current = None
        if not self.console.is_terminal:
            self._say(f"  {outcome}")

    def draw_story(self) -> None:
        """The steps, the Model with its children, and its last Events."""
        if self.console.is_terminal:
            self._live.update(self.story_screen(), refresh=True)
            return
        events = self._scene.events(KEY)
        for reason, note in events[self._events_said :]:
            self._say(f"  Event {reason}: {note}")
        self._events_said = len(events)

    def story_screen(self) -> Group:
        """The screen of the story as it is now."""
        return Group(*self._steps(), Text(), *self._tree(), Text(), *self._events())

    def draw_models(self) -> None:
        """All Models as a table."""
        rows = self._scene.rows()
        if self.console.is_terminal:
            steps = [*self._steps(), Text()] if self._finished else []
            self._live.update(Group(*steps, render_table(rows, with_namespace=False)), refresh=True)
            return
        for row in rows:
            said = f"Model {row.key.name}: Active={row.active} replicas {row.ready}/{row.desired} {row.reason}"
            if self._said.get(row.key) != said:
                self._said[row.key] = said
                self._say(said)

    def conclude(self) -> None:
        """The table of all Models, where it has not been drawn in place."""
        if not self.console.is_terminal:
            self.console.print(render_table(self._scene.rows(), with_namespace=False))

    def say_what_to_try(self, kubeconfig: Path) -> None:
        """Commands for another terminal, each short enough for 80 columns and correct as it is."""
        model = next((row.key.name for row in self._scene.rows()), "NAME")
        self._say("\nAll Models are Active. In another terminal, try:")
        self._say(f"  export KUBECONFIG={kubeconfig}")
        self._say(f"  {command()} status --watch")
        if shutil.which("kubectl"):
            self._say("  kubectl get models,modelservers,modelroutes")
            self._say(f"  kubectl describe model {model}")
        self._say("Ctrl-C ends the demo.\n")

    def _say(self, text: str) -> None:
        self.console.print(Text(text), soft_wrap=True)

    def _steps(self) -> list[RenderableType]:
        lines = [line for step in self._finished for line in _finished(*step, self.console.width)]
        if self._current is not None:
            lines.append(Text.assemble(("▸ ", "cyan"), self._current.title))
        seconds = int(time.monotonic() - self._started)
        head = f"model-controller on an embedded API server    {seconds // 60}:{seconds % 60:02}"
        return [Text(head, style="bold"), *lines]

    def _tree(self) -> list[RenderableType]:
        model = Text.assemble((f"Model {KEY.name}", "bold"), "   ")
        for type_, status in self._scene.conditions(KEY).items():
            colour = (
                "red" if (type_, status) == ("Failed", "True") else _COLOURS[status] if type_ != "Failed" else "dim"
            )
            model.append(f"{type_}={status}  ", style=colour)
        children = self._scene.children(KEY)
        return [model, *(_child(child, last=child == children[-1]) for child in children)]

    def _events(self) -> list[RenderableType]:
        lines: list[RenderableType] = []
        for reason, note in self._scene.events(KEY)[-_EVENTS_SHOWN:]:
            style = "red" if reason in _WARNINGS else "dim"
            lines.append(_cut(Text.assemble((f"{reason}: ", style), (note, "dim"))))
        return lines


def command() -> str:
    """The command that starts this program from the current folder: its name if it is on the PATH, else its path."""
    if shutil.which(PROGRAM):
        return PROGRAM
    called = Path(sys.argv[0]).resolve()
    if called.name != PROGRAM:
        return f"{sys.executable} -m controller"
    return min(str(called), os.path.relpath(called), key=len)


def _finished(title: str, outcome: str, width: int) -> list[Text]:
    """A step with its outcome, on two lines where one is too short."""
    line = Text.assemble(("✓ ", "green"), title)
    if len(title) + len(outcome) + 4 <= width:
        return [line.append(f": {outcome}", style="dim")]
    return [line, _cut(Text(f"  {outcome}", style="dim"))]


def _child(child: Sequence[str], *, last: bool) -> Text:
    kind, name, state = child
    return _cut(Text.assemble("└─ " if last else "├─ ", f"{kind} ", (name, "cyan"), f"   {state}"))


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text
