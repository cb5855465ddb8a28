"""Which edits of a Model ask for other pods, and which do not: a running template is replaced for the first kind alone."""

import copy
from typing import Any

import pytest

from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rendering import only
from tests.support.rules import HOT, a_pair, adapters, policy

TEMPLATE_INPUTS = "registry.volcano.sh/template-inputs"


def inputs(model: dict[str, Any]) -> str:
    annotation: str = only(model, "ModelInfer")["metadata"]["annotations"][TEMPLATE_INPUTS]
    return annotation


def with_backend(**fields: Any) -> dict[str, Any]:
    return a_model("chat", a_backend(**fields))


def with_worker(**fields: Any) -> dict[str, Any]:
    return with_backend(workers=[a_worker(**fields)])


def named(name: str) -> dict[str, Any]:
    model = a_model("chat")
    model["spec"]["name"] = name
    return model


def refreshed(value: str) -> dict[str, Any]:
    model = copy.deepcopy(a_model("chat"))
    model["metadata"]["annotations"] = {"registry.volcano.sh/refresh": value}
    return model


@pytest.mark.parametrize(
    "edited",
    [
        a_model("chat-2"),
        named("assistant"),
        with_backend(name="other"),
        with_backend(modelURI="hf://org/other"),
        with_backend(cacheURI="pvc://c"),
        with_backend(env=[{"name": "A", "value": "1"}]),
        with_backend(envFrom=[{"secretRef": {"name": "s"}}]),
        with_backend(schedulerName="s"),
        with_backend(runtimeClassName="r"),
        with_backend(loraAdapters=adapters("a")),
        with_worker(image="other"),
        with_worker(replicas=2),
        with_worker(pods=2),
        with_worker(resources={"limits": {"cpu": 1}}),
        with_worker(affinity={"podAffinity": {}}),
        with_worker(tolerations=[{"key": "k"}]),
        with_worker(nodeSelector={"a": "b"}),
        with_worker(config={"k": 1}),
        with_worker(config={"k": {}}),
        with_worker(config={"k": []}),
        with_worker(config={"k": ""}),
        refreshed("now"),
    ],
)
def test_what_the_template_depends_on_changes_the_inputs(edited: dict[str, Any]) -> None:
    """Each such edit is a wish for other pods, however small."""
    assert inputs(edited) != inputs(a_model("chat"))


@pytest.mark.parametrize(
    "edited",
    [
        with_backend(minReplicas=2, maxReplicas=3, scalingCost=1, routeWeight=5, scaleToZeroGracePeriod="1s"),
        with_backend(autoscalingPolicy=policy()),
        a_model(
            "chat",
            modelMatch={"uri": {"exact": "/"}},
            owner="me",
            autoscalingPolicy=policy(),
            costExpansionRatePercent=1,
        ),
        with_backend(routeWeight=100, env=[], envFrom=[], loraAdapters=[], schedulerName="", cacheURI=None),
        with_worker(type="server", replicas=1, pods=0, config={"k": None}, resources={}, affinity={}, tolerations=[]),
        named("chat"),
        refreshed(""),
    ],
)
def test_other_edits_and_other_spellings_of_the_same_do_not(edited: dict[str, Any]) -> None:
    """Scaling, routing, and defaults that are written out."""
    assert inputs(edited) == inputs(a_model("chat"))


def test_another_version_of_an_adapter_asks_for_other_pods() -> None:
    """None and an empty one are the same as no such field."""
    (adapter,) = adapters("a")
    plain, none, empty, one, two = (
        inputs(with_backend(loraAdapters=[{**adapter, **version}]))
        for version in ({}, {"artifactVersion": None}, {"artifactVersion": ""}, *({"artifactVersion": v} for v in "12"))
    )
    assert plain == none == empty
    assert len({plain, one, two}) == 3


def test_another_backend_does_not_matter() -> None:
    """Each has inputs of its own."""
    alone = inputs(a_model("chat", a_backend("a")))
    model = a_model("chat", a_backend("a"))
    model["spec"]["backends"].append(a_pair())
    assert model["spec"]["backends"][1]["name"] == "pd"
    assert inputs({**model, "spec": {"backends": model["spec"]["backends"][:1]}}) == alone


def test_quantities_count_by_value_and_numbers_by_what_they_are() -> None:
    """``1`` and ``1000m``, ``8192`` and ``8192.0``."""
    first = with_worker(resources={"limits": {"cpu": "1", "memory": "1Gi"}}, config={"k": 8192})
    second = with_worker(resources={"limits": {"memory": "1024Mi", "cpu": "1000m"}}, config={"k": 8192.0})
    assert inputs(first) == inputs(second)


def test_an_empty_selector_inside_a_field_is_not_the_same_as_none() -> None:
    """In an affinity, empty means all and absent means none."""

    def near(term: dict[str, Any]) -> dict[str, Any]:
        term = {"topologyKey": "k", **term}
        return with_worker(affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}})

    assert inputs(near({"namespaceSelector": {}})) != inputs(near({}))


def test_adapters_of_a_hot_backend_count_only_by_the_claims_they_need() -> None:
    """They travel into running engines; a claim must be mounted before."""
    none, one, two = (inputs(with_backend(**HOT, loraAdapters=adapters(*names))) for names in ("", "a", "ab"))
    assert none == one == two
    assert inputs(with_backend(**HOT, loraAdapters=adapters("a", url="pvc://c/a"))) != none
