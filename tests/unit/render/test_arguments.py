"""A config as the arguments of an engine, judged by the engine's parser."""

from typing import Any

import pytest

from controller.api.model import Worker
from controller.render.arguments import config_arguments
from controller.render.config import EngineConfig
from controller.render.options import option_table
from tests.support.engine_parser import parse

VERSIONS = ("0.10.2", "0.19.1", "0.32.0", "0.33.0")


def config_of(config: dict[str, Any], image: str = "vllm/vllm-openai:v0.10.2", engine: str = "vllm") -> EngineConfig:
    return EngineConfig(Worker(config=config), option_table(engine, image))


def arguments(config: dict[str, Any], image: str = "vllm/vllm-openai:v0.10.2", engine: str = "vllm") -> list[str]:
    return config_arguments(config_of(config, image, engine))


def parsed(config: dict[str, Any], version: str = "0.10.2") -> dict[str, Any]:
    """What vLLM of this version reads."""
    image = f"vllm/vllm-openai:v{version}"
    return parse(option_table("vllm", image), arguments(config, image))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ["--zz"]),
        ("text", ["--zz", "text"]),
        ("true", ["--zz", "true"]),
        ("two words", ["--zz", "two words"]),
        ("-1", ["--zz", "-1"]),
        ("-x", ["--zz=-x"]),
        (0, ["--zz", "0"]),
        (-1, ["--zz", "-1"]),
        (-0.5, ["--zz=-0.5"]),
        (1_000_000, ["--zz", "1000000"]),
        (1_048_576.0, ["--zz", "1048576"]),
        (1e21, ["--zz", "1000000000000000000000"]),
        (0.9, ["--zz", "0.9"]),
        (1e-5, ["--zz", "1e-05"]),
        (-0.0, ["--zz", "0"]),
        (True, ["--zz"]),
        (False, ["--no-zz"]),
        (None, []),
        ([], []),
        (["a b", 1, 2.0, 0.5], ["--zz", "a b", "1", "2", "0.5"]),
        ([True, None, {"b": 1.0, "a": []}, [1]], ["--zz", "true", "null", '{"a":[],"b":1}', "[1]"]),
        ({}, ["--zz", "{}"]),
        ({"b": 1.0, "a": {"d": "é", "c": None}}, ["--zz", '{"a":{"c":null,"d":"é"},"b":1}']),
    ],
)
def test_an_option_that_the_table_does_not_know_goes_by_the_type_of_its_value(value: Any, expected: list[str]) -> None:
    """Numbers as a person writes them; a text that begins with a dash cannot be mistaken for an option."""
    assert arguments({"zz": value}) == expected


def test_config_keys_are_sorted_by_their_bytes_as_written() -> None:
    """Underscores become dashes afterwards; letters keep their case."""
    config = {"zz_a": 1, "zz-b": 2, "ZZ": 3, "zz.c": 5, "zz1": 6}
    assert arguments(config) == ["--ZZ", "3", "--zz-b", "2", "--zz.c", "5", "--zz1", "6", "--zz-a", "1"]


@pytest.mark.parametrize("version", VERSIONS)
def test_underscores_turn_into_dashes_before_the_first_dot_only(version: str) -> None:
    """What follows is a key inside the JSON."""
    read = parsed({"hf_overrides.rope_scaling.rope_type": "yarn", "hf_overrides.n_head": "8"}, version)
    assert read == {"hf-overrides": {"rope_scaling": {"rope_type": "yarn"}, "n_head": "8"}}


@pytest.mark.parametrize(
    ("config", "read"),
    [
        ({"lora-modules": []}, {}),
        ({"api-key": []}, {}),
        ({"api-key": ["a", "b"]}, {"api-key": ["a", "b"]}),
        ({"allowed-origins": ["https://a.example.com"]}, {"allowed-origins": ["https://a.example.com"]}),
        ({"allowed-origins": '["*"]'}, {"allowed-origins": ["*"]}),
        ({"middleware": ["a.b", "c.d", "e.f"]}, {"middleware": ["a.b", "c.d", "e.f"]}),
        ({"middleware": "a.b"}, {"middleware": ["a.b"]}),
        ({"disable-log-stats": False}, {}),
        ({"disable-log-stats": True}, {"disable-log-stats": True}),
        ({"enable-prefix-caching": False}, {"enable-prefix-caching": False}),
        ({"trust-remote-code": "false"}, {"trust-remote-code": False}),
        ({"trust-remote-code": "False", "enforce-eager": "no"}, {"trust-remote-code": False, "enforce-eager": False}),
        ({"enforce-eager": 0, "trust_remote_code": 1}, {"enforce-eager": False, "trust-remote-code": True}),
        ({"enforce-eager": "YES"}, {"enforce-eager": True}),
        ({"no-enforce-eager": True}, {"enforce-eager": False}),
        ({"no-enforce-eager": False}, {"enforce-eager": True}),
        ({"headless": "false"}, {}),
        ({"tensor-parallel": 2}, {"tensor-parallel-size": 2}),
        ({"chat-template": ""}, {"chat-template": ""}),
        ({"chat-template": "--x"}, {"chat-template": "--x"}),
        ({"max-model-len": "32k"}, {"max-model-len": 32_000}),
        (
            {"lora-modules": [{"name": "a", "path": "/p"}, "b=/q"]},
            {"lora-modules": [{"name": "a", "path": "/p"}, "b=/q"]},
        ),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_known_option_is_given_as_the_parser_takes_it(config: Any, read: dict[str, Any], version: str) -> None:
    """In each version whose parser is known."""
    assert parsed(config, version) == read


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_value_and_keys_inside_it_are_one(version: str) -> None:
    """The parser would drop the whole value; the keys win over it."""
    config = {"additional-config": {"x": {"y": 0, "z": 2}}, "additional_config.x.y": 1, "additional-config.w": "a b"}
    assert parsed(config, version) == {"additional-config": {"x": {"y": 1, "z": 2}, "w": "a b"}}
    assert parsed({"hf-overrides": '{"a":1}', "hf-overrides.b": 2}, version) == {"hf-overrides": {"a": 1, "b": 2}}


@pytest.mark.parametrize("text", ["PIECEWISE", "8", "80g", "true", "a b", "-x", "", "{}", "null"])
def test_a_text_inside_json_stays_a_text(text: str) -> None:
    """The parser reads JSON there where it can."""
    assert parsed({"additional-config.k": text}) == {"additional-config": {"k": text}}


def test_dotted_keys_for_a_parser_that_does_not_know_them_are_json() -> None:
    """SGLang has options of JSON and plain argparse."""
    assert arguments({"mm-process-config.image.max": 1}, "sglang:v0.5.23", "sglang") == [
        "--mm-process-config",
        '{"image":{"max":1}}',
    ]


def test_not_a_boolean_for_a_boolean_option_stops_the_engine() -> None:
    """As a word of its own it would become the model, in silence."""
    assert arguments({"trust-remote-code": "perhaps"}) == ["--trust-remote-code=perhaps"]


def test_the_name_that_turns_a_switch_off_in_one_version() -> None:
    """The user's word where it says so; its opposite otherwise."""
    image = "vllm/vllm-openai:v0.33.0"
    assert arguments({"disable-log-requests": True}, image) == ["--disable-log-requests"]
    assert arguments({"disable-log-requests": False}, image) == ["--enable-log-requests"]
    assert parsed({"enable-lora": False}, "0.33.0") == {"enable-lora": False}


@pytest.mark.parametrize(
    ("config", "name", "value"),
    [
        ({"served_model_name": "a"}, "served-model-name", "a"),
        ({"served-model": "a"}, "served-model-name", "a"),
        ({"no-enable-lora": True}, "enable-lora", False),
        ({"enable-lora": "False"}, "enable-lora", False),
        ({"kv-transfer-config.kv_role": "kv_both"}, "kv-transfer-config", {"kv_role": "kv_both"}),
        ({"seed": None}, "seed", None),
    ],
)
def test_a_config_is_read_under_the_parsers_names(config: dict[str, Any], name: str, value: Any) -> None:
    """Whatever spelling the user chose; null is absent."""
    found = config_of(config)
    assert found.get(name) == value
    assert (name in found) == (value is not None)
    assert found.written_key(name) == (next(iter(config)) if value is not None else name)
