"""How the cost grows: 100, 1,000 and 5,000 Models on the real plane, 20,000 on the embedded one, each as the workload ``live``."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial

from controller.api.crds import model_crd
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from hack.bench.bench import Bench, Workload
from hack.bench.contenders import IDEAL, OURS, Contender
from hack.bench.driver import Audit
from hack.bench.workloads.converge import live

SIZES = (100, 1000, 5000)
EMBEDDED = 20_000


async def on_the_real_plane(size: int, bench: Bench, contender: Contender) -> Mapping[str, float]:
    """So many Models on the plane of all workloads."""
    return await live(replace(bench, models=size), contender)


async def on_the_embedded_plane(size: int, _bench: Bench, contender: Contender) -> Mapping[str, float]:
    """So many Models on a plane of its own, which runs in this process."""
    async with (
        Environment("embedded", crds=[model_crd(), *child_crds(E4FB6663)]) as environment,
        environment.client() as client,
    ):
        return await live(Bench(environment, client, size, Audit(environment)), contender)


def _workload(
    name: str,
    size: int,
    run: Callable[[int, Bench, Contender], Awaitable[Mapping[str, float]]],
    *contenders: Contender,
) -> Workload:
    return Workload(f"{name}-{size}", f"{size:,} Models, {name} plane", contenders, partial(run, size), rounds=1)


SCALE = (
    *(_workload("real", size, on_the_real_plane, IDEAL, OURS) for size in SIZES),
    _workload("embedded", EMBEDDED, on_the_embedded_plane, OURS),
)
"""In the order of their size."""
