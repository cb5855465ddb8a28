"""The official client with the credentials of ours, on both control planes."""

import pytest
from kubernetes.aio.client import ApiException, CoreV1Api, V1ConfigMap, V1ObjectMeta

from controller.client import Client, official_client
from controller.envtest import Environment


async def test_typed_objects_are_written_and_read(environment: Environment, client: Client, namespace: str) -> None:
    """By the same address, TLS context and credentials."""
    async with official_client(client.config) as api:
        core = CoreV1Api(api)
        wanted = V1ConfigMap(metadata=V1ObjectMeta(name="typed"), data={"a": "1"})
        await core.create_namespaced_config_map(namespace, wanted)
        assert (await core.read_namespaced_config_map("typed", namespace)).data == {"a": "1"}
        with pytest.raises(ApiException) as refused:
            await core.create_namespaced_config_map(namespace, wanted)
    assert refused.value.status == 409
