"""The webhooks of today's Kthena let every child pass, as it is written and as an autoscaler changes it later."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.api.documents import load_documents
from controller.api.model import Model
from controller.dialects import V1
from controller.fronts import BOOSTER
from controller.render import RenderOptions, render
from controller.validation import ValidationOptions, validate
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.golden import Golden, golden_files
from tests.support.models_strategy import CANDIDATES
from tests.support.rules import a_pair, policy
from tests.support.webhooks import refusals

Json = dict[str, Any]
TODAY = ValidationOptions(dialect=V1)
MODELS = CANDIDATES.filter(lambda model: not any(finding.terminal for finding in validate(model, TODAY)))


def children(model: Json) -> list[Json]:
    return [dict(child) for child in render(Model.from_object(model), RenderOptions.of(V1))]


@pytest.mark.parametrize("case", golden_files([V1]), ids=lambda case: case.children.name)
def test_every_golden_child_passes(case: Golden) -> None:
    """The golden Models and the samples."""
    for child in load_documents(case.children.read_bytes(), str(case.children)):
        assert refusals(dict(child)) == [], child["metadata"]["name"]


def with_most_replicas(servings: list[Json], policies: list[Json]) -> list[Json]:
    """The workloads as they are once autoscalers went to the end."""
    scaled = {serving["metadata"]["name"]: copy.deepcopy(serving) for serving in servings}
    for each in policies:
        spec = each["spec"]
        entries = [spec.get("homogeneousTarget"), *(spec.get("heterogeneousTarget") or {}).get("params", ())]
        for entry in filter(None, entries):
            scaled[entry["target"]["targetRef"]["name"]]["spec"]["replicas"] = entry["maxReplicas"]
        target = spec.get("disaggregatedTarget") or {"roles": {}}
        for role, bounds in target["roles"].items():
            roles = scaled[target["targetRef"]["name"]]["spec"]["template"]["roles"]
            next(found for found in roles if found["name"] == role)["replicas"] = bounds["maxReplicas"]
    return list(scaled.values())


def check(model: Json) -> None:
    rendered = children(model)
    for child in rendered:
        assert refusals(child) == []
    by_kind = {
        kind: [child for child in rendered if child["kind"] == kind] for kind in ("ModelServing", "AutoscalingPolicy")
    }
    for serving in with_most_replicas(*by_kind.values()):
        assert refusals(serving) == []


@settings(max_examples=150, deadline=None)
@given(MODELS)
def test_every_child_of_a_valid_model_passes(model: Json) -> None:
    """What validation lets pass for this dialect, the webhooks do too."""
    check(model)


ROLLOUT = st.fixed_dictionaries(
    {},
    optional={
        "maxUnavailable": st.integers(0, 3) | st.integers(0, 100).map("{}%".format),
        "partition": st.integers(0, 3) | st.integers(0, 100).map("{}%".format),
    },
)
BOUNDS = st.tuples(st.integers(0, 3), st.integers(0, 3)).map(sorted)


@settings(max_examples=100, deadline=None)
@given(ROLLOUT, BOUNDS, BOUNDS, BOUNDS)
def test_bounds_of_rollouts_and_roles_pass_or_are_findings(
    rollout: Json, replicas: list[int], prefill: list[int], decode: list[int]
) -> None:
    """Whatever the numbers, nothing that validation lets pass is refused."""
    low, high = replicas
    scaled = a_backend("a", minReplicas=low, maxReplicas=max(high, 1), autoscalingPolicy=policy(), rollout=rollout)
    roles = [{"minReplicas": bounds[0], "maxReplicas": max(bounds[1], 1)} for bounds in (prefill, decode)]
    pair = a_pair(*roles, autoscalingPolicy=policy(), minReplicas=max(low, 1), maxReplicas=max(low, 1))
    for model in (a_model("chat", scaled), a_model("chat", pair)):
        if not any(finding.terminal for finding in validate(model, TODAY)):
            check(model)


NPU = {"limits": {"cpu": "8", "huawei.com/ascend-1980": "4"}, "requests": {"cpu": "8", "huawei.com/ascend-1980": "4"}}


def connected(connector: str, role: str, **more: Any) -> Json:
    """A worker of a pair as users of Kthena write it: the connector as JSON over several lines, flags as empty texts."""
    transfer = json.dumps({"kv_connector": connector, "kv_role": f"kv_{role}", **more}, indent=2) + "\n"
    return {
        "served-model-name": "acme/model",
        "trust-remote-code": "",
        "gpu-memory-utilization": 0.9,
        "kv-transfer-config": transfer,
    }


def a_booster_pair(connector: str, **more: Any) -> Json:
    workers = [
        a_worker(type=type_, replicas=1, pods=1, resources=NPU, config=connected(connector, role, **more))
        for type_, role in (("prefill", "producer"), ("decode", "consumer"))
    ]
    return a_booster(type="vLLMDisaggregated", cacheURI="hostpath://mnt/cache/", workers=workers)


BOOSTERS = {
    "NIXL": a_booster_pair("NixlConnector"),
    "LMCache": a_booster_pair("LMCacheConnectorV1", kv_connector_extra_config={"lmcache_rpc_port": "10086"}),
    "Mooncake": a_booster_pair("MooncakeConnectorV1", kv_port="20001", kv_connector_extra_config={"prefill": {"dp_size": 2}}),
    "no connector": a_booster(type="vLLMDisaggregated", workers=[a_worker(type="prefill"), a_worker(type="decode")]),
    "several pods": a_booster(replicas=0, workers=[a_worker(pods=2, config={"block-size": 128}, resources=NPU)]),
    "no pods": a_booster(workers=[a_worker(replicas=0, pods=0)]),
    "sidecar": a_booster(env=[{"name": "RUNTIME_PORT", "value": "8200"}, {"name": "RUNTIME_URL", "value": "http://localhost:8000/metrics"}]),
}  # fmt: skip
"""What Kthena's own examples and tests of ModelBoosters use."""


@pytest.mark.parametrize("booster", BOOSTERS.values(), ids=BOOSTERS)
def test_boosters_as_in_kthenas_examples_are_valid_and_pass(booster: Json) -> None:
    """No finding that stops them, and no child that is refused."""
    assert [finding for finding in validate(booster, TODAY, BOOSTER) if finding.terminal] == []
    model = Model.from_object(BOOSTER.model(booster), resource=BOOSTER.resource)
    for child in render(model, RenderOptions.of(V1)):
        assert refusals(dict(child)) == []


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("ModelServing", ("spec", "replicas"), -1),
        ("ModelServing", ("spec", "template", "roles"), []),
        ("ModelServing", ("spec", "template", "roles", 0, "name"), "Leader"),
        ("ModelServing", ("spec", "template", "roles", 0, "maxUnavailable"), 1),
        ("ModelServing", ("spec", "template", "roles", 0, "workerReplicas"), 1),
        ("ModelServing", ("spec", "template", "roles", 0, "workerTemplate"), {"spec": {"containers": []}}),
        ("ModelServing", ("spec", "template", "roles", 0, "entryTemplate", "spec", "containers", 0, "image"), "a b"),
        ("ModelServing", ("spec", "template", "gangPolicy"), {"minRoleReplicas": {"leader": 2}}),
        ("ModelServing", ("spec", "rolloutStrategy", "type"), "RoleRollingUpdate"),
        ("ModelServing", ("spec", "rolloutStrategy", "rollingUpdateConfiguration"), {"maxUnavailable": "50%"}),
        ("ModelServing", ("metadata", "name"), "m" * 60),
        ("AutoscalingPolicy", ("spec", "metrics"), []),
        ("AutoscalingPolicy", ("spec", "metrics", 0, "targetValue"), 0),
        ("AutoscalingPolicy", ("spec", "behavior", "scaleUp", "panicPolicy"), {"period": "31m"}),
        ("AutoscalingPolicy", ("spec", "homogeneousTarget"), None),
        ("AutoscalingPolicy", ("spec", "homogeneousTarget", "target", "metricSources"), {}),
        ("AutoscalingPolicy", ("spec", "homogeneousTarget", "target", "targetRef", "kind"), "ModelInfer"),
        ("AutoscalingPolicy", ("spec", "homogeneousTarget", "minReplicas"), 9),
        ("ModelServer", ("spec", "workloadSelector", "matchLabels"), {}),
        ("ModelServer", ("spec", "workloadSelector", "matchLabels", "a"), "x y"),
        ("ModelServer", ("spec", "workloadSelector", "pdGroup"), {}),
        ("ModelRoute", ("spec", "modelName"), ""),
        ("ModelRoute", ("spec", "loraAdapters"), [""]),
        ("ModelRoute", ("spec", "rules", 0, "targetModels"), []),
        ("ModelRoute", ("spec", "rules", 0, "targetModels", 0, "weight"), 0),
    ],
)  # fmt: skip
def test_each_rule_refuses_what_breaks_it(kind: str, path: tuple[Any, ...], value: Any) -> None:
    """The rules themselves can fail: one change of a child that passes."""
    (child,) = (each for each in children(a_model("m", a_backend(autoscalingPolicy=policy()))) if each["kind"] == kind)
    broken: Any = copy.deepcopy(child)
    assert refusals(broken) == []
    *way, last = path
    holder = broken
    for key in way:
        holder = holder[key]
    holder[last] = value
    assert refusals(broken) != []
