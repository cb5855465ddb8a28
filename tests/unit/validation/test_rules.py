"""Every rule of the Model API: broken alone it is found alone, at its path and its level; kept, nothing is found."""

from typing import Any

import pytest

from controller.api.rules import Rule
from controller.validation import ValidationOptions, validate
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rules import CASES, A, C, Case, a_pair


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_model_that_breaks_one_rule_has_that_finding_alone(case: Case) -> None:
    """With the rule's path, as an error unless it only deserves attention, and terminal where no children can be made of it."""
    (finding,) = validate(case.broken)
    assert (finding.rule, finding.path) == (case.rule, case.path)
    assert finding.level == ("error" if {A, C} & set(case.acts) else "warning")
    assert finding.terminal == (C in case.acts)
    assert finding.message


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_model_that_just_keeps_the_rule_has_no_findings(case: Case) -> None:
    """The bound itself is still allowed."""
    assert validate(case.kept) == []


@pytest.mark.parametrize(
    ("type_", "workers", "rules"),
    [
        ("MindIE", [a_worker()], {Rule.BACKEND_TYPE}),
        ("MindIE", [a_worker(), a_worker()], {Rule.BACKEND_TYPE, Rule.WORKERS}),
        ("MindIEDisaggregated", [a_worker(type="prefill"), a_worker(type="coordinator")], {Rule.BACKEND_TYPE}),
        ("MindIEDisaggregated", [a_worker()], {Rule.BACKEND_TYPE, Rule.WORKERS}),
        ("TensorRT", [a_worker()], {Rule.BACKEND_TYPE}),
    ],
)
def test_a_type_that_is_not_implemented_has_its_own_reason(type_: str, workers: list[Any], rules: set[Rule]) -> None:
    """Beside what else is wrong with the backend."""
    findings = validate(a_model("chat", a_backend(type=type_, workers=workers)))
    assert {finding.rule for finding in findings} == rules
    (unsupported,) = (finding for finding in findings if finding.rule is Rule.BACKEND_TYPE)
    assert (unsupported.path, unsupported.reason) == ("spec.backends[0].type", "UnsupportedBackend")
    assert type_ in unsupported.message


@pytest.mark.parametrize(
    ("field", "refused"),
    [
        ("namespace", "Default"),
        ("namespace", "a.b"),
        ("namespace", "-"),
        ("namespace", "a" * 64),
        ("namespace", "; id"),
        ("namespace", 5),
        ("uid", "a b"),
        ("uid", "x" * 64),
        ("uid", "\ud83d"),
        ("uid", {"a": 1}),
    ],
)
def test_a_namespace_and_a_uid_are_such_as_a_cluster_has(field: str, refused: Any) -> None:
    """The children carry both; a file without them is fine."""
    model = a_model("chat", a_backend())
    (finding,) = validate({**model, "metadata": {**model["metadata"], field: refused}})
    assert finding.path == f"metadata.{field}"
    assert finding.terminal
    assert validate({**model, "metadata": {**model["metadata"], field: ""}}) == []


def test_a_host_path_lies_under_one_of_the_operators_prefixes() -> None:
    """By whole segments; without prefixes everything is allowed."""
    options = ValidationOptions(hostpath_prefixes=("/data/", "/srv/models"))
    for path, allowed in {
        "/data": True,
        "data/x": True,
        "/srv/models/a": True,
        "/database": False,
        "/srv": False,
    }.items():
        model = a_model("chat", a_backend(cacheURI=f"hostpath://{path}"))
        assert [finding.rule for finding in validate(model, options)] == ([] if allowed else [Rule.HOSTPATH_PREFIX]), (
            path
        )
        assert validate(model) == []


def test_an_image_of_weights_needs_a_cluster_that_mounts_images() -> None:
    """A warning where the version is known to be too old, and nothing offline."""
    model = a_model("chat", a_backend(modelURI="oci://registry.example.com/weights:1"))
    (finding,) = validate(model, ValidationOptions(kubernetes=(1, 32)))
    assert (finding.path, finding.level) == ("spec.backends[0].modelURI", "warning")
    assert "1.33" in finding.message
    assert "1.32" in finding.message
    for version in (None, (1, 33), (2, 0)):
        assert validate(model, ValidationOptions(kubernetes=version)) == []
    assert validate(a_model("chat", a_backend()), ValidationOptions(kubernetes=(1, 32))) == []


def test_the_command_of_a_multi_node_engine_fits_into_one_argument() -> None:
    """To the byte: every character of the rendered string counts, quoting and doubled dollars included."""

    def findings(filler: str) -> list[Any]:
        worker = a_worker(pods=2, config={"chat-template": filler, "tensor-parallel-size": 2})
        return validate(a_model("chat", a_backend(cacheURI="pvc://cache", workers=[worker])))

    (beyond,) = findings("x" * 131_072)
    used = int(beyond.message.partition(" would be ")[2].partition(" ")[0]) - 131_072
    assert findings("x" * (131_071 - used)) == []
    (finding,) = findings("x" * (131_072 - used))
    assert (finding.rule, finding.path, finding.terminal) == (
        Rule.COMMAND_LENGTH,
        "spec.backends[0].workers[0].config",
        True,
    )
    assert "131072 bytes" in finding.message
    assert "131073 bytes" in findings("x" * (131_071 - used - 2) + "$")[0].message


def test_all_findings_come_at_once_and_in_the_order_of_the_schema() -> None:
    """A part of the wrong type hides nothing beside it."""
    first = a_backend("One", workers=[a_worker(image="a b", config={"seed": 1, "B": 2, "a b": 3})], minReplicas="x")
    model = a_model("Chat", first, "no backend", a_pair({"pods": 3}), ownr="me", owner=4)
    paths = [finding.path for finding in validate(model)]
    assert paths == [
        "metadata.name",
        "spec.owner",
        "spec.backends[0].name",
        "spec.backends[0].minReplicas",
        "spec.backends[0].workers[0].image",
        "spec.backends[0].workers[0].config.B",
        "spec.backends[0].workers[0].config.a b",
        "spec.backends[1]",
        "spec.backends[2].workers[0].pods",
        "spec.ownr",
    ]


@pytest.mark.parametrize(
    ("model", "path", "hint"),
    [
        (a_model(ownr="x"), "spec.ownr", "owner"),
        (a_model("chat", {**a_backend(), "routeWeigth": 1}), "spec.backends[0].routeWeigth", "routeWeight"),
        (a_model("chat", a_backend(workers=[a_worker(pod=1)])), "spec.backends[0].workers[0].pod", "pods"),
        (a_model("chat", a_backend(env=[{"name": "A", "valeu": ""}])), "spec.backends[0].env[0].valeu", "value"),
        (
            a_model("chat", a_backend(workers=[a_worker(affinity={"nodeAfinity": {}})])),
            "spec.backends[0].workers[0].affinity.nodeAfinity",
            "nodeAffinity",
        ),
        ({**a_model(), "stats": {}}, "stats", "status"),
    ],
)
def test_a_misspelt_field_is_a_warning_with_the_nearest_known_name(model: Any, path: str, hint: str) -> None:
    """At every depth that the schema describes."""
    (finding,) = validate(model)
    assert (finding.path, finding.level, finding.terminal) == (path, "warning", False)
    assert finding.message.endswith(f"did you mean {hint}?")


@pytest.mark.parametrize(
    "spec", [None, 1, "x", [], {}, {"backends": None}, {"backends": {}}, {"backends": [None, [], 1]}]
)
def test_whatever_the_spec_is_there_is_an_answer(spec: Any) -> None:
    """And it is terminal, because no children can be made of it."""
    assert any(finding.terminal for finding in validate({**a_model(), "spec": spec}))


def test_a_body_that_could_not_be_decoded_is_one_finding() -> None:
    """The object keeps its metadata and nothing else."""
    (finding,) = validate({"metadata": {"name": "chat"}, "undecodable": "nested too deeply"})
    assert (finding.path, finding.rule) == ("spec", Rule.UNREADABLE)
    assert "nested too deeply" in finding.message


@pytest.mark.parametrize("part", ["affinity", "config", "resources"])
def test_deep_json_is_refused_in_every_free_part(part: str) -> None:
    """Ten thousand levels neither crash anything nor hide the path."""
    value: Any = {}
    for _ in range(10_000):
        value = {"a": value}
    model = a_model()
    model["spec"]["backends"][0]["workers"][0][part] = value
    (finding,) = validate(model)
    assert (finding.rule, finding.path) == (Rule.NESTING, f"spec.backends[0].workers[0].{part}")
