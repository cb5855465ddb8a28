"""The example with webhooks: pure answers, and once through the real API server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from controller import meta
from controller.envtest import Environment
from controller.meta.errors import ApiError, NotFound
from controller.runtime import Manager, ManagerOptions
from controller.testing import eventually
from controller.webhook import AdmissionRequest
from examples.crds import crd_of
from examples.replica_limit import ReplicaLimit, register, setup
from examples.replicaset import REPLICA_SET
from tests.support.certificates import issue


def asking(spec: dict[str, Any]) -> AdmissionRequest:
    request = {"uid": "u", "operation": "CREATE", "object": {"spec": spec}}
    return AdmissionRequest.from_review(
        {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    )


@pytest.mark.parametrize(
    ("spec", "allowed", "warnings"),
    [
        ({"replicas": 3}, True, 0),
        ({"replicas": 11}, True, 1),
        ({"replicas": 21}, False, 0),
        ({"replicas": "x"}, False, 0),
    ],
)
async def test_the_limit(spec: dict[str, Any], allowed: bool, warnings: int) -> None:
    """Up to 20 here."""
    response = await ReplicaLimit(20).validate(asking(spec))
    assert (response.allowed, len(response.warnings)) == (allowed, warnings)


async def test_the_default() -> None:
    """Only where nothing is asked for."""
    limit = ReplicaLimit(20)
    assert await limit.default(asking({"replicas": 3})) is None
    assert await limit.default(asking({"a": 1})) == {"spec": {"a": 1, "replicas": 1}}


async def test_the_api_server_asks_the_webhooks_of_a_manager(real_plane: None, tmp_path: Path) -> None:
    """The default is stored, too many are refused."""
    issue(tmp_path)
    async with Environment("real", crds=[crd_of(REPLICA_SET)]) as environment, environment.client() as client:
        manager = Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        server, stop = setup(manager, tmp_path, bind="127.0.0.1:0", most=20), asyncio.Event()
        running = asyncio.create_task(manager.run(stop))
        await eventually(lambda: server.port is not None)
        await register(client, f"https://127.0.0.1:{server.port}", (tmp_path / "tls.crt").read_bytes())

        async def put(spec: dict[str, Any]) -> meta.Object:
            body = {"apiVersion": REPLICA_SET.api_version, "kind": REPLICA_SET.kind, "spec": spec}
            return await client.create(
                REPLICA_SET, {**body, "metadata": {"generateName": "r-", "namespace": "default"}}
            )

        async def asked() -> bool:
            return meta.spec_of(await put({"a": 1})).get("replicas") == 1

        await eventually(asked, retry_on=NotFound)

        async def refused() -> bool:
            try:
                await put({"replicas": 21})
            except ApiError as error:
                return "at most 20 are allowed" in str(error)
            return False

        await eventually(refused)
        stop.set()
        await running
