"""A stand-in for the controller of the workloads and for the kubelet: entry pods of every replica, and rollouts as Kthena makes them.

One replica at a time, the highest ordinal first, and none is added before one is taken away. The next one is replaced only when the one
before receives requests, so a rollout never ends if the router is not told of the new pods.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from controller import meta
from controller.api.kinds import POD
from controller.api.pods import is_ready
from controller.client import Client
from controller.dialects import Dialect
from controller.meta import Object
from controller.meta.errors import Conflict, NotFound
from tests.support.worlds import a_pod_of

REVISION = "revision-of-test"


def revision_of(workload: Object) -> str:
    """Of its template, without the numbers of instances."""
    roles = meta.spec_of(workload)["template"]["roles"]
    return meta.digest([{key: value for key, value in role.items() if key != "replicas"} for role in roles])


class Rollouts:
    """Runs the workloads of a namespace. ``receives`` says whether the router sends requests to a pod; ``gate`` lets new pods become ready."""

    def __init__(
        self, client: Client, namespace: str, dialect: Dialect, receives: Callable[[Object], Awaitable[bool]]
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._dialect = dialect
        self._receives = receives
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            for workload in (await self._client.list(self._dialect.workload, self._namespace)).items:
                try:
                    await self._step(workload)
                except (Conflict, NotFound):
                    continue
            await self._collect()
            await asyncio.sleep(0.05)

    async def _collect(self) -> None:
        """Pods of workloads that are gone."""
        workloads = (await self._client.list(self._dialect.workload, self._namespace)).items
        uids = set(map(meta.uid_of, workloads))
        for pod in (await self._client.list(POD, self._namespace)).items:
            if (meta.controller_of(pod) or {}).get("uid") not in uids:
                await self._client.delete(POD, meta.name_of(pod), namespace=self._namespace)

    async def _step(self, workload: Object) -> None:
        """Takes away at most one replica of an older template, starts what is missing, and reports."""
        roles = meta.spec_of(workload)["template"]["roles"]
        revision = revision_of(workload)
        pods = await self._pods(workload)
        old = [pod for pod in pods if meta.labels_of(pod)[REVISION] != revision]
        if old and len(pods) == self._count(workload) and await self._all_receive(pods):
            await self._client.delete(POD, meta.name_of(old[-1]), namespace=self._namespace)
            pods = await self._pods(workload)
        for ordinal in range(meta.spec_of(workload)["replicas"]):
            for role in roles:
                await self._start(workload, role, f"{meta.name_of(workload)}-{ordinal}-{role['name']}-0-0", revision)
        await self._report(workload)

    def _count(self, workload: Object) -> int:
        spec = meta.spec_of(workload)
        return int(spec["replicas"]) * len(spec["template"]["roles"])

    async def _all_receive(self, pods: list[Object]) -> bool:
        """Before a rollout the old pods do; in the middle of one, the last new pod must, or else the rollout waits."""
        revisions = {meta.labels_of(pod)[REVISION] for pod in pods}
        if len(revisions) == 1:
            return True
        return await self._receives(pods[-1])

    async def _pods(self, workload: Object) -> list[Object]:
        pods = (await self._client.list(POD, self._namespace)).items
        mine = [pod for pod in pods if (meta.controller_of(pod) or {}).get("uid") == meta.uid_of(workload)]
        return sorted(mine, key=meta.name_of)

    async def _start(self, workload: Object, role: dict[str, Any], name: str, revision: str) -> None:
        try:
            pod = await self._client.get(POD, name, self._namespace)
        except NotFound:
            pod = a_pod_of(workload, role, name, self._dialect, ready=False)
            del pod["status"]
            pod["metadata"]["labels"][REVISION] = revision
            pod = await self._client.create(POD, pod)
        if self.gate.is_set() and not is_ready(pod):
            ready = a_pod_of(workload, role, name, self._dialect, ready=True)["status"]
            await self._client.patch(POD, name, {"status": ready}, namespace=self._namespace, subresource="status")

    async def _report(self, workload: Object) -> None:
        """What the controller of the workloads writes; nothing when nothing changed."""
        ready = [pod for pod in await self._pods(workload) if is_ready(pod)]
        desired = meta.spec_of(workload)["replicas"]
        revision = revision_of(workload)
        current = [pod for pod in ready if meta.labels_of(pod)[REVISION] == revision]
        roles = len(meta.spec_of(workload)["template"]["roles"])
        conditions = meta.set_condition(
            [],
            type="Available",
            status=str(len(current) == desired * roles),
            reason="AllGroupsReady",
            message="",
            observed_generation=meta.generation_of(workload),
            now="2026-01-01T00:00:00Z",
        )
        status = {
            "observedGeneration": meta.generation_of(workload),
            "replicas": desired,
            "availableReplicas": len(ready) // roles,
            "updatedReplicas": len(current) // roles,
            "conditions": conditions,
        }
        if all(meta.status_of(workload).get(key) == value for key, value in status.items()):
            return
        body = {"metadata": {"resourceVersion": meta.resource_version_of(workload)}, "status": status}
        name = meta.name_of(workload)
        await self._client.patch(self._dialect.workload, name, body, namespace=self._namespace, subresource="status")
