"""The Models of the workloads and what stands in for the controller of the workloads."""

from typing import Any

from controller.api.kinds import MODEL
from controller.meta import Resource

NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
_SINCE = "2026-01-01T00:00:00Z"


def a_model(name: str) -> dict[str, Any]:
    """A Model with one vLLM backend: three children."""
    backend = {
        "name": "main",
        "type": "vLLM",
        "modelURI": "hf://org/repo",
        "minReplicas": 1,
        "maxReplicas": 1,
        "workers": [{"type": "server", "image": "vllm/vllm-openai:v0.10.2", "config": {"max-model-len": 8192}}],
    }
    return {
        "apiVersion": MODEL.api_version,
        "kind": MODEL.kind,
        "metadata": {"name": name},
        "spec": {"backends": [backend]},
    }


def names(count: int, prefix: str = "m") -> list[str]:
    """So many names of Models."""
    return [f"{prefix}-{index:05d}" for index in range(count)]


def condition(type_: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    """A condition of generation 1."""
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": _SINCE,
    }


def available(generation: int = 1) -> dict[str, Any]:
    """The status of a workload whose only replica runs."""
    available = condition("Available", "True", "AllGroupsReady")
    del available["observedGeneration"]
    return {
        "status": {"observedGeneration": generation, "replicas": 1, "availableReplicas": 1, "conditions": [available]}
    }
