"""One run of the demo, from the empty API server to all Models Active."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.client import Client
from controller.demo.engine import SimulatedEngine
from controller.demo.scene import Scene
from controller.demo.stage import Stage
from controller.demo.story import MISSING, Step, Story
from controller.demo.workloads import setup_workloads
from controller.dialects import Dialect
from controller.dialects.crds import child_crds
from controller.envtest import Environment, can_evaluate_rules
from controller.fronts import booster_crd
from controller.meta import NamespacedName, Object
from controller.meta.errors import AlreadyExists, StatusError
from controller.reconcilers import ModelControllerOptions, setup_installed
from controller.reconcilers.reasons import INVALID_SPEC, UNSUPPORTED_BACKEND
from controller.runtime import Manager, ManagerOptions
from controller.views.models import Row

NAMESPACE = meta.Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_FRAME_SECONDS = 0.1
_STOP_SECONDS = 0.5
"""How long an orderly stop of the controller may take before it is cut off; nothing is lost with an API server in memory."""
_HOPELESS = {INVALID_SPEC.reason, UNSUPPORTED_BACKEND.reason}  # waiting helps nothing


class DemoFailure(Exception):
    """The demo did not come to its end; the message names what is missing."""


async def run_demo(
    models: Sequence[Object],
    dialect: Dialect,
    *,
    story: bool,
    console: Console,
    leave: bool,
    timeout: float,
    delay: float,
) -> None:
    """Shows the story, if it is asked for, and then these Models with children of a dialect, until a signal or, with ``leave``, until all are Active.

    ``delay`` is how many seconds a simulated workload takes to start and the story pauses after a step; within ``timeout`` seconds, pauses
    not counted, everything has to be Active. Raises DemoFailure when a Model breaks a rule or something is not done in time.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with a_cluster(stop, dialect, delay) as cluster:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            stage = Stage(console, cluster.scene, live)
            if story:
                await tell(cluster.story, stage, stop, timeout, delay)
            if not stop.is_set():
                await _show_models(cluster, models, stage, stop, timeout)
        stage.conclude()
        if not leave and not stop.is_set():
            stage.say_what_to_try(cluster.kubeconfig)
            await stop.wait()


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """The cluster that the demo acts on and watches."""

    client: Client
    scene: Scene
    story: Sequence[Step]
    kubeconfig: Path


@contextlib.asynccontextmanager
async def a_cluster(stop: asyncio.Event, dialect: Dialect, delay: float) -> AsyncIterator[DemoCluster]:
    """An API server without objects, and the controller with simulated workloads and a simulated engine on it. Leaving sets ``stop``."""
    crds = [model_crd(), booster_crd(), *child_crds(dialect)]
    async with (
        Environment("embedded", crds=crds, skip_rules=not can_evaluate_rules()) as environment,
        environment.client() as client,
        SimulatedEngine(seconds=delay / 2, missing=MISSING) as engine,
    ):
        manager = Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        setup_installed(manager, ModelControllerOptions(), dialect)
        setup_workloads(manager, dialect.workload, delay=delay, now=time.time)
        scene = Scene(manager, dialect)
        async with _running(manager, stop):
            await manager.informers.wait_for_sync()
            yield DemoCluster(client, scene, Story(client, scene, engine, dialect).steps(), environment.kubeconfig)


@contextlib.asynccontextmanager
async def _running(manager: Manager, stop: asyncio.Event) -> AsyncIterator[None]:
    """The manager runs inside; its failure is raised here, and leaving stops it."""
    task = asyncio.create_task(manager.run(stop))
    task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        stop.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(task, _STOP_SECONDS)


async def tell(steps: Sequence[Step], stage: Stage, stop: asyncio.Event, timeout: float, delay: float) -> None:
    """One step after the other, with a pause after each, until ``stop``."""
    for number, step in enumerate(steps):
        if stop.is_set():
            return
        stage.begin(step, len(steps) - number - 1)
        await step.do()
        if not await _follow(step.done, stage.draw_story, stop, timeout) and not stop.is_set():
            raise DemoFailure(f"not done after {timeout:g} s: {step.title}")
        stage.end(step.outcome())
        await _follow(lambda: False, stage.draw_story, stop, delay)


async def _show_models(
    cluster: DemoCluster, models: Sequence[Object], stage: Stage, stop: asyncio.Event, timeout: float
) -> None:
    """Creates the Models and draws until all of them are Active or ``stop`` is set. Raises DemoFailure."""
    scene = cluster.scene
    wanted = {await _create(cluster.client, model) for model in models}

    def done() -> bool:
        rows = scene.rows()
        if hopeless := [row for row in rows if row.failed == "True" and row.reason in _HOPELESS]:
            raise DemoFailure(f"cannot become Active: {_described(hopeless)}")
        return wanted <= {row.key for row in rows if row.active == "True"}

    if not await _follow(done, stage.draw_models, stop, timeout) and not stop.is_set():
        late = (row for row in scene.rows() if row.active != "True")
        raise DemoFailure(f"not Active after {timeout:g} s: {_described(late)}")


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


def _described(rows: Iterable[Row]) -> str:
    return ", ".join(f"{row.key.name} ({row.reason}: {row.message})" for row in rows)


async def _follow(done: Callable[[], bool], draw: Callable[[], None], stop: asyncio.Event, seconds: float) -> bool:
    """Draws until ``done``; False when ``stop`` or the end of the time came first. What is true in the end has been drawn."""
    deadline = time.monotonic() + seconds
    while True:
        draw()
        if done():
            draw()
            return True
        if stop.is_set() or time.monotonic() >= deadline:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _FRAME_SECONDS)
