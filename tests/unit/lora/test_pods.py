"""Which pods take adapters while they run, and which adapters each should have."""

from typing import Any

import pytest

from controller.api.model import Model
from controller.lora.pods import adapter_pods
from tests.support.factories import a_backend, a_model, a_worker

HOT = [{"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"}]
SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}


def a_pod(entry: bool = True, ready: bool = True, ip: str = "10.0.0.1") -> dict[str, Any]:
    """A pod of chat-main."""
    labels = {"modelinfer.volcano.sh/entry": "true"} if entry else {}
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    status = {"phase": "Running", "podIP": ip, "conditions": conditions}
    return {"metadata": {"name": "p", "uid": "u", "labels": labels}, "status": status}


def found(backend: dict[str, Any], *pods: dict[str, Any]) -> list[Any]:
    """The pods that would be called."""
    return adapter_pods(Model.from_object(a_model("chat", backend)), {"chat-main": pods})


def test_ready_entry_pods_of_a_backend_that_allows_it_are_called() -> None:
    """With the adapters of the backend and where they are downloaded to."""
    (pod,) = found(a_backend(env=HOT, loraAdapters=[SQL], cacheURI="pvc://weights"), a_pod())
    assert (pod.workload, pod.address, pod.engine_port, pod.runtime_port) == ("chat-main", "10.0.0.1", 8000, 8100)
    assert [(adapter.name, adapter.source) for adapter in pod.wanted] == [("sql", "hf://acme/sql")]
    assert pod.wanted[0].directory.startswith("/weights/")


@pytest.mark.parametrize(
    ("backend", "pod"),
    [
        (a_backend(loraAdapters=[SQL]), a_pod()),
        (a_backend(env=HOT), a_pod(entry=False)),
        (a_backend(env=HOT), a_pod(ready=False)),
        (a_backend(env=HOT), a_pod(ip="")),
        (a_backend("other", env=HOT), a_pod()),
    ],
    ids=["not allowed", "a Ray worker", "not ready", "without address", "another backend"],
)
def test_other_pods_are_not(backend: dict[str, Any], pod: dict[str, Any]) -> None:
    """They have no sidecar, no engine that answers, or adapters in their template."""
    assert found(backend, pod) == []


@pytest.mark.parametrize(
    "modules",
    [["x=/weights/x"], "x=/weights/x", [{"name": "x", "path": "/weights/x"}], ['{"name": "x", "path": "/weights/x"}']],
)
def test_adapters_of_the_config_are_known_by_name(modules: Any) -> None:
    """In every form that the engine takes; text that is not one of them names nothing."""
    worker = a_worker(config={"lora_modules": modules})
    (pod,) = found(a_backend(env=HOT, workers=[worker]), a_pod())
    assert pod.configured == {"x"}
    (odd,) = found(a_backend(env=HOT, workers=[a_worker(config={"lora-modules": [7, "{", None]})]), a_pod())
    assert odd.configured == frozenset()
