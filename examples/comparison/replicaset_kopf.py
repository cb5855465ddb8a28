"""The ReplicaSet example as a kopf operator: creates missing Pods, deletes surplus ones, and counts them in the status."""

import os
from typing import Any

import aiohttp
import kopf

SERVER = os.environ["API_SERVER"]
GROUP, OWNER = "example.com", "example.com/owner"


@kopf.on.login()
def login(**_: Any) -> kopf.ConnectionInfo:
    """An API server without credentials, as the embedded one is."""
    return kopf.ConnectionInfo(server=SERVER)


async def call(method: str, path: str, body: Any = None) -> Any:
    """One request; an object that is gone, or there already, is not an error."""
    async with aiohttp.ClientSession() as session, session.request(method, SERVER + path, json=body) as answer:
        if answer.status not in (404, 409):
            answer.raise_for_status()
        return await answer.json()


async def scale(replica_set: Any) -> int:
    """Creates and deletes Pods until they are those that the ReplicaSet asks for; how many these are."""
    meta, spec = replica_set["metadata"], replica_set["spec"]
    pods = f"/api/v1/namespaces/{meta['namespace']}/pods"
    found = (await call("GET", f"{pods}?labelSelector={OWNER}%3D{meta['name']}"))["items"]
    present = {pod["metadata"]["name"] for pod in found}
    wanted = [f"{meta['name']}-{index}" for index in range(spec.get("replicas", 1))]
    for name in set(wanted) - present:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec["template"]["spec"]}
        kopf.adopt(pod, owner=replica_set)
        pod["metadata"]["labels"] = {OWNER: meta["name"]}
        await call("POST", pods, pod)
    for name in present - set(wanted):
        await call("DELETE", f"{pods}/{name}")
    return len(wanted)


@kopf.on.resume(GROUP, "v1", "replicasets")
@kopf.on.create(GROUP, "v1", "replicasets")
@kopf.on.update(GROUP, "v1", "replicasets", field="spec")
async def changed(body: kopf.Body, patch: kopf.Patch, **_: Any) -> None:
    """A ReplicaSet is new, was changed, or was there when the operator started."""
    patch.status["replicas"] = await scale(dict(body))


@kopf.on.event("v1", "pods", labels={OWNER: kopf.PRESENT})
async def pod_changed(type: str, labels: Any, namespace: str, **_: Any) -> None:
    """A Pod is gone: its owner is scaled, if it is there and stays."""
    if type != "DELETED":
        return
    owner = await call("GET", f"/apis/{GROUP}/v1/namespaces/{namespace}/replicasets/{labels[OWNER]}")
    if "uid" in owner.get("metadata", {}) and "deletionTimestamp" not in owner["metadata"]:
        await scale(owner)
