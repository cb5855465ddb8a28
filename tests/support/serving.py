"""A stand-in for Kthena's controller of ModelServings: it makes the pods and reports the status as that one does, and pods run at once.

Source (volcano-sh/kthena): ``pkg/model-serving-controller``. Groups are ``NAME-0``, ``NAME-1``, …; an instance of a role is ``ROLE-0``; its
entry pod ends in 0, its workers in 1 and so on. A group whose pods have another revision is deleted and made again, one at a time while all
others run. The revision covers everything that any release hashes: the scheduler, the plugins, and the roles without their numbers.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from controller import meta
from controller.api.kinds import POD
from controller.client import Client
from controller.dialects import V1
from controller.meta import Object
from controller.meta.errors import AlreadyExists, Conflict, NotFound

_PREFIX = "modelserving.volcano.sh"
_NOT_HASHED = ("replicas", "maxUnavailable", "partition")
_SINCE = "2026-01-01T00:00:00Z"
Json = dict[str, Any]


def revision(serving: Object) -> str:
    """The revision of the pods of a ModelServing; another one restarts them."""
    spec = meta.spec_of(serving)
    roles = [
        {key: value for key, value in role.items() if key not in _NOT_HASHED} for role in spec["template"]["roles"]
    ]
    return meta.digest({"scheduler": spec.get("schedulerName"), "plugins": spec.get("plugins"), "roles": roles})[:10]


@contextlib.asynccontextmanager
async def serving_controller(client: Client, namespace: str) -> AsyncIterator[None]:
    """At work in one namespace as long as the context lasts; when it fails, so does what goes on in the context."""
    async with asyncio.TaskGroup() as group:
        running = group.create_task(_run(client, namespace))
        yield
        running.cancel()


async def _run(client: Client, namespace: str) -> None:
    while True:
        for serving in (await client.list(V1.workload, namespace)).items:
            with contextlib.suppress(Conflict, NotFound):
                await _sync(client, serving)
        await asyncio.sleep(0.05)


async def _sync(client: Client, serving: Object) -> None:
    """One pass: too many groups and instances go, one outdated group goes, what is missing is made, and the status tells of it."""
    namespace, wanted = meta.namespace_of(serving), {meta.name_of(pod): pod for pod in _pods(serving)}
    selector = f"{_PREFIX}/name={meta.name_of(serving)}"
    live = {meta.name_of(pod): pod for pod in (await client.list(POD, namespace, label_selector=selector)).items}
    doomed = live.keys() - wanted.keys()
    outdated = {_group(pod) for name, pod in live.items() if name in wanted and _revision(pod) != revision(serving)}
    if outdated and wanted.keys() <= live.keys():
        last = max(outdated, key=lambda group: int(group.rpartition("-")[2]))
        doomed |= {name for name, pod in live.items() if _group(pod) == last}
    for name in doomed:
        await client.delete(POD, name, namespace=namespace)
    for name in wanted.keys() - live.keys():
        with contextlib.suppress(AlreadyExists):
            await client.create(POD, wanted[name])
        await client.patch(POD, name, {"status": _RUNNING}, namespace=namespace, subresource="status")
    status = _status(serving, {**wanted, **live} if outdated else wanted)
    if meta.status_of(serving) != status:
        body = {"metadata": {"resourceVersion": meta.resource_version_of(serving)}, "status": status}
        name = meta.name_of(serving)
        await client.patch(V1.workload, name, body, namespace=namespace, subresource="status")


_RUNNING = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": _SINCE}]}


def _group(pod: Object) -> str:
    return meta.labels_of(pod)[f"{_PREFIX}/group-name"]


def _revision(pod: Object) -> str | None:
    return meta.labels_of(pod).get(f"{_PREFIX}/revision")


def _pods(serving: Object) -> Iterator[Json]:
    """The pods that there should be."""
    spec = meta.spec_of(serving)
    for ordinal in range(spec["replicas"]):
        for role in spec["template"]["roles"]:
            for instance in range(role["replicas"]):
                for index in range(1 + role["workerReplicas"]):
                    yield _pod(serving, f"{meta.name_of(serving)}-{ordinal}", role, instance, index)


def _pod(serving: Object, group: str, role: Json, instance: int, index: int) -> Json:
    """A pod: the labels of its template win over the controller's, the scheduler of the ModelServing over the template's."""
    template = role["workerTemplate"] if index else role["entryTemplate"]
    metadata = template.get("metadata") or {}
    labels = {
        f"{_PREFIX}/name": meta.name_of(serving),
        f"{_PREFIX}/group-name": group,
        f"{_PREFIX}/role": role["name"],
        f"{_PREFIX}/role-id": f"{role['name']}-{instance}",
        f"{_PREFIX}/revision": revision(serving),
        **({} if index else {f"{_PREFIX}/entry": "true"}),
        **metadata.get("labels", {}),
    }
    entry = f"{group}-{role['name']}-{instance}-0"
    env = [
        {"name": "GROUP_SIZE", "value": str(1 + role["workerReplicas"])},
        {"name": "ENTRY_ADDRESS", "value": f"{entry}.{meta.namespace_of(serving)}"},
        {"name": "WORKER_INDEX", "value": str(index)},
    ]
    names = {variable["name"] for variable in env}
    spec = {**template["spec"], "schedulerName": meta.spec_of(serving).get("schedulerName", "volcano")}
    for part in ("containers", "initContainers"):
        spec[part] = [
            {**item, "env": [*(v for v in item.get("env", ()) if v["name"] not in names), *env]}
            for item in spec.get(part, ())
        ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"{group}-{role['name']}-{instance}-{index}",
            "namespace": meta.namespace_of(serving),
            "labels": labels,
            "annotations": metadata.get("annotations", {}),
            "ownerReferences": [meta.controller_reference(serving, V1.workload)],
        },
        "spec": spec,
    }


def _status(serving: Object, pods: dict[str, Json]) -> Json:
    """With no replicas there are neither conditions nor a generation; a condition that is over stays in the list, False with its old reason."""
    name, replicas, now = meta.name_of(serving), meta.spec_of(serving)["replicas"], revision(serving)
    common = {"currentRevision": now, "updateRevision": now, "labelSelector": f"{_PREFIX}/name={name}"}
    before = dict(meta.status_of(serving))
    if replicas == 0:
        return {**before, **common}
    updated = replicas - len({_group(pod) for pod in pods.values() if _revision(pod) != now})
    counts = {
        "replicas": replicas,
        "currentReplicas": replicas,
        "updatedReplicas": updated,
        "availableReplicas": updated,
    }
    type_, reason = ("Available", "AllGroupsReady") if updated == replicas else ("UpdateInProgress", "GroupsUpdating")
    conditions = {each["type"]: {**each, "status": "False"} for each in before.get("conditions") or ()}
    if (old := meta.find_condition(meta.conditions_of(serving), type_)) is not None and old["status"] == "True":
        conditions[type_] = dict(old)
    else:
        conditions[type_] = {
            "type": type_,
            "status": "True",
            "reason": reason,
            "message": "",
            "lastTransitionTime": _SINCE,
        }
    generation = {"observedGeneration": meta.generation_of(serving)}
    return {**before, **common, **counts, **generation, "conditions": list(conditions.values())}
