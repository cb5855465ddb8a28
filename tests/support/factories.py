"""Models for tests, and small helpers to watch what becomes of them."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER
from controller.client import Client
from controller.dialects import E4FB6663, Dialect
from controller.meta import Resource

T = TypeVar("T")


def a_backend(name: str = "main", **fields: Any) -> dict[str, Any]:
    """A valid backend; ``fields`` replace or add, None removes."""
    backend: dict[str, Any] = {
        "name": name,
        "type": "vLLM",
        "modelURI": "hf://org/repo",
        "minReplicas": 1,
        "maxReplicas": 1,
        "workers": [{"type": "server", "image": "vllm/vllm-openai:v0.10.2"}],
    }
    backend.update(fields)
    return {key: value for key, value in backend.items() if value is not None}


def a_worker(**fields: Any) -> dict[str, Any]:
    """A valid worker."""
    return {"type": "server", "image": "vllm/vllm-openai:v0.10.2", **fields}


def a_model(name: str = "chat", *backends: dict[str, Any], namespace: str = "default", **spec: Any) -> dict[str, Any]:
    """A valid Model with these backends, or one."""
    return {
        "apiVersion": MODEL.api_version,
        "kind": MODEL.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": "0f6a2c1e-7c1d-4d0b-9a55-3f1f0d6b8c21",
            "generation": 1,
        },
        "spec": {"backends": copy.deepcopy(list(backends)) or [a_backend()], **spec},
    }


def unborn(model: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The Model as a user would send it to this namespace."""
    return {**model, "metadata": {"name": meta.name_of(model), "namespace": namespace}}


async def eventually(check: Callable[[], Awaitable[T]], *, patience: float = 90.0) -> T:
    """The first truthy answer of ``check``; the last failure after ``patience`` seconds, which is for what never comes, not for what is slow."""
    last: object = None
    try:
        async with asyncio.timeout(patience):
            while True:
                last = await check()
                if last:
                    return last
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"did not come true within {patience} s; last seen: {last!r}") from None


async def conditions(
    client: Client, name: str, namespace: str, resource: Resource = MODEL
) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition of a Model, or of an object of another front."""
    model = await client.get(resource, name, namespace)
    return {c["type"]: (c["status"], c["reason"]) for c in meta.conditions_of(model)}


async def make_available(client: Client, name: str, namespace: str, workload: Resource = MODEL_INFER) -> None:
    """What the controller of the workloads would report once all pods run."""
    found = await client.get(workload, name, namespace)
    condition = {
        "type": "Available",
        "status": "True",
        "reason": "AllGroupsReady",
        "message": "all groups are ready",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    replicas = meta.spec_of(found).get("replicas", 1)
    status = {
        "observedGeneration": meta.generation_of(found),
        "replicas": replicas,
        "availableReplicas": replicas,
        "conditions": [condition],
    }
    await client.patch(workload, name, {"status": status}, namespace=namespace, subresource="status")


async def child_names(client: Client, namespace: str, dialect: Dialect = E4FB6663) -> set[str]:
    """``Kind/name`` of all children of a family in a namespace."""
    found = set()
    for resource in dialect.children:
        found |= {f"{resource.kind}/{meta.name_of(item)}" for item in (await client.list(resource, namespace)).items}
    return found
