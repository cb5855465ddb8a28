"""A real control plane that is restarted and set back while informers follow it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.client import Client
from controller.envtest import Environment, real_assets
from tests.support.following import CONFIG_MAP, following, put

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(240),
    pytest.mark.skipif(real_assets() is None, reason="no real control plane: install Go or set KUBEBUILDER_ASSETS"),
]


@pytest.fixture(scope="module")
async def real() -> AsyncIterator[Environment]:
    """A real control plane of the module's own: it is restarted under everybody's feet."""
    async with Environment("real") as environment:
        yield environment


@pytest.fixture
async def own(real: Environment) -> AsyncIterator[Client]:
    """An administrator's client."""
    async with real.client() as client:
        yield client


async def test_a_restarted_api_server_is_followed_again(real: Environment, own: Client) -> None:
    """Every version from before the restart is too old for it; what changed at its start is there, what did not is not told again."""
    await put(own, "default", "before")
    async with following(own, CONFIG_MAP, "default") as followed:
        followed.told.clear()
        await real.control_plane.restart_api_server()
        await put(own, "default", "after")
        await followed.until(lambda: "after" in followed.names())
        assert followed.told == [("ADDED", "after")]


async def test_a_store_that_is_set_back_is_noticed_and_taken_anew(
    real: Environment, own: Client, tmp_path: Path
) -> None:
    """Restored from a backup, the server counts from an older version and stays silent on newer ones: only the list after a silent window tells."""
    await put(own, "default", "kept", state="old")
    await real.control_plane.snapshot(tmp_path / "backup")
    async with following(own, CONFIG_MAP, "default", watch_timeout=2) as followed:
        for number in range(50):
            await put(own, "default", f"lost-{number}")
        await own.patch(CONFIG_MAP, "kept", {"data": {"state": "new"}}, namespace="default")
        await followed.until(lambda: "lost-49" in followed.names())
        await real.control_plane.restore(tmp_path / "backup")
        await followed.until(lambda: not any(name.startswith("lost-") for name in followed.names()))
        kept = followed.informer.lister.get("kept", "default")
        assert kept is not None
        assert kept["data"] == {"state": "old"}
        await put(own, "default", "after-the-restore")
        await followed.until(lambda: "after-the-restore" in followed.names())
