"""An hour's churn in a minute or two: Models come, become Active and go, again and again. Memory has to stay flat."""

from collections.abc import Mapping

from controller.api.kinds import MODEL
from hack.bench.bench import Bench, Workload
from hack.bench.contenders import OURS, Contender
from hack.bench.driver import Namespace, bounded
from hack.bench.objects import names

_GENERATIONS = 20
_SHARE = 5


async def churn(bench: Bench, _contender: Contender) -> Mapping[str, float]:
    """Twenty times a hundred Models, each time under new names."""
    async with Namespace.create(bench.client, bench.namespace("churn")) as namespace:
        process = await namespace.start(bench.environment, OURS)
        count, sizes = bench.models // _SHARE, []
        for generation in range(_GENERATIONS):
            wanted = names(count, f"g{generation}")
            await namespace.add(wanted)
            await namespace.until_active(wanted)
            await bounded(
                lambda name=name: bench.client.delete(MODEL, name, namespace=namespace.name) for name in wanted
            )
            await namespace.until_gone(wanted)
            sizes.append(process.memory)
        await process.stop()
    quarter = _GENERATIONS // 4
    return {
        "RSS MiB after a quarter": sizes[quarter - 1],
        "RSS MiB at the end": sizes[-1],
        "KiB a Model that has gone": 1024 * (sizes[-1] - sizes[quarter - 1]) / (count * (_GENERATIONS - quarter)),
    }


CHURN = Workload("churn", "Models that come and go", (OURS,), churn, rounds=1)
