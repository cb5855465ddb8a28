"""The pods whose engines take adapters while they run, and the adapters that each should have. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.model import Model
from controller.api.pods import incarnation, is_ready, pod_ip
from controller.dialects import DIALECTS
from controller.lora.access import access_of
from controller.lora.state import AdapterPod
from controller.lora.steps import WantedAdapter
from controller.meta import Object, jsonio
from controller.render.engines import BackendFacts, backend_facts
from controller.render.names import child_name


def adapter_pods(model: Model, pods: Mapping[str, Sequence[Object]]) -> list[AdapterPod]:
    """Every ready entry pod of a backend that loads adapters at run time, also those of an old revision.

    ``pods`` has the pods of each workload that the Model controls, by the workload's name.
    """
    found: list[AdapterPod] = []
    for backend in model.spec.backends:
        entries = [pod for pod in pods.get(child_name(model, backend), ()) if is_entry(pod)]
        callable_ones = [pod for pod in entries if is_ready(pod) and pod_ip(pod)]
        if callable_ones and (facts := backend_facts(model, backend)).is_hot:
            found += [_adapter_pod(facts, pod) for pod in callable_ones]
    return found


def is_entry(pod: Object) -> bool:
    """Whether it is an entry pod; only these have the engine's port and a sidecar."""
    labels = meta.labels_of(pod)
    return any(labels.get(dialect.pod_keys.entry) == "true" for dialect in DIALECTS.values())


def _adapter_pod(facts: BackendFacts, pod: Object) -> AdapterPod:
    return AdapterPod(
        name=meta.name_of(pod),
        uid=meta.uid_of(pod),
        address=pod_ip(pod),
        incarnation=incarnation(pod),
        workload=child_name(facts.model, facts.backend),
        engine_port=facts.engine_port,
        runtime_port=facts.runtime_port,
        mount=facts.cache.mount,
        wanted=tuple(
            WantedAdapter(adapter.name, adapter.artifact_url, facts.directory(adapter))
            for adapter in facts.backend.adapters
        ),
        generation=facts.model.generation,
        configured=configured_adapters(facts),
        access=access_of(facts),
    )


def configured_adapters(facts: BackendFacts) -> frozenset[str]:
    """The names of the adapters that the engine loads by itself: ``lora-modules`` or ``lora-paths`` in a worker's config.

    An item is ``NAME=PATH``, a JSON object with a ``name`` or ``lora_name``, or the text of one.
    """
    items: list[Any] = []
    for worker in facts.workers:
        for option in ("lora-modules", "lora-paths"):
            given = worker.config.get(option)
            items += given if isinstance(given, list | tuple) else [given]
    return frozenset(name for item in items if (name := _adapter_name(item)))


def _adapter_name(item: Any) -> str:
    if isinstance(item, str) and item.lstrip().startswith("{"):
        try:
            item = jsonio.loads(item.encode())
        except ValueError:
            return ""
    if isinstance(item, Mapping):
        return str(item.get("name") or item.get("lora_name") or "")
    return item.partition("=")[0].strip() if isinstance(item, str) else ""
