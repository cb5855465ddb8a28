"""Functions of the author that misbehave, in a whole manager: each hurts one object, is counted and named, and is tried again."""

import asyncio
from typing import Any

import pytest

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.informers import CacheOptions
from controller.runtime import ControllerBuilder, Manager, ManagerOptions, Request, Result, enqueue_mapped
from controller.testing import eventually
from tests.support.following import CONFIG_MAP, put
from tests.support.managers import Running

QUIET = ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0", namespaces=("default",))


class Recording:
    """A reconciler that notes names."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def reconcile(self, request: Request) -> Result | None:
        """Notes the name; answers wrongly for one object."""
        self.seen.append(request.name)
        wrong: Any = "done"
        return wrong if request.name == "wrong" else None


@pytest.fixture
async def quiet() -> Any:
    async with Environment("embedded") as environment, environment.client() as client:
        yield client


def sample(manager: Manager, name: str) -> float:
    return sum(
        each.value for family in manager.metrics.registry.collect() for each in family.samples if each.name == name
    )


@pytest.mark.parametrize("error", [KeyError("spec"), SystemExit(1), asyncio.CancelledError()], ids=repr)
async def test_transform_index_mapping_predicate_and_result_hurt_one_object_each(
    quiet: Client, error: BaseException
) -> None:
    """Others are served, the process lives, and what was broken is served once its function works."""
    broken = True

    def check(obj: meta.Object, name: str) -> None:
        if broken and meta.name_of(obj) == name:
            raise error

    def transform(obj: dict[str, Any]) -> meta.Object:
        check(obj, "transform")
        return obj

    def index(obj: meta.Object) -> list[str]:
        check(obj, "index")
        return [meta.name_of(obj)]

    def mapping(obj: meta.Object) -> list[Request]:
        check(obj, "mapping")
        return [meta.key_of(obj)]

    def predicate(delta: Any) -> bool:
        check(delta.object, "predicate")
        return True

    manager, recording = Manager(quiet, QUIET), Recording()

    def keep(obj: meta.Object) -> bool:
        check(obj, "keep")
        return True

    informer = manager.informer(CONFIG_MAP, CacheOptions(transform=transform, keep=keep))
    informer.add_indexer("by-name", index)
    builder = ControllerBuilder(manager).named("c").for_(CONFIG_MAP, lambda _: False)
    builder.watches(informer, enqueue_mapped(mapping), predicate).complete(recording)
    async with Running(manager) as running:
        for name in ("transform", "index", "keep", "mapping", "predicate", "wrong", "fine"):
            await put(quiet, "default", name)
        await eventually(lambda: {"index", "keep", "predicate", "wrong", "fine"} <= set(recording.seen))
        await eventually(lambda: sample(manager, "controller_runtime_source_errors_total") >= 2)
        await eventually(lambda: sample(manager, "informer_function_errors_total") >= 3)
        await eventually(lambda: sample(manager, "controller_runtime_reconcile_panics_total") >= 1)
        assert not running.task.done()
        broken = False
        await eventually(lambda: {"transform", "mapping"} <= set(recording.seen))
        await eventually(lambda: [meta.name_of(o) for o in informer.lister.by_index("by-name", "index")] == ["index"])
        assert not running.task.done()
        await asyncio.sleep(0)
