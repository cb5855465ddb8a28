"""Fixtures for every test: both control planes behind one name, a fresh namespace, and a count of what ran on the real one.

Every store looks out for objects that are changed in place. Tests that take ``environment``, ``client`` or ``namespace`` run once per
control plane. Without a real control plane its half is skipped, with the reason shown; with MODEL_CONTROLLER_REQUIRE_REAL=1 it fails
instead.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment, real_assets
from tests.support.families import every_crd
from tests.support.planes import PLANES
from tests.support.rights import NAMESPACES, grant, refused

os.environ["KUBE_CACHE_MUTATION_DETECTOR"] = "true"
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.fixture(scope="session")
def real_plane() -> None:
    """For tests that start a real control plane of their own: skips without one, or fails where it is required."""
    if real_assets() is None:
        reason = "no real control plane: install Go or set KUBEBUILDER_ASSETS"
        if os.environ.get("MODEL_CONTROLLER_REQUIRE_REAL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="session", params=PLANES)
def plane(request: pytest.FixtureRequest) -> str:
    """``embedded`` or ``real``."""
    name: str = request.param
    if name == "real":
        request.getfixturevalue("real_plane")
    return name


@pytest.fixture(scope="session")
async def environment(plane: Any) -> AsyncIterator[Environment]:
    """The control plane with the Model's CRD and those of every family.

    On the real one controllers run with the shipped rights, where owner references are enforced; in the end nothing may have been refused.
    """
    plugins = ["OwnerReferencesPermissionEnforcement"] if plane == "real" else []
    async with Environment(plane, crds=every_crd(), admission_plugins=plugins) as running:
        if plane == "real":
            await grant(running)
        yield running
        assert plane == "embedded" or refused(running) == []


@pytest.fixture
async def client(environment: Environment) -> AsyncIterator[Client]:
    """An administrator's client."""
    async with environment.client() as connected:
        yield connected


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each dialect in turn: what a test promises holds for every family of the API."""
    found: Dialect = request.param
    return found


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Marks reports of tests on the real control plane, so that they can be counted wherever they ran."""
    report: Any = yield
    if item.get_closest_marker("real") is not None:
        report.user_properties.append(("real", True))
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line that says how much ran on the real control plane."""
    counts = {
        outcome: sum(
            1
            for report in terminalreporter.stats.get(outcome, [])
            if ("real", True) in report.user_properties and (outcome == "skipped" or report.when == "call")
        )
        for outcome in ("passed", "failed", "skipped")
    }
    ran = counts["passed"] + counts["failed"]
    terminalreporter.write_line(f"real control plane: {ran} tests ran, {counts['skipped']} skipped")
