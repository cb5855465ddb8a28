"""The demo's manager: the Model controller, the simulated workloads and the view read the same caches."""

import time
from collections import Counter

import pytest

from controller.api.crds import model_crd
from controller.client import Client
from controller.demo.scene import Scene
from controller.demo.workloads import setup_workloads
from controller.dialects import DIALECTS, Dialect
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.fronts import booster_crd
from controller.reconcilers import ModelControllerOptions, setup_installed
from controller.runtime import Manager, ManagerOptions
from controller.testing import FaultProxy
from tests.support.managers import Running


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
async def test_each_kind_is_watched_once(dialect: Dialect) -> None:
    """Counted at the API server: one watch of Models, one of workloads, although three parts read them."""
    off = ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0")
    async with (
        Environment("embedded", crds=[model_crd(), booster_crd(), *child_crds(dialect)]) as environment,
        FaultProxy(environment.config) as proxy,
        await Client.connect(proxy.config) as client,
    ):
        manager = Manager(client, off)
        setup_installed(manager, ModelControllerOptions(), dialect)
        setup_workloads(manager, dialect.workload, delay=0, now=time.time)
        Scene(manager, dialect)
        async with Running(manager):
            await manager.informers.wait_for_sync()
        watches = Counter(seen.path.rsplit("/", 1)[1] for seen in proxy.requests if seen.verb == "WATCH")
    assert watches["models"] == watches[dialect.workload.plural] == 1
    assert set(watches.values()) == {1}, watches
