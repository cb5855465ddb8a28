"""A ModelBooster becomes a Model and back without a loss; a Model becomes one where it says nothing else."""

from typing import Any

import pytest
from hypothesis import given, settings

from controller.api.model import Model
from controller.convert import to_booster, to_model
from controller.dialects import V1
from controller.fronts import BOOSTER
from controller.render import RenderOptions, render
from controller.validation import validate
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.models_strategy import MODELS

Json = dict[str, Any]
POLICY = {"metrics": [{"metricName": "m", "targetValue": 1}]}


def specs(model: Json, **kind: Any) -> list[Json]:
    """What would be rendered, without identities."""
    model = {**model, "metadata": {**model["metadata"], "uid": "u", "namespace": "default"}}
    return [child["spec"] for child in render(Model.from_object(model, **kind), RenderOptions.of(V1))]


def test_there_and_back_is_the_same() -> None:
    """With its annotations, without what a server added."""
    booster = a_booster(replicas=3, cacheURI="pvc://c", env=[{"name": "A", "value": "1"}])
    booster["metadata"]["annotations"] = {"workload.serving.volcano.sh/refresh": "1", "other": "x"}
    written = {**booster, "metadata": {**booster["metadata"]}}
    for key in ("uid", "generation"):
        del written["metadata"][key]
    (model,) = to_model({**booster, "status": {"conditions": []}}).documents
    assert validate(model) == []
    assert model["metadata"]["annotations"]["registry.volcano.sh/refresh"] == "1"
    assert model["spec"]["backends"][0]["minReplicas"] == model["spec"]["backends"][0]["maxReplicas"] == 3
    back = to_booster(model)
    assert back.notes == []
    assert back.documents == [written]


def test_a_field_that_no_booster_has_is_told() -> None:
    """It had no effect, since the API server dropped it: a note, no loss."""
    converted = to_model(a_booster(minReplicas=1, workers=[a_worker(nodeSelector={"a": "b"})]))
    assert [note.path for note in converted.notes] == [
        "spec.backend.minReplicas",
        "spec.backend.workers[0].nodeSelector",
    ]
    assert not converted.lossy


@pytest.mark.parametrize(
    ("model", "paths"),
    [
        (a_model("m", a_backend("a"), a_backend("b")), ["spec.backends"]),
        (a_model("m", a_backend(maxReplicas=2)), ["spec.backends[0].maxReplicas"]),
        (
            a_model("m", a_backend(maxReplicas=2, autoscalingPolicy=POLICY)),
            ["spec.backends[0].autoscalingPolicy"],
        ),
        (a_model("m", autoscalingPolicy=POLICY), ["spec.autoscalingPolicy"]),
        (
            a_model("m", a_backend(loraAdapters=[{"name": "l", "artifactURL": "hf://o/l"}])),
            ["spec.backends[0].loraAdapters"],
        ),
        (a_model("m", a_backend(type="SGLang")), ["spec.backends[0].type"]),
        (
            a_model("m", a_backend(workers=[a_worker(nodeSelector={"a": "b"})])),
            ["spec.backends[0].workers[0].nodeSelector"],
        ),
        ({**a_model(), "spec": None}, ["spec.backends"]),
    ],
)
def test_what_a_booster_cannot_say_is_a_loss(model: Json, paths: list[str]) -> None:
    """All of it at once, and no document."""
    converted = to_booster(model)
    assert [note.path for note in converted.notes if note.lost] == paths
    assert converted.documents == []


def test_what_has_no_effect_is_no_loss() -> None:
    """A single backend gets all requests, whatever its weight."""
    converted = to_booster(a_model("m", a_backend(routeWeight=20)))
    assert [(note.path, note.lost) for note in converted.notes] == [("spec.backends[0].routeWeight", False)]
    assert len(converted.documents) == 1


@settings(max_examples=100)
@given(MODELS)
def test_a_converted_model_serves_the_same(model: Json) -> None:
    """Whatever could be converted renders to the same specs, but for the weight of the only backend, which has no effect."""
    (first, *rest) = model["spec"]["backends"]
    weightless = {key: value for key, value in first.items() if key != "routeWeight"}
    model = {**model, "spec": {**model["spec"], "backends": [weightless, *rest]}}
    for booster in to_booster(model).documents:
        assert specs(BOOSTER.model(booster)) == specs(model)
