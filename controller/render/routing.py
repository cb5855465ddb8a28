"""ModelServer and ModelRoute: which pods serve, and which requests reach them."""

from collections.abc import Mapping
from typing import Any

from controller.api.model import Backend, Model
from controller.dialects import Dialect
from controller.render.engines import ENGINES
from controller.render.facts import BackendFacts
from controller.render.names import child_name


def server_spec(facts: BackendFacts, dialect: Dialect) -> dict[str, Any]:
    """The ModelServer of one backend; it selects the backend's own entry pods only."""
    keys, pods = dialect.keys, dialect.pod_keys
    labels = {keys.model_uid: facts.model.uid, keys.backend_name: facts.backend.name, **dialect.server_labels}
    selector: dict[str, Any] = {"matchLabels": labels}
    if facts.traits.disaggregated:
        selector["pdGroup"] = {
            "groupKey": pods.group_name,
            "prefillLabels": {pods.role: "prefill"},
            "decodeLabels": {pods.role: "decode"},
        }
    spec: dict[str, Any] = {
        "model": facts.served_name,
        "inferenceEngine": facts.traits.inference_engine,
        "workloadSelector": selector,
        "workloadPort": {"port": facts.engine_port, "protocol": "http"},
        "trafficPolicy": {"retry": {"attempts": 5, "retryInterval": "0s"}},
    }
    if connector := ENGINES[facts.traits.backend_type].kv_connector(facts):
        spec["kvConnector"] = {"type": connector}
    return spec


def route_spec(model: Model) -> dict[str, Any]:
    """The ModelRoute. A rule whose weights sum to zero is never written: it would take the router down."""
    backends = model.spec.backends
    if len(backends) == 1:
        names = sorted({adapter.name for adapter in backends[0].adapters})
        rules = [_rule("default", model.spec.model_match, backends, model)]
    else:
        wanted = sorted(model.adapter_names)
        owners = {name: owning for name in wanted if _weight(owning := _with_adapter(backends, name))}
        names = list(owners)
        rules = [
            _rule("default", _matching(model.spec.model_match, model.request_name), backends, model),
            *(_rule(name, _matching(model.spec.model_match, name), owning, model) for name, owning in owners.items()),
        ]
    spec: dict[str, Any] = {"modelName": model.request_name, "rules": rules}
    if names:
        spec["loraAdapters"] = names
    return spec


def _with_adapter(backends: tuple[Backend, ...], name: str) -> tuple[Backend, ...]:
    return tuple(backend for backend in backends if any(adapter.name == name for adapter in backend.adapters))


def _weight(backends: tuple[Backend, ...]) -> int:
    return sum(backend.weight for backend in backends)


def _matching(match: Any, request_model: str) -> dict[str, Any]:
    """The user's conditions, with the request's model set to this name."""
    conditions = dict(match) if isinstance(match, Mapping) else {}
    body = conditions.get("body")
    return {**conditions, "body": {**(body if isinstance(body, Mapping) else {}), "model": request_model}}


def _rule(name: str, match: Any, backends: tuple[Backend, ...], model: Model) -> dict[str, Any]:
    targets = [{"modelServerName": child_name(model, backend), "weight": backend.weight} for backend in backends]
    conditions = {} if match is None else {"modelMatch": match}
    return {"name": name, **conditions, "targetModels": targets}
