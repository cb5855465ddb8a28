"""Hot backends: which pods should have which adapters, and when the route has to wait for them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.kinds import MODEL_INFER, MODEL_ROUTE
from controller.api.model import Model
from controller.meta import Object
from controller.reconcilers.adapter_state import AdapterReport, HotPod
from controller.reconcilers.observe import Observed
from controller.reconcilers.pods import incarnation, is_entry, is_ready, pod_ip
from controller.render.engines import BackendFacts, backend_facts
from controller.render.names import child_name
from controller.serving import WantedAdapter


def hot_pods(model: Model, observed: Observed) -> list[HotPod]:
    """Every ready entry pod of a hot backend, also those of an old revision."""
    found: list[HotPod] = []
    for backend in model.spec.backends:
        facts, name = backend_facts(model, backend), child_name(model, backend)
        infer = observed.child(MODEL_INFER, name)
        if facts.is_hot and infer is not None and meta.is_controlled_by(infer, model.uid):
            pods = (pod for pod in observed.pods.get(name, ()) if is_entry(pod) and is_ready(pod) and pod_ip(pod))
            found += [_hot_pod(facts, name, pod) for pod in pods]
    return found


def _hot_pod(facts: BackendFacts, infer_name: str, pod: Object) -> HotPod:
    return HotPod(
        name=meta.name_of(pod),
        uid=meta.uid_of(pod),
        address=pod_ip(pod),
        incarnation=incarnation(pod),
        backend=infer_name,
        engine_port=facts.engine_port,
        runtime_port=facts.runtime_port,
        mount=facts.cache.mount,
        wanted=tuple(
            WantedAdapter(adapter.name, adapter.artifact_url, facts.directory(adapter.artifact_url))
            for adapter in facts.backend.adapters
        ),
        generation=facts.model.generation,
    )


def routed(route: Object) -> set[tuple[str, str]]:
    """(ModelServer, adapter) for every adapter that a route sends to a server."""
    spec = meta.spec_of(route)
    names = {name for name in spec.get("loraAdapters") or () if isinstance(name, str)}
    pairs: set[tuple[str, str]] = set()
    for rule in spec.get("rules") or ():
        body = (rule.get("modelMatch") or {}).get("body") or {}
        reached = names & {body["model"]} if body.get("model") else names
        pairs |= {
            (str(target.get("modelServerName")), name) for target in rule.get("targetModels") or () for name in reached
        }
    return pairs


def postponed(wanted: Sequence[Mapping[str, Any]], observed: Observed, adapters: AdapterReport) -> set[tuple[str, str]]:
    """The live route, when a new version of it would name adapters that pods are just about to load."""
    for desired in wanted:
        live = observed.child(MODEL_ROUTE, meta.name_of(desired)) if desired["kind"] == MODEL_ROUTE.kind else None
        if live is not None and (routed(desired) - routed(live)) & adapters.pending:
            return {(MODEL_ROUTE.kind, meta.name_of(desired))}
    return set()
