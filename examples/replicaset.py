"""A second controller on the framework: keeps as many Pods as a ReplicaSet asks for. It uses public names only."""

import asyncio
from collections.abc import Sequence

from controller import meta
from controller.envtest import Environment
from controller.informers import BY_OWNER, SharedInformer
from controller.meta import Object, Resource
from controller.meta.errors import NotFound
from controller.runtime import (
    ControllerBuilder,
    Manager,
    ManagerOptions,
    Request,
    Result,
    any_of,
    deletion_started,
    generation_changed,
)
from examples.crds import crd_of

REPLICA_SET = Resource("example.com", "v1", "replicasets", "ReplicaSet")
POD = Resource("", "v1", "pods", "Pod")


class ReplicaSetReconciler:
    """Creates missing Pods, deletes surplus ones, and counts them in the status."""

    def __init__(self, manager: Manager, replica_sets: SharedInformer, pods: SharedInformer) -> None:
        self._client = manager.client
        self._recorder = manager.recorder("replicaset-example")
        self._replica_sets = replica_sets
        self._pods = pods

    async def reconcile(self, request: Request) -> Result:
        """One pass: look, compare, act."""
        owner = self._replica_sets.lister.get(request.name, request.namespace)
        if owner is None or meta.is_deleting(owner):
            return Result()
        pods = {meta.name_of(pod): pod for pod in self._pods.lister.by_index(BY_OWNER, meta.uid_of(owner))}
        wanted = [f"{request.name}-{index}" for index in range(meta.spec_of(owner).get("replicas", 1))]
        missing = [name for name in wanted if name not in pods]
        surplus = [pod for name, pod in pods.items() if name not in wanted and not meta.is_deleting(pod)]
        async with asyncio.TaskGroup() as group:
            for name in missing:
                group.create_task(self._create(owner, name))
            for pod in surplus:
                group.create_task(self._delete(pod))
        if missing or surplus:
            self._recorder.event(owner, "Normal", "Scaled", f"created {len(missing)}, deleted {len(surplus)} pods")
        await self._update_status(owner, wanted)
        return Result()

    async def _create(self, owner: Object, name: str) -> None:
        template = meta.spec_of(owner).get("template", {})
        metadata = {
            "name": name,
            "namespace": meta.namespace_of(owner),
            "labels": dict(meta.labels_of(template)),
            "ownerReferences": [meta.controller_reference(owner, REPLICA_SET)],
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": meta.spec_of(template)}
        await self._client.create(POD, pod)

    async def _delete(self, pod: Object) -> None:
        try:
            await self._client.delete(POD, meta.name_of(pod), namespace=meta.namespace_of(pod), uid=meta.uid_of(pod))
        except NotFound:
            return

    async def _update_status(self, owner: Object, wanted: Sequence[str]) -> None:
        status = {"replicas": len(wanted), "observedGeneration": meta.generation_of(owner)}
        if meta.covers(meta.status_of(owner), status):
            return
        body = {"metadata": {"resourceVersion": meta.resource_version_of(owner)}, "status": status}
        key = meta.key_of(owner)
        await self._client.patch(REPLICA_SET, key.name, body, namespace=key.namespace, subresource="status")


def setup(manager: Manager) -> None:
    """Adds the controller to a manager."""
    reconciler = ReplicaSetReconciler(manager, manager.informer(REPLICA_SET), manager.informer(POD))
    builder = ControllerBuilder(manager).for_(REPLICA_SET, any_of(generation_changed, deletion_started))
    builder.owns(POD).with_options(concurrency=4).complete(reconciler)


async def main() -> None:
    """Runs the controller on an API server of its own until three Pods are there."""
    replica_set = {
        "apiVersion": REPLICA_SET.api_version,
        "kind": REPLICA_SET.kind,
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 3, "template": {"spec": {"containers": [{"name": "c", "image": "example.com/c:1"}]}}},
    }
    async with Environment("embedded", crds=[crd_of(REPLICA_SET)]) as environment, environment.client() as client:
        manager = Manager(client, ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0"))
        setup(manager)
        stop = asyncio.Event()
        running = asyncio.create_task(manager.run(stop))
        await client.create(REPLICA_SET, replica_set)
        while len(pods := (await client.list_all(POD, "default")).items) < 3:
            await asyncio.sleep(0.05)
        print(*sorted(meta.name_of(pod) for pod in pods))
        stop.set()
        await running


if __name__ == "__main__":
    asyncio.run(main())
