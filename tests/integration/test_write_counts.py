"""What the shipped program writes, as the real API server's audit log counts it. Counts only: time is for ``make bench``."""

import pytest

from controller.client import Client
from controller.dialects import Dialect
from controller.envtest import Environment
from hack.bench.contenders import OURS, TODAYS, Contender
from hack.bench.driver import Audit, Namespace
from hack.bench.objects import names

MODELS = 20


def for_models(count: int, dialect: Dialect) -> dict[str, int]:
    """The least for Models with one backend: each child once, and two status writes."""
    creations = {f"create {kind.plural} 201": count for kind in (dialect.server, dialect.workload, dialect.route)}
    return {**creations, "patch models/status 200": 2 * count}


@pytest.mark.parametrize("contender", [OURS, TODAYS], ids=lambda contender: contender.dialect.name)
async def test_five_writes_a_model_no_conflict_and_none_after_a_restart(
    environment: Environment, client: Client, namespace: str, contender: Contender
) -> None:
    """A second process over the same Models writes only what a new Model needs, which proves that it is at work."""
    if environment.plane == "embedded":
        pytest.skip("the embedded API server keeps no audit log")
    audit = Audit(environment)
    async with Namespace.create(client, f"{namespace}-counts", contender.dialect) as models:
        audit.skip()
        first = await models.start(environment, contender)
        await models.add(names(MODELS))
        await models.until_active(names(MODELS))
        await first.stop()
        writes = audit.writes(models.name, contender.agents)
        assert writes.pop("events", 0) <= 2 * MODELS
        assert writes == for_models(MODELS, contender.dialect)
        second = await models.start(environment, contender)
        await models.add(["new"])
        await models.until_active(["new"])
        await second.stop()
        writes = audit.writes(models.name, contender.agents)
        assert writes.pop("events", 0) <= 2
        assert writes == for_models(1, contender.dialect)
