"""Backends of type SGLang, judged by its parser."""

import hashlib
from typing import Any

import pytest

from controller.render.options import option_table
from controller.validation import validate
from tests.support.engine_parser import parse
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rendering import container, entry, only, options_of, roles
from tests.support.rules import adapters

IMAGE = "lmsysorg/sglang:v0.5.23"
DIRECTORY = f"/cache/{hashlib.md5(b'hf://org/repo').hexdigest()}"
LORA = f"/cache/{hashlib.md5(b'hf://org/lora').hexdigest()}"


def sglang(config: dict[str, Any] | None = None, pods: int = 1, **backend: Any) -> dict[str, Any]:
    worker = a_worker(image=IMAGE, config=config, pods=pods)
    return a_backend("main", type="SGLang", workers=[worker], **backend)


def read(backend: dict[str, Any]) -> dict[str, Any]:
    """What the engine's parser reads of the command."""
    command = [text.replace("$$", "$") for text in container(backend, "engine")["command"]]
    assert command[:3] == ["python3", "-m", "sglang.launch_server"]
    return parse(option_table("sglang", IMAGE), [text.replace("$(WORKER_INDEX)", "1") for text in command[3:]])


def test_the_command_says_what_the_engine_would_not_guess() -> None:
    """Its default address is loopback, and metrics are off."""
    assert read(sglang()) == {
        "model-path": DIRECTORY,
        "host": "0.0.0.0",
        "port": 30000,
        "served-model-name": "chat",
        "enable-metrics": True,
    }


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (
            {"port": 31000, "host": "::", "served_model_name": "s"},
            {"port": 31000, "host": "::", "served-model-name": "s"},
        ),
        ({"context_length": "32k", "tp-size": 2}, {"context-length": 32_000, "tp-size": 2}),
        ({"tensor-parallel-size": 2}, {"tp-size": 2}),
        ({"trust-remote-code": True}, {"trust-remote-code": True}),
        ({"disable-radix-cache": False}, {}),
        ({"lora-strict-loading": False}, {"lora-strict-loading": False}),
        ({"trust-remote-code": "false"}, {}),
    ],
)
def test_the_config_as_its_parser_takes_it(config: dict[str, Any], expected: dict[str, Any]) -> None:
    """Only twelve booleans have a form that turns them off."""
    defaults = {"model-path": DIRECTORY, "host": "0.0.0.0", "port": 30000, "served-model-name": "chat"}
    assert read(sglang(config)) == {**defaults, "enable-metrics": True, **expected}


def test_adapters_are_part_of_the_pods() -> None:
    """Downloaded before the engine starts, and named in its command."""
    backend = sglang(loraAdapters=adapters("a", "b"))
    found = read(backend)
    assert (found["enable-lora"], found["lora-paths"]) == (True, [f"a={LORA}", f"b={LORA}"])
    assert len(entry(backend)["initContainers"]) == 3


def test_several_pods_run_the_same_command() -> None:
    """Each with its own number, and the entry pod's address to meet at; there is no Ray."""
    backend = sglang({"tp-size": 16}, pods=2)
    (role,) = roles(backend)
    (other,) = role["workerTemplate"]["spec"]["containers"]
    command = container(backend, "engine")["command"]
    assert other["command"] == command
    assert other["name"] == "main-sglang-worker"
    assert command[-6:] == [
        "--nnodes",
        "2",
        "--node-rank",
        "$(WORKER_INDEX)",
        "--dist-init-addr",
        "$(ENTRY_ADDRESS):20000",
    ]
    assert read(backend)["nnodes"] == 2
    assert "metadata" not in role["workerTemplate"]
    assert role["workerReplicas"] == 1


def test_the_pod_and_its_server() -> None:
    """/ready answers at once, /health after a second; the router's word is SGLang's."""
    engine = container(sglang(), "engine")
    ready = {"path": "/ready", "port": 30000, "scheme": "HTTP"}
    for probe in ("startupProbe", "readinessProbe"):
        assert engine[probe]["httpGet"] == ready
        assert engine[probe]["timeoutSeconds"] == 5
    script = engine["lifecycle"]["preStop"]["exec"]["command"][2]
    assert "sglang:num_(running|queue)_reqs" in script
    assert "http://localhost:30000/metrics" in script
    assert "VLLM_USE_V1" not in [item["name"] for item in engine["env"]]
    sidecar = options_of(container(sglang(), "runtime")["args"])
    assert (sidecar["--engine"], sidecar["--engine-base-url"]) == ("sglang", "http://localhost:30000")
    server = only(a_model("chat", sglang()), "ModelServer")["spec"]
    assert (server["inferenceEngine"], server["workloadPort"]["port"]) == ("SGLang", 30000)


@pytest.mark.parametrize(
    ("config", "pods", "key"),
    [
        ({"model": "x"}, 1, "model"),
        ({"model-path": "x"}, 1, "model-path"),
        ({"host": "127.0.0.1"}, 1, "host"),
        ({"ssl-keyfile": "/k"}, 1, "ssl-keyfile"),
        ({"served-model-name": ["s", "t"]}, 1, "served-model-name"),
        ({"lora-paths": ["a=/b"]}, 1, "lora-paths"),
        ({"nnodes": 2, "tp-size": 2}, 2, "nnodes"),
        ({"disaggregation-mode": "prefill"}, 1, "disaggregation-mode"),
    ],
)
def test_what_cannot_work_is_refused(config: dict[str, Any], pods: int, key: str) -> None:
    """At its own place; the same Model without it passes."""
    (finding,) = validate(a_model("chat", sglang(config, pods, loraAdapters=adapters("a"))))
    assert (finding.path, finding.terminal) == (f"spec.backends[0].workers[0].config.{key}", True)
    assert validate(a_model("chat", sglang({"tp-size": 2}, pods, loraAdapters=adapters("a")))) == []


def test_an_option_of_vllm_is_not_one_of_sglang() -> None:
    """A warning that names the nearest one."""
    (finding,) = validate(a_model("chat", sglang({"gpu-memory-utilization": 0.9})))
    assert (finding.rule, finding.level) == ("unknown-option", "warning")
    assert "SGLang in 0.5.23" in finding.message


@pytest.mark.parametrize("name", ["kv-events-config", "json-model-override-args", "model-loader-extra-config"])
def test_an_object_is_the_json_of_an_option_that_takes_text(name: str) -> None:
    """SGLang's parser leaves JSON to the engine; keys behind dots become part of it, since this parser knows no dots."""
    backend = sglang({name: {"a": 1}, f"{name}.b": "x"})
    assert validate(a_model("chat", backend)) == []
    assert read(backend)[name] == '{"a":1,"b":"x"}'


def test_a_list_is_no_text() -> None:
    """Nor is an object one of some words."""
    for config in ({"kv-events-config": ["a"]}, {"disaggregation-transfer-backend": {"a": 1}}):
        (finding,) = validate(a_model("chat", sglang(config)))
        assert finding.rule == "option-type"


HOT = [{"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"}]


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ({"max-lora-rank": 16}, {"lora-target-modules": ["all"]}),
        ({"max-lora-rank": 16, "lora-target-modules": ["q_proj"]}, {"lora-target-modules": ["q_proj"]}),
        ({"lora-paths": ["mine=/m"], "enable-lora": True}, {"lora-paths": ["mine=/m"]}),
    ],
)
def test_adapters_that_come_later_get_their_room_at_the_start(config: dict[str, Any], more: dict[str, Any]) -> None:
    """The engine asserts a rank and modules unless it starts with adapters; the Model's own are not part of the pods."""
    backend = sglang(config, env=HOT, loraAdapters=adapters("a"))
    assert validate(a_model("chat", backend)) == []
    found = read(backend)
    assert found["enable-lora"] is True
    assert {name: value for name, value in found.items() if name.startswith("lora-")} == more
    assert len(entry(backend)["initContainers"]) == 1


def test_a_key_leaves_probes_and_drain_open() -> None:
    """SGLang asks for no key at paths that begin with /health, /ready and /metrics."""
    assert validate(a_model("chat", sglang({"api-key": "k", "admin-api-key": "a"}))) == []


def pair(prefill: dict[str, Any] | None = None, decode: dict[str, Any] | None = None, **backend: Any) -> dict[str, Any]:
    """A disaggregated backend."""
    workers = [
        a_worker(type=type_, image=IMAGE, config=config) for type_, config in (("prefill", prefill), ("decode", decode))
    ]
    return a_backend("main", type="SGLangDisaggregated", workers=workers, **backend)


def test_a_pair_hands_over_by_sglangs_own_way() -> None:
    """Each engine knows its part, the ModelServer the group; the router finds its way by the engine's name, without a connector."""
    backend = pair(replicas=None, loraAdapters=adapters("a"))
    for role in roles(backend):
        (engine,) = [item for item in role["entryTemplate"]["spec"]["containers"] if item["name"] == "engine"]
        found = parse(option_table("sglang", IMAGE), engine["command"][3:])
        assert (found["disaggregation-mode"], found["host"], found["port"]) == (role["name"], "0.0.0.0", 30000)
        assert found["lora-paths"] == [f"a={LORA}"]
        assert "prefill_inflight_queue" in engine["lifecycle"]["preStop"]["exec"]["command"][2]
        assert engine["startupProbe"]["httpGet"]["path"] == "/ready"
        assert role["workerTemplate"] == {"spec": {"containers": []}}
    assert [role["name"] for role in roles(backend)] == ["prefill", "decode"]
    server = only(a_model("chat", backend), "ModelServer")["spec"]
    assert server["inferenceEngine"] == "SGLang"
    assert set(server["workloadSelector"]["pdGroup"]) == {"groupKey", "prefillLabels", "decodeLabels"}
    assert "kvConnector" not in server


@pytest.mark.parametrize(
    ("prefill", "decode", "path"),
    [
        ({"disaggregation-bootstrap-port": 9000}, {}, "workers"),
        ({"disaggregation-transfer-backend": "nixl"}, {}, "workers"),
        ({"disaggregation-mode": "decode"}, {}, "workers[0].config.disaggregation-mode"),
        ({"port": 8998}, {"port": 8998}, ""),
    ],
)
def test_a_pair_that_could_not_meet_is_refused(prefill: dict[str, Any], decode: dict[str, Any], path: str) -> None:
    """Unequal ports or ways, a part that contradicts the type, one port for two servers."""
    found = [finding for finding in validate(a_model("chat", pair(prefill, decode))) if finding.terminal]
    assert {finding.path for finding in found} == {f"spec.backends[0].{path}".rstrip(".")}
    equal = {"disaggregation-bootstrap-port": 9000, "disaggregation-transfer-backend": "nixl"}
    assert validate(a_model("chat", pair(equal, equal))) == []
