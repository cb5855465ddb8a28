"""The children of a ModelBooster as Kthena's own booster controller makes them, in its own way where it differs from ours.

Source (volcano-sh/kthena): ``pkg/model-booster-controller/convert``, v1.0.0. What it does differently: a gang minimum, which cannot change; the
revision of the whole backend on every pod; a template of workers everywhere, with the labels by which a ModelServer selects; a selector of the uid
alone; no weight in the route; defaults left to the API server; empty objects where nothing is set.
"""

from typing import Any

from controller import meta
from controller.dialects import V1
from controller.fronts import BOOSTER
from controller.meta import Object, Resource

Json = dict[str, Any]
_REVISION = "568756bc85"


def children(booster: Object) -> list[tuple[Resource, Json]]:
    """The ModelServing, the ModelServer and the ModelRoute of a stored booster, as they are sent."""
    backend = meta.spec_of(booster)["backend"]
    pair = backend["type"] == "vLLMDisaggregated"
    roles = [_role(booster, worker, pair=pair) for worker in backend["workers"]]
    gang = {role["name"]: role["replicas"] for role in roles}
    template = {"restartGracePeriodSeconds": 60, "gangPolicy": {"minRoleReplicas": gang}, "roles": roles}
    selector: Json = {"matchLabels": {V1.keys.model_uid: meta.uid_of(booster)}}
    if pair:
        names = {f"{name}Labels": {V1.pod_keys.role: name} for name in ("prefill", "decode")}
        selector["pdGroup"] = {"groupKey": V1.pod_keys.group_name, **names}
    server = {
        "model": backend["workers"][0].get("config", {}).get("served-model-name", meta.name_of(booster)),
        "inferenceEngine": "vLLM",
        "workloadSelector": selector,
        "workloadPort": {"port": 8000},
        "trafficPolicy": {"retry": {"attempts": 5, "retryInterval": "0s"}},
    }
    name = f"{meta.name_of(booster)}-{backend['name']}"
    targets = [{"modelServerName": name}]
    route = {"modelName": meta.name_of(booster), "rules": [{"name": "default", "targetModels": targets}]}
    return [
        (V1.workload, _child(booster, V1.workload, name, {"replicas": backend["replicas"], "template": template})),
        (V1.server, _child(booster, V1.server, name, server)),
        (V1.route, _child(booster, V1.route, meta.name_of(booster), route, backend="")),
    ]


def policy(booster: Object) -> Json:
    """The AutoscalingPolicy that releases before v1.0.0 made; later ones let it lie."""
    name = f"{meta.name_of(booster)}-{meta.spec_of(booster)['backend']['name']}"
    (resource,) = V1.scaling
    source = {"pod": {"name": "waiting", "labelSelector": {"matchLabels": {V1.pod_keys.role: "leader"}}}}
    target = {"targetRef": {"kind": "ModelServing", "name": name}, "metricSources": {"waiting": source}}
    bounded = {"target": target, "minReplicas": 1, "maxReplicas": 4}
    metrics = [{"name": "waiting", "targetValue": 8}]
    return _child(booster, resource, name, {"metrics": metrics, "homogeneousTarget": bounded})


def labels(booster: Object, backend: str | None = None) -> dict[str, str]:
    """The five labels of a child and of its pods."""
    keys = V1.keys
    return {
        keys.model_name: meta.name_of(booster),
        keys.backend_name: meta.spec_of(booster)["backend"]["name"] if backend is None else backend,
        keys.managed_by: V1.manager,
        keys.revision: _REVISION,
        keys.model_uid: meta.uid_of(booster),
    }


def _child(booster: Object, resource: Resource, name: str, spec: Json, backend: str | None = None) -> Json:
    owner = {
        "apiVersion": BOOSTER.resource.api_version,
        "kind": BOOSTER.resource.kind,
        "name": meta.name_of(booster),
        "uid": meta.uid_of(booster),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {"name": name, "namespace": meta.namespace_of(booster), "labels": labels(booster, backend)}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {**metadata, "ownerReferences": [owner]},
        "spec": spec,
    }


def _role(booster: Object, worker: Json, *, pair: bool) -> Json:
    pods = worker.get("pods", 1)
    role = {"name": worker["type"] if pair else "leader", "replicas": worker.get("replicas", 0)}
    metadata = {"labels": labels(booster)}
    entry = {"metadata": metadata, "spec": _pod(booster, worker, "vllm" if pair else "engine", sidecar=True)}
    if pair:
        return {**role, "entryTemplate": entry, "workerReplicas": 0, "workerTemplate": {"spec": {"containers": []}}}
    further = {"metadata": metadata, "spec": _pod(booster, worker, "main-vllm-worker", sidecar=False)}
    return {**role, "entryTemplate": entry, "workerReplicas": max(pods - 1, 0), "workerTemplate": further}


def _pod(booster: Object, worker: Json, name: str, *, sidecar: bool) -> Json:
    mounts = [{"name": "main-weights", "mountPath": "/cache"}]
    command = ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model", "/cache/0f0f"]
    engine = {"name": name, "image": worker["image"], "command": command, "resources": {}, "volumeMounts": mounts}
    runtime = {
        "name": "runtime",
        "image": "ghcr.io/volcano-sh/runtime:v1.0.0",
        "args": ["--port", "8100", "--engine", "vllm", "--model", meta.name_of(booster)],
        "ports": [{"containerPort": 8100}],
        "resources": {},
    }
    downloader = {
        "name": f"{meta.name_of(booster)}-model-downloader",
        "image": "ghcr.io/volcano-sh/downloader:v1.0.0",
        "args": ["--source", meta.spec_of(booster)["backend"]["modelURI"], "--output-dir", "/cache/0f0f"],
        "resources": {},
        "volumeMounts": mounts,
    }
    return {
        "affinity": {},
        "initContainers": [downloader],
        "containers": [*([runtime] if sidecar else []), engine],
        "terminationGracePeriodSeconds": 300,
        "volumes": [{"name": "main-weights", "emptyDir": {}}],
    }
