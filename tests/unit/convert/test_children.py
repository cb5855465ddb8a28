"""The children of one dialect become those that would have been rendered in the other."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.api.documents import load_documents
from controller.api.model import Model
from controller.convert import Converted, to_dialect
from controller.dialects import E4FB6663, V1, Dialect
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model
from tests.support.golden import golden_files
from tests.support.rules import a_pair, policy

Json = dict[str, Any]
MODELS = [case.model for case in golden_files([E4FB6663])]


def models(file: Path) -> Iterator[Json]:
    for document in load_documents(file.read_bytes(), str(file)):
        document["metadata"] |= {"namespace": "default", "uid": "0f6a2c1e"}
        yield document


def children(model: Json, dialect: Dialect) -> list[Json]:
    return [*render(Model.from_object(model), RenderOptions("d", "r", dialect))]


def by_key(documents: Any) -> dict[tuple[str, str], Json]:
    """Without the annotation that only a controller writes: a converted pod template is held, and restarts nothing."""
    for each in documents:
        each["metadata"].pop("annotations", None)
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def lost(converted: Converted) -> list[str]:
    return [f"{note.path}: {note.message}" for note in converted.notes if note.lost]


@pytest.mark.parametrize("file", MODELS, ids=[f"{file.parent.name}-{file.name}" for file in MODELS])
def test_old_children_become_those_of_today(file: Path) -> None:
    """Every golden Model and sample, byte for byte, with true revisions."""
    for model in models(file):
        converted = to_dialect(children(model, E4FB6663), V1)
        assert lost(converted) == []
        assert by_key(converted.documents) == by_key(children(model, V1))


@pytest.mark.parametrize("file", MODELS, ids=[f"{file.parent.name}-{file.name}" for file in MODELS])
def test_todays_children_become_the_old_ones(file: Path) -> None:
    """Except that groups were spread over nodes, which today's API cannot say."""
    for model in models(file):
        converted = to_dialect(children(model, V1), E4FB6663)
        expected = by_key(children(model, E4FB6663))
        for child in expected.values():
            child["spec"].pop("topologySpreadConstraints", None)
        assert lost(converted) == []
        assert by_key(converted.documents) == expected


def infer(**template: Any) -> Json:
    (found,) = (each for each in children(a_model(), E4FB6663) if each["kind"] == "ModelInfer")
    return {**found, "spec": {**found["spec"], "template": {**found["spec"]["template"], **template}}}


def test_what_cannot_be_said_is_told() -> None:
    """Each by the place that it has in the document."""
    surge = copy.deepcopy(infer())
    surge["spec"]["rolloutStrategy"]["rollingUpdateConfiguration"] = {"maxSurge": 1, "maxUnavailable": 2}
    assert lost(to_dialect([surge], V1)) == [
        "spec.rolloutStrategy.rollingUpdateConfiguration.maxSurge: cannot be converted"
    ]
    gang = infer(gangSchedule={"minRoleReplicas": {"leader": 1}, "networkTopology": {"mode": "soft"}})
    converted = to_dialect([gang], V1)
    assert lost(converted) == ["spec (gang): has no counterpart in the other family"]
    (serving,) = converted.documents
    assert serving["spec"]["template"]["networkTopology"] == {"groupPolicy": {"mode": "soft"}}


def test_roles_that_scale_have_no_equal_in_the_old_family() -> None:
    """The policy is not converted into one that scales something else."""
    model = a_model("m", a_pair({"minReplicas": 1, "maxReplicas": 2}, autoscalingPolicy=policy()))
    assert lost(to_dialect(children(model, V1), E4FB6663)) == ["spec: the dialect e4fb6663 cannot scale single roles"]


def test_a_binding_without_its_policy_is_told() -> None:
    """Neither alone says what is scaled and when."""
    made = children(a_model("m", a_backend(autoscalingPolicy=policy())), E4FB6663)
    for kind in ("AutoscalingPolicy", "AutoscalingPolicyBinding"):
        (alone,) = (each for each in made if each["kind"] == kind)
        converted = to_dialect([alone], V1)
        assert lost(converted) == ["spec: contains nothing that can be converted by itself"]
        assert converted.documents == []


def test_other_documents_pass() -> None:
    """As they were, in their place."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    assert to_dialect([secret], V1).documents == [secret]


def test_a_child_that_breaks_its_schema_is_told_and_left_out() -> None:
    """Nothing raises, whatever stands in a file."""
    for spec in ({}, {"schedulerName": 1, "template": []}, {"schedulerName": "v", "template": {"roles": "x"}}):
        converted = to_dialect([{**infer(), "spec": spec}], V1)
        assert lost(converted)
        assert converted.documents == []


def test_a_gang_and_real_workers_of_a_pair_are_kept() -> None:
    """Today's dialect reads the minimum of a gang and never writes it; the older one can hold it."""
    pod = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
    role = {"name": "prefill", "replicas": 2, "entryTemplate": pod, "workerReplicas": 1, "workerTemplate": pod}
    gang = {"minRoleReplicas": {"prefill": 1}}
    serving = {
        "apiVersion": V1.workload.api_version,
        "kind": V1.workload.kind,
        "metadata": {"name": "chat"},
        "spec": {"template": {"gangPolicy": gang, "roles": [role]}},
    }
    converted = to_dialect([serving], E4FB6663)
    assert converted.notes == []
    (infer,) = converted.documents
    assert infer["spec"]["template"]["gangSchedule"] == gang
    assert infer["spec"]["template"]["roles"] == [role]
    unknown = {"gangPolicy": {**gang, "other": 1}, "roles": [role]}
    (note,) = to_dialect([{**serving, "spec": {"template": unknown}}], E4FB6663).notes
    assert (note.path, note.lost) == ("spec.template.gangPolicy.other", True)
