"""What the webhooks of today's Kthena refuse, in our own words: a list of what is wrong with an object; empty lets it pass.

Sources (volcano-sh/kthena): ``pkg/model-serving-controller/webhook`` (ModelServing), ``pkg/autoscaler/webhook`` (AutoscalingPolicy) and
``pkg/kthena-router/webhook`` (ModelServer, ModelRoute). A rule that only some releases have counts all the same.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from controller import meta
from controller.api.durations import parse_duration

Json = dict[str, Any]
_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")


def refusals(obj: Json) -> list[str]:
    """All that the webhook of the object's kind says against it."""
    return list(_RULES[obj["kind"]](obj))


def _serving(obj: Json) -> Iterator[str]:
    spec, name = obj["spec"], obj["metadata"]["name"]
    replicas, roles = spec.get("replicas"), spec["template"].get("roles") or []
    if not isinstance(replicas, int) or replicas < 0:
        yield f"replicas: {replicas} is not a number from 0"
        return
    if not roles:
        yield "no roles"
    for role in roles:
        yield from _role(role)
        pod = f"{name}-{replicas}-{role['name']}-{role.get('replicas', 1)}-{role['workerReplicas']}"
        if not _DNS_1035.fullmatch(pod):
            yield f"pod name {pod} is not a DNS-1035 label"
    yield from _rollout(spec)
    gang = (spec["template"].get("gangPolicy") or {}).get("minRoleReplicas") or {}
    instances = {role["name"]: role.get("replicas", 1) for role in roles}
    for role, least in gang.items():
        if not 0 <= least <= instances.get(role, -1):
            yield f"gangPolicy: {least} of role {role}"


def _role(role: Json) -> Iterator[str]:
    if not _DNS_1035.fullmatch(role["name"]) or len(role["name"]) > 12:
        yield f"role name {role['name']}"
    if not isinstance(role.get("replicas"), int) or role["replicas"] < 0:
        yield f"role {role['name']}: replicas {role.get('replicas')}"
    if role["workerReplicas"] < 0:
        yield f"role {role['name']}: workerReplicas {role['workerReplicas']}"
    if role["workerReplicas"] and "workerTemplate" not in role:
        yield f"role {role['name']}: workers without a template"
    if {"maxUnavailable", "partition"} & role.keys():
        yield f"role {role['name']}: settings that count only when roles roll one by one"
    for template in filter(None, (role["entryTemplate"], role.get("workerTemplate"))):
        containers = template["spec"].get("containers")
        if not containers:
            yield f"role {role['name']}: a template without containers"
        for container in containers or ():
            image = container.get("image")
            if image is not None and (not image.strip() or any(letter.isspace() for letter in image)):
                yield f"container {container['name']}: image {image!r}"


def _rollout(spec: Json) -> Iterator[str]:
    rollout = spec.get("rolloutStrategy") or {}
    rolling = rollout.get("rollingUpdateConfiguration")
    if rollout.get("type") == "RoleRollingUpdate":
        if rolling is not None or spec.get("recoveryPolicy") == "ServingGroupRecreate":
            yield "roles that roll one by one, beside what is about groups"
        return
    for field in ("maxUnavailable", "partition"):
        value = (rolling or {}).get(field)
        if value is None:
            continue
        percent = isinstance(value, str) and re.fullmatch(r"(\d+)%", value)
        if not (isinstance(value, int) and value >= 0) and not (percent and int(percent[1]) <= 100):
            yield f"{field}: {value!r}"
        elif field == "maxUnavailable" and (value if not percent else spec["replicas"] * int(percent[1]) // 100) == 0:
            yield f"maxUnavailable: {value} of {spec['replicas']} is 0"


def _policy(obj: Json) -> Iterator[str]:
    spec = obj["spec"]
    targets = [name for name in ("homogeneousTarget", "heterogeneousTarget", "disaggregatedTarget") if spec.get(name)]
    if len(targets) != 1:
        yield f"targets: {targets}"
        return
    metrics = spec.get("metrics") or []
    names = [metric["name"] for metric in metrics]
    if len(set(names)) != len(names) or not all(names):
        yield f"metrics: {names}"
    yield from (
        f"metric {metric['name']}: {metric['targetValue']}"
        for metric in metrics
        if meta.parse_quantity(metric["targetValue"]) <= 0
    )
    yield from _TARGETS[targets[0]](spec[targets[0]], names)
    yield from _behavior(spec.get("behavior") or {})


def _homogeneous(target: Json, names: list[str]) -> Iterator[str]:
    yield from _bounded(target, names)


def _heterogeneous(target: Json, names: list[str]) -> Iterator[str]:
    for param in target["params"]:
        yield from _bounded(param, names)


def _bounded(entry: Json, names: list[str]) -> Iterator[str]:
    if not names:
        yield "no metrics"
    yield from _reference(entry["target"]["targetRef"])
    yield from _sources(entry["target"].get("metricSources") or {}, names)
    if not 0 <= entry["minReplicas"] <= entry["maxReplicas"] or entry["maxReplicas"] < 1:
        yield f"bounds: {entry['minReplicas']} to {entry['maxReplicas']}"


def _disaggregated(target: Json, names: list[str]) -> Iterator[str]:
    yield from _reference(target["targetRef"])
    if not 1 <= len(target["roles"]) <= 2:
        yield f"roles: {list(target['roles'])}"
    for role, bounds in target["roles"].items():
        least, most = bounds["minReplicas"], bounds["maxReplicas"]
        if not 0 <= least <= most:
            yield f"role {role}: {least} to {most}"
        if least != most:
            own = [metric["name"] for metric in bounds.get("metrics") or ()] or names
            yield from ([] if own else [f"role {role}: no metrics"])
            yield from _sources(bounds.get("metricSources") or {}, own)


def _reference(reference: Json) -> Iterator[str]:
    if reference.get("kind") not in (None, "", "ModelServing") or not reference.get("name"):
        yield f"targetRef: {reference}"


def _sources(sources: Json, names: list[str]) -> Iterator[str]:
    """Not the webhook alone: the autoscaler never collects a metric without a source, and says nothing."""
    if sources.keys() != set(names):
        yield f"metricSources: {sorted(sources)} for {sorted(names)}"
    for name, source in sources.items():
        if len(source) != 1 or not source.keys() <= {"pod", "prometheus"}:
            yield f"metricSources.{name}: {sorted(source)}"


def _behavior(behavior: Json) -> Iterator[str]:
    up = behavior.get("scaleUp") or {}
    panic = up.get("panicPolicy")
    durations = [
        *(step.get(field) for step in (behavior.get("scaleDown") or {}, up.get("stablePolicy") or {}) for field in ("period", "stabilizationWindow")),
        *((panic["period"], panic.get("panicModeHold")) if panic else ()),
    ]  # fmt: skip
    for duration in filter(None, durations):
        seconds = parse_duration(duration)
        if seconds is None or not 0 <= seconds <= 1800:
            yield f"duration {duration}"


_TARGETS: dict[str, Callable[[Json, list[str]], Iterator[str]]] = {
    "homogeneousTarget": _homogeneous,
    "heterogeneousTarget": _heterogeneous,
    "disaggregatedTarget": _disaggregated,
}


def _server(obj: Json) -> Iterator[str]:
    selector = obj["spec"].get("workloadSelector") or {}
    pair = selector.get("pdGroup")
    maps = {"matchLabels": selector.get("matchLabels")}
    if pair is not None:
        maps |= {name: pair.get(name) for name in ("prefillLabels", "decodeLabels")}
        if not pair.get("groupKey"):
            yield "pdGroup without groupKey"
    for name, labels in maps.items():
        if not labels:
            yield f"{name} is empty"
        for key, value in (labels or {}).items():
            if not _LABEL_KEY.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
                yield f"{name}: {key}={value}"


def _route(obj: Json) -> Iterator[str]:
    spec = obj["spec"]
    adapters = spec.get("loraAdapters") or []
    if not spec.get("modelName") and not adapters:
        yield "neither modelName nor loraAdapters"
    if not all(adapters):
        yield "an adapter without a name"
    for rule in spec["rules"]:
        targets = rule.get("targetModels") or []
        if not targets or sum(target.get("weight", 100) for target in targets) == 0:
            yield f"rule {rule.get('name')}: nothing to send requests to"
        if not all(target.get("modelServerName") for target in targets):
            yield f"rule {rule.get('name')}: a target without a server"


_RULES: dict[str, Callable[[Json], Iterator[str]]] = {
    "ModelServing": _serving,
    "AutoscalingPolicy": _policy,
    "ModelServer": _server,
    "ModelRoute": _route,
}
