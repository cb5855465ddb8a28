"""What holds for the findings of anything that may be stored as a Model."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.api.crds import model_schema
from controller.api.model import Model
from controller.cli.validate import line
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.meta import schema
from controller.render import RenderOptions, render
from controller.validation import examine, shape, validate
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.models_strategy import ANYTHING, CANDIDATES, HOSTILE
from tests.support.rules import a_pair, adapters, policy

Json = dict[str, Any]
SCHEMAS = {
    crd["spec"]["names"]["kind"]: crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for crd in child_crds(E4FB6663)
}
Path = tuple[str | int, ...]


def everything() -> Json:
    """A valid Model with something in every field."""
    scaling = {"period": "15s", "selectPolicy": "Or", "stabilizationWindow": "0s"}
    behavior = {
        "scaleUp": {"stablePolicy": scaling, "panicPolicy": {"period": "1s", "panicModeHold": "1s"}},
        "scaleDown": scaling,
    }
    worker = a_worker(
        pods=2,
        resources={"limits": {"nvidia.com/gpu": "1"}},
        affinity={"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k"}]}},
        tolerations=[{"key": "k", "operator": "Exists", "effect": "NoSchedule"}],
        nodeSelector={"a": "b"},
        config={"chat-template": "x", "middleware": ["x"], "served-model-name": "s", "pipeline-parallel-size": 2},
    )
    first = a_backend(
        "a",
        cacheURI="pvc://cache",
        env=[
            {"name": "RUNTIME_URL", "value": "http://e"},
            {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        envFrom=[{"prefix": "P", "secretRef": {"name": "s"}}],
        workers=[worker],
        loraAdapters=adapters("legal"),
        schedulerName="volcano",
        runtimeClassName="nvidia",
        scalingCost=1,
        scaleToZeroGracePeriod="1s",
    )
    match = {"headers": {"x": {"exact": "y"}}, "uri": {"prefix": "/"}, "body": {"model": "m"}}
    model = a_model(
        "chat", first, a_pair(scalingCost=1), owner="me", modelMatch=match, autoscalingPolicy=policy(behavior=behavior)
    )
    model["spec"]["name"] = "assistant"
    return model


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every place in a value, the value itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def replaced(model: Json, path: Path, value: Any) -> Json:
    """The Model with another value at this place."""
    changed = copy.deepcopy(model)
    target: Any = changed
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return changed


def at(model: Json, path: Path) -> Any:
    value: Any = model
    for step in path:
        value = value[step]
    return value


PLACES = [path for path in places(everything()) if path]
TEXTS = [path for path in PLACES if isinstance(at(everything(), path), str)]


def check(model: Json) -> None:
    """The promises: an answer in any case, one line each, and children whenever nothing is terminal, which fit whenever nothing is wrong."""
    findings, read, backends = examine(model)
    assert not shape.is_plain(model) or [*shape.nesting(model), *shape.texts(model)] == []
    for finding in findings:
        assert line("file", model, finding).isprintable()
        assert finding.level == "warning" or finding.message
    assert validate(json.loads(json.dumps(model))) == findings
    if any(finding.terminal for finding in findings):
        return
    known, _ = schema.prune(model, model_schema())
    children = render(Model.from_object(known), RenderOptions())
    assert read is not None
    assert render(read, RenderOptions(), backends) == render(Model.from_object(model), RenderOptions())
    for child in children if all(finding.level == "warning" for finding in findings) else ():
        assert list(schema.violations(child, SCHEMAS[child["kind"]])) == []
        assert list(schema.unknown_fields(child, SCHEMAS[child["kind"]])) == []


def test_the_model_with_everything_is_valid() -> None:
    """So that each of the following tests breaks one thing alone."""
    assert validate(everything()) == []


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: ".".join(map(str, path)))
def test_hostile_texts_in_every_field(path: Path) -> None:
    """Refused by a finding, or rendered as what they are."""
    for text in (*HOSTILE, "a\0b"):
        check(replaced(everything(), path, text))


@given(st.sampled_from(PLACES), ANYTHING)
def test_any_json_anywhere(path: Path, value: Any) -> None:
    """Never an exception."""
    check(replaced(everything(), path, value))


@given(ANYTHING)
def test_any_json_as_a_spec(spec: Any) -> None:
    """What has no backends is never rendered."""
    check({**a_model(), "spec": spec})
    assert any(finding.terminal for finding in validate({**a_model(), "spec": spec}))


@given(CANDIDATES)
def test_models_of_the_right_shape(model: Json) -> None:
    """Whether they break a rule or not."""
    check(model)
