"""The story that the demo tells: one Model, from its creation over an autoscaled canary and an adapter to a failure that is explained and cleared.

A step does one thing through the API, as a user would, and is over when the controller has done what follows from it.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.kinds import MODEL, MODEL_SERVER, POD
from controller.client import Client
from controller.demo.engine import ADDRESS, SimulatedEngine
from controller.demo.scene import Scene
from controller.dialects import Dialect
from controller.meta import NamespacedName, Object

KEY = NamespacedName("default", "chat")
MISSING = "no-such-adapter"
_STABLE, _CANARY = "chat-stable", "chat-canary"
_POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
_ADAPTER = {"name": "legal", "artifactURL": "hf://acme/legal-lora"}
_WRONG = {"name": "medical", "artifactURL": f"hf://acme/{MISSING}"}


@dataclass(frozen=True, slots=True)
class Step:
    """``do`` changes something, ``done`` tells when the controller has followed, ``outcome`` says what came of it."""

    title: str
    do: Callable[[], Awaitable[object]]
    done: Callable[[], bool]
    outcome: Callable[[], str]


class Story:
    """Its steps act through ``client`` and look at ``scene``; ``engine`` stands for the engine of the stable backend."""

    def __init__(self, client: Client, scene: Scene, engine: SimulatedEngine, dialect: Dialect) -> None:
        self._client = client
        self._scene = scene
        self._engine = engine
        self._dialect = dialect
        self._deleted = ""

    def steps(self) -> list[Step]:
        """The steps, in the order in which they are shown."""
        scene, engine = self._scene, self._engine
        return [
            Step(
                "Create Model chat with one backend",
                self._create,
                lambda: scene.says(KEY, "Active", "True"),
                lambda: f"{len(scene.children(KEY))} children written; Active",
            ),
            Step(
                "Add an autoscaled canary with 30 % of the requests",
                lambda: self._backends(70, 30),
                lambda: scene.says(KEY, "Active", "True") and scene.weights(KEY) == {_STABLE: 70, _CANARY: 30},
                self._say_what_restarted,
            ),
            Step(
                "Send 60 % to the canary",
                lambda: self._backends(40, 60),
                lambda: scene.weights(KEY) == {_STABLE: 40, _CANARY: 60},
                self._say_what_restarted,
            ),
            Step(
                "Load an adapter into the running engine",
                self._load_adapter,
                lambda: "legal" in engine.loaded and scene.says(KEY, "Failed", "False"),
                self._say_what_restarted,
            ),
            Step(
                "Delete a child: kubectl delete modelserver chat-stable",
                self._delete_child,
                self._child_is_back,
                lambda: "it came back",
            ),
            Step(
                "Ask for an adapter that does not exist",
                lambda: self._backends(40, 60, _ADAPTER, _WRONG),
                lambda: scene.says(KEY, "Failed", "True"),
                lambda: scene.message(KEY, "Failed").splitlines()[-1].partition(": ")[2],
            ),
            Step(
                "Remove it again",
                lambda: self._backends(40, 60, _ADAPTER),
                lambda: scene.says(KEY, "Failed", "False"),
                lambda: "the failure cleared by itself",
            ),
        ]

    async def _create(self) -> None:
        metadata = {"name": KEY.name, "namespace": KEY.namespace}
        spec = {"backends": [self._backend("stable", 100)]}
        model = {"apiVersion": MODEL.api_version, "kind": MODEL.kind, "metadata": metadata, "spec": spec}
        await self._client.create(MODEL, model)

    async def _backends(self, stable: int, canary: int, *adapters: Object) -> None:
        backends = [self._backend("stable", stable, *adapters), self._backend("canary", canary)]
        await self._client.patch(MODEL, KEY.name, {"spec": {"backends": backends}}, namespace=KEY.namespace)

    def _backend(self, name: str, weight: int, *adapters: Object) -> dict[str, Any]:
        hot = name == "stable"
        scaling = {} if hot else {"autoscalingPolicy": _POLICY}
        backend: dict[str, Any] = {
            "name": name,
            "type": "vLLM",
            "modelURI": "hf://Qwen/Qwen3-0.6B",
            "minReplicas": 1,
            "maxReplicas": 1 if hot else 4,
            "routeWeight": weight,
            **scaling,
            "workers": [{"type": "server", "image": f"vllm/vllm-openai:v0.{10 if hot else 11}.0", "config": {}}],
        }
        if hot:
            backend["workers"][0]["config"] = {"port": self._engine.engine_port, "max-loras": 4}
            backend["env"] = [
                {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"},
                {"name": "RUNTIME_PORT", "value": str(self._engine.runtime_port)},
            ]
        if adapters:
            backend["loraAdapters"] = [dict(adapter) for adapter in adapters]
        return backend

    def _say_what_restarted(self) -> str:
        """A workload whose spec was never changed still has its first generation, and so its first pods."""
        workloads = (self._scene.workload(NamespacedName(KEY.namespace, name)) for name in (_STABLE, _CANARY))
        changed = [meta.name_of(each) for each in workloads if each is not None and meta.generation_of(each) != 1]
        return f"the pods of {', '.join(changed)} restart" if changed else "no pod restarted"

    async def _load_adapter(self) -> None:
        workload = self._scene.workload(NamespacedName(KEY.namespace, _STABLE)) or {}
        pod, status = engine_pod(workload, self._dialect, meta.format_time(time.time()))
        await self._client.create(POD, pod)
        await self._client.patch(
            POD, meta.name_of(pod), {"status": status}, namespace=KEY.namespace, subresource="status"
        )
        await self._backends(40, 60, _ADAPTER)

    async def _delete_child(self) -> None:
        child = self._scene.child(MODEL_SERVER.kind, NamespacedName(KEY.namespace, _STABLE)) or {}
        self._deleted = meta.uid_of(child)
        await self._client.delete(MODEL_SERVER, _STABLE, namespace=KEY.namespace)

    def _child_is_back(self) -> bool:
        child = self._scene.child(MODEL_SERVER.kind, NamespacedName(KEY.namespace, _STABLE))
        return child is not None and meta.uid_of(child) != self._deleted


def engine_pod(workload: Object, dialect: Dialect, now: str) -> tuple[Object, dict[str, Any]]:
    """A ready pod of a workload, behind which the simulated engine answers: the object and its status. ``now`` is an RFC 3339 time."""
    name, namespace = meta.name_of(workload), meta.namespace_of(workload)
    labels = {dialect.pod_keys.name: name, dialect.pod_keys.entry: "true", dialect.keys.model_name: KEY.name}
    metadata = {
        "name": f"{name}-0",
        "namespace": namespace,
        "labels": labels,
        "ownerReferences": [meta.controller_reference(workload, dialect.workload)],
    }
    spec = {"containers": [{"name": "engine", "image": "simulated"}]}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
    status = {"phase": "Running", "podIP": ADDRESS, "conditions": [ready]}
    return {"apiVersion": POD.api_version, "kind": POD.kind, "metadata": metadata, "spec": spec}, status
