"""What would change in a live child: only what we own, only what differs."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller import meta
from controller.api.model import Model
from controller.dialects import E4FB6663, V1
from controller.reconcilers import diff as differences
from controller.reconcilers.children import with_owned_fields as remembering
from controller.reconcilers.diff import Change, Scaling
from controller.reconcilers.ownership import Ownership, ownership
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model, a_worker

REVISION, HELD_REVISION = E4FB6663.keys.revision, E4FB6663.keys.held_revision
OWNED_FIELDS = E4FB6663.keys.owned_fields
POLICY = {"metrics": [{"metricName": "m", "targetValue": 8}]}


def diff(desired: Any, live: Any, scaling: Scaling | None = None) -> Change | None:
    return differences.diff(desired, live, E4FB6663, scaling)


def with_owned_fields(child: Any) -> Any:
    return remembering(child, E4FB6663)


def is_held(desired: Any, live: Any) -> bool:
    return differences.is_held(desired, live, E4FB6663)


def child(kind: str, *backends: dict[str, Any], options: RenderOptions | None = None, **spec: Any) -> dict[str, Any]:
    model = Model.from_object(a_model("chat", *backends, **spec))
    return next(c for c in render(model, options or RenderOptions()) if c["kind"] == kind)


@pytest.mark.parametrize(
    "kind", ["ModelServer", "ModelInfer", "ModelRoute", "AutoscalingPolicy", "AutoscalingPolicyBinding"]
)
def test_what_was_just_written_needs_no_change(kind: str) -> None:
    """Also when the server added identity, and a typed client empty parts and nulls."""
    desired = child(kind, a_backend(autoscalingPolicy=POLICY))
    live = copy.deepcopy(desired)
    live["metadata"] |= {
        "uid": "x",
        "resourceVersion": "5",
        "annotations": {**meta.annotations_of(desired), "theirs": "1"},
    }
    live["spec"]["empty"] = {}
    live["status"] = {}
    assert diff(desired, live) is None


def test_only_what_differs_is_in_the_patch() -> None:
    """Maps by key; the reasons name the paths."""
    desired = child("ModelInfer", a_backend())
    live = copy.deepcopy(desired)
    live["spec"]["recoveryPolicy"] = "None"
    live["metadata"]["labels"].pop("registry.volcano.sh/model-name")
    change = diff(desired, live)
    assert change is not None
    assert change.patch == {
        "metadata": {"labels": {"registry.volcano.sh/model-name": "chat"}},
        "spec": {"recoveryPolicy": "InferGroupRecreate"},
    }
    assert "spec.recoveryPolicy" in change.fields


def test_additions_of_a_webhook_stay_while_we_want_nothing_new() -> None:
    """The same revision asks for coverage only, so two writers never fight."""
    desired = child("ModelServer", a_backend())
    live = copy.deepcopy(desired)
    live["spec"]["workloadSelector"]["added"] = "by a webhook"
    live["spec"]["trafficPolicy"]["timeout"] = "30s"
    assert diff(desired, live) is None


def test_what_we_no_longer_want_goes_when_we_want_something_new() -> None:
    """Another revision asks for equality on owned paths; fields of others are not ours to remove."""
    desired = child("ModelRoute", a_backend())
    live = copy.deepcopy(desired)
    live["metadata"]["labels"]["registry.volcano.sh/revision"] = "other"
    live["spec"] |= {"loraAdapters": ["old"], "rateLimit": {"unit": "second"}}
    change = diff(desired, live)
    assert change is not None
    assert change.patch["spec"] == {"loraAdapters": None}


def test_quantities_are_compared_by_value_where_they_are_quantities() -> None:
    """``1000m`` that comes back as ``1`` is no difference; elsewhere it is."""
    desired = child("ModelInfer", a_backend(workers=[a_worker(resources={"limits": {"cpu": "1000m"}})]))
    live = copy.deepcopy(desired)
    engine = live["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["containers"][1]
    engine["resources"]["limits"]["cpu"] = 1
    assert diff(desired, live) is None
    engine["image"] = "other"
    assert diff(desired, live) is not None


@pytest.mark.parametrize("kind", ["ModelRoute", "AutoscalingPolicyBinding", "ModelInfer"])
def test_another_spelling_of_the_same_is_nothing_new(kind: str) -> None:
    """Backends in another order, a quantity in other words: no write, not even of the revision; a wrong revision is put right."""

    def backends(cpu: str) -> list[dict[str, Any]]:
        adapters = [{"name": "sql", "artifactURL": "hf://acme/sql"}]
        worker = a_worker(resources={"limits": {"cpu": cpu}})
        common = {"workers": [worker], "maxReplicas": 3, "scalingCost": 1, "loraAdapters": adapters}
        return [a_backend(name, **common) for name in "ab"]

    live = child(kind, *backends("1000m"), autoscalingPolicy=POLICY)
    turned = backends("1") if kind == "ModelInfer" else backends("1")[::-1]
    desired = child(kind, *turned, autoscalingPolicy=POLICY)
    assert meta.labels_of(desired)[REVISION] != meta.labels_of(live)[REVISION]
    assert diff(desired, live) is None
    live["metadata"]["labels"][REVISION] = "edited"
    change = diff(desired, live)
    assert change is not None
    assert change.patch == {"metadata": {"labels": {REVISION: meta.labels_of(desired)[REVISION]}}}


def test_a_template_is_held_until_the_owner_asks() -> None:
    """Another operator image is noted and changes no template; another worker config replaces the template whole."""
    live = child("ModelInfer", a_backend())
    other_image = child("ModelInfer", a_backend(), options=RenderOptions(runtime_image="other"))
    assert is_held(other_image, live)
    noted = diff(other_image, live)
    assert noted is not None
    assert noted.fields == (f"metadata.annotations.{HELD_REVISION}",)
    live = meta.merge_patch(live, noted.patch)
    assert diff(other_image, live) is None
    weight = child("ModelInfer", a_backend(routeWeight=7), options=RenderOptions(runtime_image="other"))
    assert diff(weight, live) is None
    config = child(
        "ModelInfer", a_backend(workers=[a_worker(config={"seed": 1})]), options=RenderOptions(runtime_image="other")
    )
    change = diff(config, live)
    assert change is not None
    assert "other" in str(change.patch["spec"]["template"]["roles"])
    assert change.patch["metadata"]["annotations"][HELD_REVISION] is None


def test_an_empty_selector_is_a_choice_of_the_owner() -> None:
    """It selects everything, and an absent one nothing: the template is replaced although the comparison drops empty parts."""

    def spread(term: dict[str, Any]) -> dict[str, Any]:
        terms = [{"topologyKey": "kubernetes.io/hostname", **term}]
        rule = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        return child("ModelInfer", a_backend(workers=[a_worker(affinity={"podAntiAffinity": rule})]))

    change = diff(spread({"namespaceSelector": {}}), spread({}))
    assert change is not None
    assert "spec.template.roles" in change.fields
    assert "'namespaceSelector': {}" in str(change.patch["spec"])


def test_a_template_written_by_another_controller_is_held_and_marked() -> None:
    """Taking over writes the annotation, and not one pod restarts."""
    desired = child("ModelInfer", a_backend())
    live = copy.deepcopy(desired)
    live["metadata"].pop("annotations")
    live["metadata"]["labels"]["registry.volcano.sh/revision"] = "theirs"
    live["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["terminationGracePeriodSeconds"] = 1
    change = diff(desired, live)
    assert change is not None
    assert "spec" not in change.patch
    assert list(change.patch["metadata"]) == ["annotations"]


def test_a_template_that_we_would_render_so_today_is_not_held() -> None:
    """Of any writer: it gets its labels and annotations, and no pod restarts."""
    desired = child("ModelInfer", a_backend())
    live = copy.deepcopy(desired)
    live["metadata"] |= {"labels": {}, "annotations": {}}
    change = diff(desired, live)
    assert change is not None
    assert "spec" not in change.patch
    assert diff(desired, meta.merge_patch(live, change.patch)) is None


def test_a_template_of_a_deleted_namesake_is_replaced_at_adoption() -> None:
    """Its pods carry the uid of the former Model, so that no ModelServer selects them; the owner asked for nothing else."""
    former = a_model()
    former["metadata"]["uid"] = "former"
    live = next(c for c in render(Model.from_object(former), RenderOptions()) if c["kind"] == "ModelInfer")
    live = {**live, "metadata": {**live["metadata"], "ownerReferences": []}}
    desired = child("ModelInfer")
    assert ownership(live, Model.from_object(a_model()), E4FB6663) is Ownership.ADOPTABLE
    change = diff(desired, live)
    assert change is not None
    assert "former" not in str(adopted := meta.merge_patch(live, change.patch))
    assert diff(desired, adopted) is None


@pytest.mark.parametrize(
    ("scaling", "live_replicas", "written"),
    [
        (Scaling(), 4, 1),
        (Scaling(autoscaled=True), 4, None),
        (Scaling(autoscaled=True, clamp=(1, 3, 1)), 4, 3),
        (Scaling(autoscaled=True, clamp=(1, 3, 1)), 2, None),
        (Scaling(autoscaled=True, clamp=(2, 3, 1)), 0, 2),
    ],
)
def test_replicas_belong_to_the_autoscaler_while_it_scales(
    scaling: Scaling, live_replicas: int, written: int | None
) -> None:
    """And are brought within the bounds once."""
    desired = child("ModelInfer", a_backend())
    live = copy.deepcopy(desired)
    live["spec"]["replicas"] = live_replicas
    change = diff(desired, live, scaling)
    assert (change.patch["spec"]["replicas"] if change else None) == written


def test_adoption_keeps_every_other_owner() -> None:
    """The full list is sent, ours added."""
    desired = child("ModelServer", a_backend())
    live = copy.deepcopy(desired)
    theirs = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "x"}
    live["metadata"]["ownerReferences"] = [theirs]
    change = diff(desired, live)
    assert change is not None
    assert change.patch["metadata"]["ownerReferences"] == [theirs, *desired["metadata"]["ownerReferences"]]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from("abc"), JSON, max_size=3), st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)
)
def test_applying_the_patch_leaves_nothing_to_change(live_spec: dict[str, Any], desired_spec: dict[str, Any]) -> None:
    """One write is enough, from any live state."""
    desired = {**child("AutoscalingPolicy", a_backend(autoscalingPolicy=POLICY)), "spec": desired_spec}
    live = {**copy.deepcopy(desired), "spec": live_spec}
    live["metadata"]["labels"]["registry.volcano.sh/revision"] = "other"
    change = diff(desired, live)
    assert diff(desired, meta.merge_patch(live, change.patch) if change else live) is None


@pytest.mark.parametrize("revision", ["asking", ""])
def test_a_field_that_the_model_may_ask_for_is_kept_when_set_by_hand(revision: str) -> None:
    """It is written and removed with the Model's own wish, and left alone where the Model says nothing."""
    silent = child("ModelInfer")
    asking = copy.deepcopy(silent)
    asking["spec"]["template"]["gangSchedule"] = {"minRoleReplicas": {"leader": 1}}
    asking = with_owned_fields(asking)
    by_hand = copy.deepcopy(silent)
    by_hand["spec"]["template"]["gangSchedule"] = {"minRoleReplicas": {"leader": 7}}
    assert diff(silent, by_hand) is None
    change = diff(asking, by_hand)
    assert change is not None
    asked = meta.merge_patch(by_hand, change.patch)
    assert asked["spec"]["template"]["gangSchedule"] == {"minRoleReplicas": {"leader": 1}}
    assert diff(asking, asked) is None
    asked["metadata"]["labels"][REVISION] = revision or silent["metadata"]["labels"][REVISION]
    back = diff(silent, asked)
    assert back is not None
    after = meta.merge_patch(asked, back.patch)
    assert "gangSchedule" not in after["spec"]["template"]
    assert OWNED_FIELDS not in meta.annotations_of(after)
    assert diff(silent, after) is None


def test_a_repair_that_removes_a_field_is_part_of_the_patch() -> None:
    """Beside another change, under the same parent, and alone; the template that it lies in stays as it is."""
    desired = child(V1.workload.kind, options=RenderOptions(dialect=V1))
    live = copy.deepcopy(desired)
    live["spec"]["template"]["gangPolicy"] = {"minRoleReplicas": {"leader": 1}}
    alone = differences.diff(desired, live, V1)
    assert alone is not None
    assert alone.patch == {"spec": {"template": {"gangPolicy": {"minRoleReplicas": None}}}}
    live["spec"]["template"]["restartGracePeriodSeconds"] = 5
    both = differences.diff(desired, live, V1)
    assert both is not None
    seconds = desired["spec"]["template"]["restartGracePeriodSeconds"]
    wanted = {"gangPolicy": {"minRoleReplicas": None}, "restartGracePeriodSeconds": seconds}
    assert both.patch == {"spec": {"template": wanted}}


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The paths of everything inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*path, key), *places(item, (*path, key)))]


@given(st.data())
def test_what_is_word_for_word_as_desired_is_judged_like_everything_else(data: st.DataObject) -> None:
    """The quick way out finds nothing where the whole comparison would: an annotation of another writer forces that one."""
    dialect = data.draw(st.sampled_from([E4FB6663, V1]))
    model = Model.from_object(a_model("chat", a_backend(autoscalingPolicy=POLICY)))
    children = render(model, RenderOptions.of(dialect))
    desired = remembering(data.draw(st.sampled_from(children)), dialect)
    live = copy.deepcopy(desired)
    for *parents, last in data.draw(st.lists(st.sampled_from(places(desired)), max_size=2, unique_by=lambda p: p[0])):
        if parents[:1] not in (["apiVersion"], ["kind"]) and last not in ("apiVersion", "kind", "spec", "metadata"):
            part: Any = live
            for key in parents:
                part = part[key]
            part[last] = data.draw(st.sampled_from([None, "other", 7, [], {}]))
    scaling = data.draw(st.sampled_from([None, Scaling(True), Scaling(True, (2, 3, 1))]))
    compared = meta.merge_patch(live, {"metadata": {"annotations": {"theirs": "1"}}})
    quick, whole = (differences.diff(desired, each, dialect, scaling) for each in (live, compared))
    assert (quick is None) == (whole is None)


@pytest.mark.parametrize("name", [[], {}, None, 7])
def test_a_live_role_whose_name_is_not_a_text_is_replaced(name: Any) -> None:
    """Where no CRD checks the shape, it can be stored; it is one more difference, and not the end of the pass."""
    for dialect in (E4FB6663, V1):
        (desired,) = [
            child
            for child in render(Model.from_object(a_model("chat")), RenderOptions.of(dialect))
            if child["kind"] == dialect.workload.kind
        ]
        live = copy.deepcopy(desired)
        live["spec"]["template"]["roles"][0]["name"] = name
        live["metadata"]["labels"] = {}
        assert differences.diff(desired, live, dialect, None) is not None
