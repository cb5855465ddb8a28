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
    """A Model that has it gets it; nothing is lost without a note."""
    converted = to_model(a_booster(minReplicas=9, workers=[a_worker(nodeSelector={"a": "b"}, gpus=1)]))
    assert [(note.path, "left out" in note.message) for note in converted.notes] == [
        ("spec.backend.minReplicas", True),
        ("spec.backend.workers[0].nodeSelector", False),
        ("spec.backend.workers[0].gpus", True),
    ]
    (backend,) = converted.documents[0]["spec"]["backends"]
    assert (backend["minReplicas"], backend["workers"][0]["nodeSelector"]) == (1, {"a": "b"})
    assert "gpus" not in backend["workers"][0]
    assert not converted.lossy


def test_a_booster_of_an_older_release_keeps_everything() -> None:
    """It has several backends, or bounds in place of a number of replicas: fields of a Model."""
    several = a_booster()
    backends = [a_backend("a", maxReplicas=3), a_backend("b", routeWeight=20)]
    several["spec"] = {"name": "chat", "backends": backends}
    assert to_model(several).documents[0]["spec"] == {"name": "chat", "backends": backends}
    bounded = to_model(a_booster(replicas=None, minReplicas=1, maxReplicas=4)).documents[0]["spec"]["backends"][0]
    assert (bounded["minReplicas"], bounded["maxReplicas"]) == (1, 4)


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        (3, "spec"),
        ({"backend": [1]}, "spec.backend"),
        ({"backend": {"workers": 1}}, "spec.backend.workers"),
        ({"backend": {"workers": [1]}}, "spec.backend.workers[0]"),
    ],
)
def test_what_cannot_be_read_is_a_loss(spec: Any, path: str) -> None:
    """No document that would only look like the given one, in either direction."""
    converted = to_model({**a_booster(), "spec": spec})
    assert [note.path for note in converted.notes if note.lost] == [path]
    assert converted.documents == []
    one = {"minReplicas": 1, "maxReplicas": 1, "type": "vLLM"}
    backend = spec["backend"] if isinstance(spec, dict) else spec
    model = {**a_model(), "spec": {"backends": [{**one, **backend} if isinstance(backend, dict) else backend]}}
    assert to_booster(model).lossy


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
        (a_model("m", a_backend(modelURI="oci://r/x:1")), ["spec.backends[0].modelURI"]),
        (a_model("m", a_backend(minReplicas=-1, maxReplicas=-1)), ["spec.backends[0].minReplicas"]),
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


@settings(max_examples=100)
@given(MODELS)
def test_a_booster_comes_back_as_it_was(model: Json) -> None:
    """Every booster that a Model can become, by way of a Model."""
    for booster in to_booster(
        {**model, "spec": {**model["spec"], "backends": model["spec"]["backends"][:1]}}
    ).documents:
        there = to_model(booster)
        assert there.notes == []
        assert to_booster(there.documents[0]).documents == [booster]
