"""ModelBoosters for tests."""

from typing import Any

from controller.fronts import BOOSTER


def a_booster(name: str = "chat", *, namespace: str = "default", **backend: Any) -> dict[str, Any]:
    """A valid ModelBooster; ``backend`` replaces or adds fields, None removes them."""
    fields: dict[str, Any] = {
        "name": "main",
        "type": "vLLM",
        "modelURI": "hf://org/repo",
        "replicas": 1,
        "workers": [{"type": "server", "image": "vllm/vllm-openai:v0.10.2", "replicas": 1, "pods": 1}],
    }
    fields.update(backend)
    return {
        "apiVersion": BOOSTER.resource.api_version,
        "kind": BOOSTER.resource.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": "0f6a2c1e-7c1d-4d0b-9a55-3f1f0d6b8c21",
            "generation": 1,
        },
        "spec": {"backend": {key: value for key, value in fields.items() if value is not None}},
    }
