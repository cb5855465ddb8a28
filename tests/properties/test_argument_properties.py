"""What ``validate`` lets through without a finding, the engine's parser reads as the user wrote it."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.api.model import Model
from controller.render.engines import ENGINES, backend_facts
from controller.render.options import Option, OptionTable, option_table
from controller.validation import validate
from tests.support.engine_parser import TYPES, parse
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.models_strategy import HOSTILE, JSON

IMAGES = [f"vllm/vllm-openai:v{version}" for version in ("0.10.2", "0.15.0", "0.19.1", "0.32.0", "0.33.0")]
IMAGES += ["vllm/vllm-openai:latest", "registry.example.com:5000/vllm@sha256:0a", "lmsysorg/sglang:v0.5.23"]
TEXT = st.sampled_from([*HOSTILE, "a.b", "8", "1.5", "32k", "true", "no", "auto", '["*"]', '{"a": {"b": 1}}'])
WORD = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
SCALAR = st.booleans() | st.integers(-10, 10**7) | st.floats(-10, 10, allow_nan=False) | TEXT
VALUE = SCALAR | st.lists(SCALAR, max_size=3) | st.dictionaries(WORD, JSON, max_size=2)


def fitting(option: Option) -> st.SearchStrategy[Any]:
    """Values of an option that are meant to be right, so that the test does not only see refusals."""
    one: st.SearchStrategy[Any] = {
        "int": st.integers(-5, 10**7) | st.integers(0, 9).map(str),
        "size": st.integers(1, 10**7) | st.sampled_from(["32k", "1K", "2g"]),
        "float": st.floats(-5, 5, allow_nan=False) | st.integers(0, 9),
        "json": st.dictionaries(WORD, JSON, max_size=2) | st.lists(JSON, max_size=2),
        "any": st.dictionaries(WORD, JSON, max_size=2) | WORD,
        "text": TEXT | WORD,
        "": st.booleans(),
    }[option.type]
    if option.choices:
        one = st.sampled_from(option.choices)
    return st.lists(one, max_size=3) if option.kind in ("list", "many", "repeat") else one


@st.composite
def configs(draw: st.DrawFn, table: OptionTable) -> dict[str, Any]:
    """Some options of the table, in one of their spellings, and now and then one that it does not have."""
    config: dict[str, Any] = {}
    for name in draw(
        st.lists(
            st.sampled_from(sorted(set(table.options) - {"kv-events-config"})), min_size=1, max_size=3, unique=True
        )
    ):
        option = table.options[name]
        key = draw(st.sampled_from([name, name, name.replace("-", "_"), name, name[:-2]]))
        if option.takes_objects and draw(st.booleans()):
            key += "." + ".".join(draw(st.lists(WORD, min_size=1, max_size=2)))
            config[key] = draw(JSON)
        else:
            config[key] = draw(VALUE if draw(st.integers(0, 5)) == 0 else fitting(option))
    return config


def expected(table: OptionTable, config: dict[str, Any]) -> dict[str, Any]:
    """What the user wrote, by the first names of the options: written without a look at the code under test."""
    whole: dict[str, Any] = {}
    inside: dict[str, Any] = {}
    for key, value in config.items():
        if value is None:
            continue
        head, *path = key.split(".")
        option = table.options[head.replace("_", "-")]
        if value == [] and not path and option.type != "json":
            continue
        if path:
            target = inside.setdefault(option.name, {})
            for step in path[:-1]:
                if not isinstance(target.get(step), dict):
                    target[step] = {}
                target = target[step]
            target[path[-1]] = value
        elif option.is_boolean:
            on = value in (True, "")
            if on or option.kind == "switch":
                whole[option.name] = on == (head.replace("_", "-") in option.names)
        else:
            whole[option.name] = as_read(option, value)
    for name, found in inside.items():
        whole[name] = {**(whole.get(name) or {}), **found}
    return whole


def as_read(option: Option, value: Any) -> Any:
    if option.kind in ("list", "many", "repeat"):
        return [one_read(option, item) for item in (value if isinstance(value, list) else [value])]
    return True if option.kind == "optional" and value in (True, "") else one_read(option, value)


def one_read(option: Option, value: Any) -> Any:
    if isinstance(value, str) and option.type != "any":
        return TYPES[option.type](value)
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if option.type == "text" and not isinstance(value, dict):
        return str(int(value)) if float(value).is_integer() else repr(value)
    return value


OURS = {
    "model",
    "model-path",
    "host",
    "port",
    "enable-metrics",
    "served-model-name",
    "kv-events-config",
    "enable-lora",
    "lora-modules",
}
Seen = Counter[str]


def check(image: str, config: dict[str, Any], seen: Seen) -> None:
    backend_type = "SGLang" if "sglang" in image else "vLLM"
    model = a_model("chat", a_backend(type=backend_type, workers=[a_worker(image=image, config=config)]))
    if any(".config" in finding.path for finding in validate(model)):
        seen["refused"] += 1
        return
    seen["let through"] += 1
    table = option_table(backend_type.lower(), image)
    facts = backend_facts(Model.from_object(model), Model.from_object(model).spec.backends[0])
    argv = [text.replace("$$", "$") for text in ENGINES[backend_type].command(facts, facts.workers[0])][3:]
    read = parse(table, argv)
    wanted = expected(table, config)
    found = {name: value for name, value in read.items() if name not in OURS or name in wanted}
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(found.get(name), str):
            found[name] = json.loads(found[name])
    assert found == wanted


@pytest.mark.parametrize("image", IMAGES)
def test_what_passes_is_read_as_it_was_written(image: str) -> None:
    """For each version with a table, one between two tables, and images whose tag says nothing."""
    seen: Seen = Counter()

    @settings(max_examples=120)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        check(image, data.draw(configs(option_table("sglang" if "sglang" in image else "vllm", image))), seen)

    run()
    assert seen["let through"] > 20
    assert seen["refused"] > 10
