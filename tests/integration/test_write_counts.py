"""What the shipped program writes, as the real API server's audit log counts it. Counts only: time is for ``make bench``."""

import pytest

from controller.client import Client
from controller.envtest import Environment
from hack.bench.contenders import OURS
from hack.bench.driver import Audit, Namespace
from hack.bench.objects import names

MODELS = 20
WRITES = {
    "create modelservers 201": 1,
    "create modelinfers 201": 1,
    "create modelroutes 201": 1,
    "patch models/status 200": 2,
}
"""The least for a Model with one backend."""


def for_models(count: int) -> dict[str, int]:
    return {kind: number * count for kind, number in WRITES.items()}


async def test_five_writes_a_model_no_conflict_and_none_after_a_restart(
    environment: Environment, client: Client, namespace: str
) -> None:
    """A second process over the same Models writes only what a new Model needs, which proves that it is at work."""
    if environment.plane == "embedded":
        pytest.skip("the embedded API server keeps no audit log")
    audit = Audit(environment)
    async with Namespace.create(client, f"{namespace}-counts") as models:
        audit.skip()
        first = await models.start(environment, OURS)
        await models.add(names(MODELS))
        await models.until_active(names(MODELS))
        await first.stop()
        writes = audit.writes(models.name, OURS.agents)
        assert writes.pop("events", 0) <= 2 * MODELS
        assert writes == for_models(MODELS)
        second = await models.start(environment, OURS)
        await models.add(["new"])
        await models.until_active(["new"])
        await second.stop()
        writes = audit.writes(models.name, OURS.agents)
        assert writes.pop("events", 0) <= 2
        assert writes == for_models(1)
