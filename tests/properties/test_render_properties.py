"""What holds for the children of every Model that the rules let pass."""

import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.api.model import Model
from controller.dialects import DIALECTS, Dialect
from controller.dialects.crds import child_crds
from controller.meta import schema
from controller.render import RenderOptions, render
from controller.render.engines import backend_facts
from controller.render.engines.vllm_command import engine_arguments
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.models_strategy import HOSTILE, MODELS
from tests.support.originals import original_crds

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
Json = dict[str, Any]


def rendered(model: Json) -> tuple[Json, ...]:
    return render(Model.from_object(model), RenderOptions())


def pod_specs(children: tuple[Json, ...]) -> Iterator[Json]:
    for child in children:
        for role in child["spec"].get("template", {}).get("roles", ()):
            yield role["entryTemplate"]["spec"]
            if containers := role.get("workerTemplate", {}).get("spec", {}).get("containers"):
                yield {**role["workerTemplate"]["spec"], "containers": containers}


def expanded(text: str) -> str:
    """``command`` and ``args`` as Kubernetes hands them to a process: ``$$`` is a dollar, ``$(NAME)`` a variable's value."""
    values = {"POD_NAME": "<pod>", "NAMESPACE": "<namespace>", "ENTRY_ADDRESS": "<entry>"}
    return re.sub(
        r"\$\$|\$\(([^)]*)\)",
        lambda part: "$" if part[0] == "$$" else values.get(part[1], part[0]),
        text,
    )


@settings(max_examples=50)
@given(MODELS)
def test_render_is_deterministic_and_leaves_the_model_alone(model: Json) -> None:
    """The same text twice, from what a cache may share."""
    before = json.dumps(model)
    assert json.dumps(rendered(model)) == json.dumps(rendered(json.loads(before)))
    assert json.dumps(model) == before


def respelt(value: Any, order: Callable[[list[Any]], list[Any]]) -> Any:
    """The same JSON in another order of keys and with floats for whole numbers."""
    if isinstance(value, dict):
        return {key: respelt(value[key], order) for key in order(list(value))}
    if isinstance(value, list):
        return [respelt(item, order) for item in value]
    whole = isinstance(value, int) and not isinstance(value, bool) and float(value) == value
    return float(value) if whole else value


@settings(max_examples=50)
@given(MODELS)
def test_the_order_of_keys_and_the_spelling_of_numbers_do_not_matter(model: Json) -> None:
    """Neither means anything in JSON."""
    reordered = respelt(model, lambda keys: keys[::-1])
    assert [json.dumps(child, sort_keys=True) for child in rendered(reordered)] == [
        json.dumps(child, sort_keys=True) for child in rendered(model)
    ]


def schemas(crds: list[Json]) -> dict[str, Json]:
    return {crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"] for crd in crds}


@pytest.fixture(scope="module", params=DIALECTS.values(), ids=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Every dialect."""
    found: Dialect = request.param
    return found


class Validators(dict[str, tuple[Json, Any]]):
    """Schemas and validators by kind; megabytes that nobody wants printed."""

    def __repr__(self) -> str:
        return f"<validators of {', '.join(self)}>"


@pytest.fixture(scope="module", params=["ours", "original"])
def validators(request: pytest.FixtureRequest, dialect: Dialect) -> Validators:
    """The schema of each child kind, in our small CRDs and in Kthena's own."""
    crds = child_crds(dialect) if request.param == "ours" else original_crds(dialect)
    return Validators({kind: (found, jsonschema.Draft4Validator(found)) for kind, found in schemas(crds).items()})


@settings(max_examples=50)
@given(model=MODELS)
def test_every_child_fits_the_schemas(validators: dict[str, tuple[Json, Any]], dialect: Dialect, model: Json) -> None:
    """Nothing is refused, and nothing is unknown."""
    for child in render(Model.from_object(model), RenderOptions.of(dialect)):
        structural, validator = validators[child["kind"]]
        assert [problem.message for problem in validator.iter_errors(child)] == []
        assert list(schema.violations(child, structural)) == []
        assert list(schema.unknown_fields(child, structural)) == []


@settings(max_examples=50)
@given(MODELS)
def test_names_fit_and_are_unique(model: Json) -> None:
    """Of children, of pods at their highest numbers, and of everything in a pod that is a map by name."""
    children = rendered(model)
    bounds = {f"{model['metadata']['name']}-{b['name']}": b["maxReplicas"] for b in model["spec"]["backends"]}
    for child in children:
        assert NAME.fullmatch(child["metadata"]["name"])
        for role in child["spec"].get("template", {}).get("roles", ()):
            highest = bounds[child["metadata"]["name"]] - 1
            pod = (
                f"{child['metadata']['name']}-{highest}-{role['name']}-{role['replicas'] - 1}-{role['workerReplicas']}"
            )
            assert len(pod) <= 63
    for pod in pod_specs(children):
        containers = [*pod["initContainers"], *pod["containers"]]
        for names in ([c["name"] for c in containers], [v["name"] for v in pod["volumes"]]):
            assert all(LABEL.fullmatch(name) for name in names)
            assert len(set(names)) == len(names)
        known = {volume["name"] for volume in pod["volumes"]}
        for container in containers:
            mounts = container["volumeMounts"]
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)
            assert {mount["name"] for mount in mounts} <= known
            assert all(
                mount["mountPath"].startswith("/") and ".." not in mount["mountPath"].split("/") for mount in mounts
            )
            variables = [entry["name"] for entry in container.get("env", ())]
            assert len(set(variables)) == len(variables)


@settings(max_examples=50)
@given(MODELS)
def test_no_route_rule_has_weights_that_add_up_to_zero(model: Json) -> None:
    """It would take the router down."""
    (route,) = (child for child in rendered(model) if child["kind"] == "ModelRoute")
    for rule in route["spec"]["rules"]:
        assert sum(target["weight"] for target in rule["targetModels"]) > 0


@settings(max_examples=50)
@given(MODELS)
def test_every_string_is_one_argument_and_only_ours_are_expanded(model: Json) -> None:
    """What Kubernetes hands to the engine is the argv before any quoting, dollar for dollar."""
    parsed = Model.from_object(model)
    infers = [child for child in rendered(model) if child["kind"] == "ModelInfer"]
    for backend, infer in zip(parsed.spec.backends, infers, strict=True):
        facts = backend_facts(parsed, backend)
        workers = {"leader" if item.worker.type == "server" else item.worker.type: item for item in facts.workers}
        for role in infer["spec"]["template"]["roles"]:
            pod = role["entryTemplate"]["spec"]
            command = [expanded(text) for text in pod["containers"][1]["command"]]
            argv = engine_arguments(facts, workers[role["name"]])
            if command[0] == "bash":
                assert command[:2] == ["bash", "-c"]
                assert shlex.split(command[2].partition(" && exec ")[2]) == argv
            else:
                assert command[: len(argv)] == argv
                assert command[len(argv) :: 2] in ([], ["--nnodes", "--node-rank", "--master-addr"])
            sources = [expanded(container["args"][1]) for container in pod["initContainers"]]
            assert sources[0] == backend.model_uri
            assert sources[1:] in ([], [adapter.artifact_url for adapter in backend.adapters])
            sidecar = [expanded(text) for text in pod["containers"][0]["args"]]
            assert len(sidecar) == 12
            assert sidecar[9] == "<pod>.<namespace>"


def argv_of(shell_string: str) -> list[str]:
    """What bash makes of the engine's part of a multi-node command: the arguments after ``exec``."""
    words = expanded(shell_string).partition(" && exec ")[2]
    dumped = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    ).stdout
    return [os.fsdecode(word) for word in dumped.split(b"\0")[:-1]]


def argv_before_quoting(model: Model) -> list[str]:
    """The engine's arguments of a Model with one backend of one worker."""
    facts = backend_facts(model, model.spec.backends[0])
    return engine_arguments(facts, facts.workers[0])


def test_nothing_a_user_writes_is_read_by_the_shell() -> None:
    """Every hostile text, as a value and inside JSON, through a real bash."""
    texts = [text.encode("utf-8", "replace").decode() for text in HOSTILE]
    config = {"all": texts, "nested": {"texts": texts}, **{f"k{number}": text for number, text in enumerate(texts)}}
    model = Model.from_object(a_model("chat", a_backend(workers=[a_worker(pods=2, config=config)])))
    (infer,) = (child for child in render(model, RenderOptions()) if child["kind"] == "ModelInfer")
    command = infer["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["containers"][1]["command"]
    assert argv_of(command[2]) == argv_before_quoting(model)
    assert subprocess.run(["bash", "-n", "-c", expanded(command[2])], capture_output=True, check=True).stderr == b""


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.from_regex(r"[a-z]{1,3}", fullmatch=True),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    )
)
def test_any_text_survives_the_shell(config: Json) -> None:
    """The same, with texts nobody thought of."""
    model = Model.from_object(a_model("chat", a_backend(workers=[a_worker(pods=2, config=config)])))
    (infer,) = (child for child in render(model, RenderOptions()) if child["kind"] == "ModelInfer")
    command = infer["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]["containers"][1]["command"]
    assert argv_of(command[2]) == argv_before_quoting(model)
