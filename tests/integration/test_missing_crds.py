"""A kind of child that is not installed: the Model says so in plain words, and recovers once the kind exists."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from controller import meta
from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.cli.app import cli
from controller.client import Client
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.envtest.environment import CRD
from tests.support.factories import a_model, child_names, eventually, unborn
from tests.support.planes import PLANES
from tests.support.rights import grant
from tests.support.running import controlling

pytestmark = pytest.mark.timeout(300)
ROUTE = E4FB6663.route


async def failure(client: Client) -> str:
    """The message of ``Failed`` while it is True."""
    failed = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", "default")), "Failed") or {}
    return str(failed["message"]) if failed.get("status") == "True" else ""


async def is_healthy(client: Client) -> bool:
    """Whether ``Failed`` is False and all children exist."""
    failed = meta.find_condition(meta.conditions_of(await client.get(MODEL, "chat", "default")), "Failed") or {}
    return failed.get("status") == "False" and len(await child_names_of(client)) == 3


async def child_names_of(client: Client) -> set[str]:
    return await child_names(client, "default")


async def shown(environment: Environment, *arguments: str) -> str:
    """What a command prints."""
    where = ["--kubeconfig", str(environment.kubeconfig), "-n", "default"]
    return (await asyncio.to_thread(CliRunner().invoke, cli, [*arguments, *where])).output


def without_route() -> list[dict[str, Any]]:
    """The CRDs of the children, without the route's."""
    return [crd for crd in child_crds(E4FB6663) if meta.name_of(crd) != ROUTE.key]


@pytest.mark.parametrize("plane", PLANES)
async def test_a_family_that_lacks_a_kind(plane: Any, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Discovery does not start it: condition, ``status`` and ``diff`` name the CRD; once it is installed, the Model goes on."""
    if plane == "real":
        request.getfixturevalue("real_plane")
    async with Environment(plane, crds=[model_crd(), *without_route()]) as environment:
        if plane == "real":
            await grant(environment)
        async with environment.client() as client, controlling(environment, "default", families=None):
            await client.create(MODEL, unborn(a_model("chat"), "default"))
            message = await eventually(lambda: failure(client))
            assert f"not installed in this cluster, or not readable by the controller: CRD {ROUTE.key}" in message
            assert f"CRD {ROUTE.key}" in await shown(environment, "status", "chat")
            file = tmp_path / "model.json"
            file.write_bytes(meta.jsonio.dumps(a_model("chat")))
            assert f"{ROUTE.kind} ({ROUTE.api_version}) is not installed" in await shown(environment, "diff", str(file))
            (missing,) = (crd for crd in child_crds(E4FB6663) if meta.name_of(crd) == ROUTE.key)
            await client.create(CRD, missing)
            await eventually(lambda: is_healthy(client))


@pytest.mark.parametrize("plane", PLANES)
async def test_a_kind_that_is_removed_while_the_controller_runs(plane: Any, request: pytest.FixtureRequest) -> None:
    """The child that cannot be written is named together with its CRD."""
    if plane == "real":
        request.getfixturevalue("real_plane")
    async with Environment(plane, crds=[model_crd(), *child_crds(E4FB6663)]) as environment:
        if plane == "real":
            await grant(environment)
        async with environment.client() as client, controlling(environment, "default"):
            await client.delete(CRD, ROUTE.key)
            await client.create(MODEL, unborn(a_model("chat"), "default"))

            async def named() -> bool:
                words = f"ModelRoute chat: apply: the CRD {ROUTE.key} is not installed in this cluster"
                return words in await failure(client)

            await eventually(named)
