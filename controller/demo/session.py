"""One run of the demo, from the empty API server to all Models Active."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL, MODEL_INFER
from controller.client import Client
from controller.demo.workloads import setup_workloads
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.meta import NamespacedName, Object
from controller.meta.errors import AlreadyExists, StatusError
from controller.reconcilers import ModelControllerOptions, setup
from controller.reconcilers.reasons import INVALID_SPEC, UNSUPPORTED_BACKEND
from controller.runtime import Manager, ManagerOptions
from controller.views.models import Row, model_rows, render_table

NAMESPACE = meta.Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_FRAME_SECONDS = 0.2
_HOPELESS = {INVALID_SPEC.reason, UNSUPPORTED_BACKEND.reason}  # waiting helps nothing


class DemoFailure(Exception):
    """Not all Models can become Active, or not in time; the message names those that did not."""


async def run_demo(models: Sequence[Object], *, console: Console, leave: bool, timeout: float, delay: float) -> None:
    """Serves, reconciles and shows these Models until a signal, or with ``leave`` until all of them are Active.

    ``timeout`` and ``delay`` are in seconds. Raises DemoFailure when a Model breaks a rule or is not Active in time.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        Environment("embedded", crds=[model_crd(), *child_crds(E4FB6663)]) as environment,
        environment.client() as client,
    ):
        manager = Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        setup(manager, ModelControllerOptions())
        setup_workloads(manager, delay=delay, now=time.time)
        view = _View(manager, console, environment.kubeconfig)
        async with _running(manager, stop):
            await manager.informers.wait_for_sync()
            wanted = [await _create(client, model) for model in models]
            await _follow(view, wanted, stop, timeout)
            view.conclude()
            if not leave and not stop.is_set():
                view.say_what_to_try()
                await _keep_showing(view, stop)


@contextlib.asynccontextmanager
async def _running(manager: Manager, stop: asyncio.Event) -> AsyncIterator[None]:
    """The manager runs inside; its failure is raised here, and leaving stops it."""
    task = asyncio.create_task(manager.run(stop))
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        stop.set()
        await task


async def _create(client: Client, model: Object) -> NamespacedName:
    """Creates the Model, in ``default`` if it names no namespace, and its namespace where that is missing."""
    key = NamespacedName(meta.namespace_of(model) or "default", meta.name_of(model))
    with contextlib.suppress(AlreadyExists):
        await client.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": key.namespace}})
    try:
        await client.create(MODEL, model, namespace=key.namespace)
    except StatusError as error:
        raise DemoFailure(f"the API server refused Model {key.name}: {error.message}") from None
    return key


class _View:
    """The Models of the manager's cache, drawn in place on a terminal, or as one line per change elsewhere."""

    def __init__(self, manager: Manager, console: Console, kubeconfig: Path) -> None:
        self._models = manager.informer(MODEL).lister
        self._infers = manager.informer(MODEL_INFER).lister
        self._said: dict[NamespacedName, str] = {}
        self._kubeconfig = kubeconfig
        self.console = console

    def rows(self) -> list[Row]:
        """What is true now."""
        return model_rows(self._models.list(), self._infers.list(), datetime.now(UTC))

    def live(self) -> Live:
        """The table in place; on something that is no terminal it draws nothing."""
        return Live(console=self.console, auto_refresh=False, transient=False)

    def draw(self, live: Live, rows: Iterable[Row]) -> None:
        """Shows the rows."""
        rows = list(rows)
        if self.console.is_terminal:
            live.update(render_table(rows, with_namespace=False), refresh=True)
            return
        for row in rows:
            said = f"Model {row.key.name}: Active={row.active} replicas {row.ready}/{row.desired} {row.reason}"
            if self._said.get(row.key) != said:
                self._said[row.key] = said
                self.console.print(said, soft_wrap=True)

    def conclude(self) -> None:
        """The final table, where it has not been drawn in place."""
        if not self.console.is_terminal:
            self.console.print(render_table(self.rows(), with_namespace=False))

    def say_what_to_try(self) -> None:
        """The kubeconfig and some commands for another terminal."""
        kubectl = f"kubectl --kubeconfig {self._kubeconfig}"
        lines = (
            f"{kubectl} get models",
            f"{kubectl} get modelservers,modelinfers,modelroutes",
            f"{kubectl} describe model {next((row.key.name for row in self.rows()), 'NAME')}",
            f"model-controller status --kubeconfig {self._kubeconfig} --watch",
        )
        text = Group(Text("\nAll Models are Active. In another terminal, try:"), *(Text(f"  {line}") for line in lines))
        self.console.print(text, soft_wrap=True)
        self.console.print("Ctrl-C ends the demo.\n")


async def _follow(view: _View, wanted: Sequence[NamespacedName], stop: asyncio.Event, timeout: float) -> None:
    """Draws until every wanted Model is Active or ``stop`` is set."""
    deadline = time.monotonic() + timeout
    with view.live() as live:
        while not stop.is_set():
            rows = view.rows()
            view.draw(live, rows)
            active = {row.key for row in rows if row.active == "True"}
            if active.issuperset(wanted):
                return
            if hopeless := [row for row in rows if row.failed == "True" and row.reason in _HOPELESS]:
                raise DemoFailure(f"cannot become Active: {_told(hopeless)}")
            if time.monotonic() > deadline:
                late = (row for row in rows if row.key not in active)
                raise DemoFailure(f"not Active after {timeout:g} s: {_told(late)}")
            await _pause(stop)


def _told(rows: Iterable[Row]) -> str:
    return ", ".join(f"{row.key.name} ({row.reason}: {row.message})" for row in rows)


async def _keep_showing(view: _View, stop: asyncio.Event) -> None:
    with view.live() as live:
        while not stop.is_set():
            view.draw(live, view.rows())
            await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), _FRAME_SECONDS)
