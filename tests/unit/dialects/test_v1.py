"""What the children in today's dialect promise, beyond their golden files."""

from collections.abc import Iterator
from typing import Any

import pytest

from controller.api.documents import load_documents
from controller.api.model import Model
from controller.dialects import V1
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.golden import golden_files
from tests.support.rules import a_pair, costly, policy

Json = dict[str, Any]


def children(model: Json) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for child in render(Model.from_object(model), RenderOptions.of(V1)):
        found.setdefault(child["kind"], []).append(child)
    return found


def golden(kind: str) -> Iterator[Json]:
    for case in golden_files([V1]):
        for child in load_documents(case.children.read_bytes(), str(case.children)):
            if child["kind"] == kind:
                yield child


def test_no_gang_minimum_is_ever_written() -> None:
    """The API server never lets it change, so a worker's replicas could not either."""
    templates = [serving["spec"]["template"] for serving in golden("ModelServing")]
    assert templates
    assert all("gangPolicy" not in template for template in templates)


def test_only_entry_pods_get_requests() -> None:
    """Ray workers serve no HTTP: they carry no labels of ours, and the selector asks for entry pods."""
    workers = [
        role["workerTemplate"]
        for serving in golden("ModelServing")
        for role in serving["spec"]["template"]["roles"]
        if "workerTemplate" in role
    ]
    assert workers
    assert all("metadata" not in template for template in workers)
    selectors = [server["spec"]["workloadSelector"]["matchLabels"] for server in golden("ModelServer")]
    assert all(labels["modelserving.volcano.sh/entry"] == "true" for labels in selectors)


def test_every_metric_has_a_source() -> None:
    """The autoscaler leaves out a metric without one, and says nothing."""
    metrics = policy(metrics=[{"metricName": "a", "targetValue": 1}, {"metricName": "b", "targetValue": "500m"}])
    env = [{"name": "RUNTIME_PORT", "value": "9100"}]
    (alone,) = children(a_model("m", a_backend(autoscalingPolicy=metrics, maxReplicas=3, env=env)))["AutoscalingPolicy"]
    target = alone["spec"]["homogeneousTarget"]
    assert (target["minReplicas"], target["maxReplicas"]) == (1, 3)
    assert target["target"]["targetRef"] == {"kind": "ModelServing", "name": "m-main"}
    assert {name: source["pod"]["port"] for name, source in target["target"]["metricSources"].items()} == {
        "a": 9100,
        "b": 9100,
    }
    (whole,) = children(a_model("m", costly("a"), costly("b"), autoscalingPolicy=metrics))["AutoscalingPolicy"]
    params = whole["spec"]["heterogeneousTarget"]["params"]
    assert [sorted(param["target"]["metricSources"]) for param in params] == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("start", [None, 3])
def test_roles_with_bounds_scale_instead_of_groups(start: int | None) -> None:
    """Their number begins at replicas, else at the lower bound, and their pod template does not depend on the bounds."""

    def made(low: int) -> dict[str, list[Json]]:
        bounds = {"minReplicas": low, "maxReplicas": 4, **({"replicas": start} if start else {})}
        return children(a_model("m", a_pair(bounds, autoscalingPolicy=policy())))

    (scaled,) = made(2)["AutoscalingPolicy"]
    target = scaled["spec"]["disaggregatedTarget"]
    assert target["targetRef"] == {"kind": "ModelServing", "name": "m-pd"}
    assert list(target["roles"]) == ["prefill"]
    role = target["roles"]["prefill"]
    assert (role["minReplicas"], role["maxReplicas"], list(role["metricSources"])) == (2, 4, ["waiting"])
    (serving,) = made(2)["ModelServing"]
    assert [role["replicas"] for role in serving["spec"]["template"]["roles"]] == [start or 2, 1]
    inputs = "workload.serving.volcano.sh/template-inputs"
    (other,) = made(1)["ModelServing"]
    assert serving["metadata"]["annotations"][inputs] == other["metadata"]["annotations"][inputs]


def test_a_metric_without_a_name_is_left_out() -> None:
    """A Model may have one, this API may not."""
    metrics = policy(metrics=[{"metricName": "", "targetValue": 1}])
    (found,) = children(a_model("m", a_backend(autoscalingPolicy=metrics)))["AutoscalingPolicy"]
    assert found["spec"]["metrics"] == []


def test_groups_are_recreated_as_a_whole() -> None:
    """A Ray cluster does not survive the loss of one of its pods."""
    (serving,) = children(a_model("m", a_backend(workers=[a_worker(pods=2)])))["ModelServing"]
    assert serving["spec"]["recoveryPolicy"] == "ServingGroupRecreate"
