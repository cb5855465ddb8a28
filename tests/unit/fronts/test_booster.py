"""A ModelBooster is read as the Model that says the same, and findings speak in its own words."""

from typing import Any

import pytest

from controller.api.model import Model
from controller.dialects import V1
from controller.fronts import BOOSTER
from controller.fronts.booster import booster_schema
from controller.meta import schema
from controller.render import RenderOptions, render
from controller.validation import validate
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, a_worker

Json = dict[str, Any]


def children(document: Json, **kind: Any) -> list[Json]:
    return [*render(Model.from_object(document, **kind), RenderOptions.of(V1))]


def test_its_children_are_those_of_the_equal_model_and_belong_to_it() -> None:
    """Only the owner differs; every field that both have arrives."""
    common: Json = {
        "cacheURI": "pvc://weights",
        "env": [{"name": "A", "value": "1"}],
        "envFrom": [{"secretRef": {"name": "s"}}],
        "schedulerName": "default-scheduler",
        "runtimeClassName": "nvidia",
        "workers": [a_worker(replicas=2, pods=2, config={"x": 1}, tolerations=[{"operator": "Exists"}])],
    }
    booster = a_booster(replicas=3, **common)
    booster["spec"] |= {"name": "assistant", "modelMatch": {"uri": {"prefix": "/v1"}}}
    model = a_model("chat", a_backend(minReplicas=3, maxReplicas=3, **common))
    model["spec"] |= {"name": "assistant", "modelMatch": {"uri": {"prefix": "/v1"}}}
    found = children(BOOSTER.model(booster), resource=BOOSTER.resource)
    owners = [child["metadata"].pop("ownerReferences") for child in found]
    expected = children(model)
    for child in expected:
        child["metadata"].pop("ownerReferences")
    assert found == expected
    assert {(owner["kind"], owner["uid"]) for (owner,) in owners} == {("ModelBooster", booster["metadata"]["uid"])}


def test_its_annotations_for_the_controller_have_its_own_prefix() -> None:
    """What the owner says by them counts; everything else stays as it is."""
    booster = a_booster()
    booster["metadata"]["annotations"] = {"workload.serving.volcano.sh/paused": "true", "other": "x"}
    assert Model.from_object(BOOSTER.model(booster)).annotations == {
        "registry.volcano.sh/paused": "true",
        "other": "x",
    }


@pytest.mark.parametrize(
    ("backend", "path"),
    [
        ({"replicas": None}, "spec.backend.replicas"),
        ({"replicas": -1}, "spec.backend.replicas"),
        ({"replicas": "one"}, "spec.backend.replicas"),
        ({"type": "SGLang"}, "spec.backend.type"),
        ({"modelURI": "ftp://x"}, "spec.backend.modelURI"),
        ({"cacheURI": "pvc://claim/sub"}, "spec.backend.cacheURI"),
        ({"workers": []}, "spec.backend.workers"),
        ({"workers": [a_worker(image="")]}, "spec.backend.workers[0].image"),
        ({"workers": [a_worker(config={"model": "x"})]}, "spec.backend.workers[0].config.model"),
        ({"workers": [a_worker(), a_worker()]}, "spec.backend.workers"),
        ({"minReplicas": 1, "maxReplicas": 2, "replicas": None}, "spec.backend.replicas"),
    ],
)
def test_errors_are_told_in_its_own_words(backend: Json, path: str) -> None:
    """No finding names a field that a ModelBooster does not have."""
    errors = [finding for finding in validate(a_booster(**backend), front=BOOSTER) if finding.level == "error"]
    assert path in [finding.path for finding in errors]
    assert all("backends" not in finding.path + finding.message for finding in errors)


@pytest.mark.parametrize("replicas", [0, 1, 7])
def test_every_number_of_replicas_is_valid(replicas: int) -> None:
    """Also 0, which a Model may only have with autoscaling: nothing is said about bounds that nobody wrote."""
    assert validate(a_booster(replicas=replicas), front=BOOSTER) == []


@pytest.mark.parametrize("spec", [None, [], "x", {}, {"backend": None}, {"backend": []}, {"backend": {"workers": "x"}}])
def test_it_is_read_whatever_json_it_is(spec: Any) -> None:
    """Nothing raises, and something is wrong with it."""
    assert any(finding.level == "error" for finding in validate({**a_booster(), "spec": spec}, front=BOOSTER))


def test_its_schema_takes_what_the_released_one_takes() -> None:
    """No limit of ours keeps a ModelBooster out that exists."""
    many = a_booster(name="x", modelURI="hf://" + "a" * 2000, workers=[a_worker(image="i" * 600)] * 20)
    assert list(schema.violations(many, booster_schema())) == []
