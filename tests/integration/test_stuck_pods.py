"""A pod that is stuck, whatever the way: the Model's status, an Event and ``status`` name it, on both control planes."""

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER, POD
from controller.cli.app import cli
from controller.client import Client
from controller.dialects import E4FB6663
from controller.envtest import Environment
from controller.meta import Object, Resource
from controller.runtime.event_objects import EVENT
from tests.support.factories import a_model, eventually, unborn
from tests.support.running import controlling

CORE_EVENT = Resource("", "v1", "events", "Event")
KEYS = E4FB6663.pod_keys
STUCK: dict[str, dict[str, Any]] = {
    "RunContainerError": {
        "phase": "Pending",
        "containerStatuses": [
            {
                "name": "engine",
                "image": "i",
                "imageID": "",
                "ready": False,
                "restartCount": 0,
                "state": {"waiting": {"reason": "RunContainerError", "message": "no such device"}},
            }
        ],
    },
    "UnexpectedAdmissionError": {
        "phase": "Failed",
        "reason": "UnexpectedAdmissionError",
        "message": "Allocate failed due to no healthy devices present",
    },
    "Unschedulable": {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
            }
        ],
    },
    "ReadinessGatesNotReady": {
        "phase": "Running",
        "conditions": [
            {"type": "ContainersReady", "status": "True"},
            {
                "type": "Ready",
                "status": "False",
                "reason": "ReadinessGatesNotReady",
                "message": 'corresponding condition of pod readiness gate "example.com/gate" does not exist.',
            },
        ],
    },
}


async def a_pod_of(client: Client, infer: Object, status: dict[str, Any]) -> Object:
    """A pod of this workload in this state."""
    name, namespace = f"{meta.name_of(infer)}-0", meta.namespace_of(infer)
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {KEYS.name: meta.name_of(infer)},
            "ownerReferences": [meta.controller_reference(infer, MODEL_INFER)],
        },
        "spec": {"containers": [{"name": "engine", "image": "i"}]},
    }
    await client.create(POD, body)
    return await client.patch(POD, name, {"status": status}, namespace=namespace, subresource="status")


async def active_message(client: Client, namespace: str) -> str:
    model = await client.get(MODEL, "chat", namespace)
    return str((meta.find_condition(meta.conditions_of(model), "Active") or {}).get("message"))


async def shown(environment: Environment, namespace: str) -> str:
    """What ``status chat`` prints."""
    arguments = ["status", "chat", "-n", namespace, "--kubeconfig", str(environment.kubeconfig)]
    return str((await asyncio.to_thread(CliRunner().invoke, cli, arguments)).output)


@pytest.mark.parametrize("reason", STUCK)
async def test_a_stuck_pod_is_named_everywhere(
    environment: Environment, client: Client, namespace: str, reason: str
) -> None:
    """The condition, an Event on the Model, and the command: pod, reason and the words of who said it."""
    status = STUCK[reason]
    async with controlling(environment, namespace):
        await client.create(MODEL, unborn(a_model(), namespace))
        infer = await eventually(lambda: _optional(client, namespace))
        await a_pod_of(client, infer, status)

        async def named() -> bool:
            return f"pod chat-main-0: {reason}" in await active_message(client, namespace)

        await eventually(named)

        async def recorded() -> bool:
            events = (await client.list(EVENT, namespace)).items
            return any(e.get("reason") == "BackendPodFailure" and reason in str(e.get("note")) for e in events)

        await eventually(recorded)
    words = str(status.get("message") or status.get("conditions", [{}])[-1].get("message") or "no such device")
    assert words in await active_message(client, namespace)
    assert words in await shown(environment, namespace)


async def _optional(client: Client, namespace: str) -> Object | None:
    return next(iter((await client.list(MODEL_INFER, namespace)).items), None)


async def test_what_only_an_event_says_is_shown_by_the_command(
    environment: Environment, client: Client, namespace: str
) -> None:
    """A volume that cannot be mounted leaves nothing in the pod's status but a container that is being created."""
    async with controlling(environment, namespace):
        await client.create(MODEL, unborn(a_model(), namespace))
        infer = await eventually(lambda: _optional(client, namespace))
    pod = await a_pod_of(client, infer, {"phase": "Pending"})
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": namespace, "name": meta.name_of(pod)}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "mount", "namespace": namespace},
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "weights": claim not found',
        "involvedObject": {**about, "uid": meta.uid_of(pod)},
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    await client.create(CORE_EVENT, event)
    assert f"not ready; FailedMount: {event['message']}" in await shown(environment, namespace)
