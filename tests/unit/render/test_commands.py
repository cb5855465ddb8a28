"""The engine's command: config as arguments, what is added to it, and one shell string where several nodes serve together."""

import hashlib
import json
import shlex
from typing import Any

import pytest

from controller.render.engines.vllm_command import KV_EVENTS
from tests.support.factories import a_backend, a_worker
from tests.support.rendering import arguments, container, engine, roles
from tests.support.rules import HOT, a_pair, adapters

FIND = (
    "for s in /vllm-workspace/vllm/examples/online_serving/multi-node-serving.sh"
    " /vllm-workspace/examples/online_serving/multi-node-serving.sh examples/online_serving/multi-node-serving.sh;"
    ' do [ -f "$s" ] && break; done; bash "$s"'
)
LORA = hashlib.md5(b"hf://org/lora").hexdigest()
STANDARD = ["--served-model-name", "chat", "--kv-events-config", KV_EVENTS]


def test_the_order_of_a_whole_command() -> None:
    """Module, model, config, served name, kv-events, adapters."""
    assert arguments({"max-model-len": 1}, loraAdapters=adapters("b", "a")) == [
        "--max-model-len",
        "1",
        *STANDARD,
        "--enable-lora",
        "--lora-modules",
        f"b=/cache/{LORA}",
        f"a=/cache/{LORA}",
    ]


@pytest.mark.parametrize(
    ("config", "backend", "expected"),
    [
        ({}, {}, STANDARD),
        (None, {}, STANDARD),
        ({"served_model_name": "s"}, {}, ["--served-model-name", "s", *STANDARD[2:]]),
        ({"served-model-name": ["s", "t"]}, {}, ["--served-model-name", "s", "t", *STANDARD[2:]]),
        ({"served-model-name": None}, {}, STANDARD),
        ({"kv_events_config": {}}, {}, ["--kv-events-config", "{}", *STANDARD[:2]]),
        (
            {"kv_events_config.endpoint": "tcp://*:5558"},
            {},
            [
                "--kv-events-config",
                '{"enable_kv_cache_events":true,"endpoint":"tcp://*:5558","publisher":"zmq","topic":"kv-events"}',
                *STANDARD[:2],
            ],
        ),
        ({}, HOT, [*STANDARD, "--enable-lora"]),
        ({"enable_lora": True}, HOT, ["--enable-lora", *STANDARD]),
        ({"lora-modules": "x=/y"}, {}, ["--lora-modules", "x=/y", *STANDARD]),
    ],
)
def test_what_the_user_sets_is_not_added_again(config: Any, backend: dict[str, Any], expected: list[str]) -> None:
    """An appended argument would win over the user's."""
    assert arguments(config, **backend) == expected


def test_a_single_pod_and_disaggregated_workers_run_no_shell() -> None:
    """The argv is the command, and there is no executor to choose."""
    for command in (engine(a_backend())["command"], container(a_pair(), "vllm", 1)["command"]):
        assert command[0] == "python3"
        assert "--distributed_executor_backend" not in command


def test_what_the_two_disaggregated_roles_serve() -> None:
    """One name for both, the decode worker's first; adapters on both."""
    pair = a_pair({"config": {"served-model-name": "p"}}, {"config": {"served-model-name": "d"}})
    assert container(pair, "vllm", 0)["command"][5:7] == ["--served-model-name", "p"]
    pair = a_pair(None, {"config": {"served-model-name": "d"}}, loraAdapters=adapters("a"))
    for role in (0, 1):
        command = container(pair, "vllm", role)["command"]
        assert command[command.index("--served-model-name") + 1] == "d"
        assert command[-2] == "--lora-modules"


@pytest.mark.parametrize(
    ("resources", "flag"),
    [
        (None, ""),
        ({"limits": {"nvidia.com/gpu": "8"}}, " --num-gpus=8"),
        ({"requests": {"nvidia.com/gpu": 4}}, " --num-gpus=4"),
        ({"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "4"}}, " --num-gpus=2"),
        ({"limits": {"nvidia.com/gpu": "1", "huawei.com/ascend-1980": "2e0"}}, " --num-gpus=3"),
        ({"limits": {"nvidia.com/gpu": "4000m"}}, " --num-gpus=4"),
        ({"limits": {"nvidia.com/gpu": "0"}}, ""),
        ({"limits": {"nvidia.com/gpu": "-1"}}, ""),
        ({"limits": {"amd.com/gpu": "8", "cpu": "8"}}, ""),
    ],
)
def test_several_nodes_gather_a_ray_cluster_first(resources: Any, flag: str) -> None:
    """One string for bash: find the script, lead the cluster, become the engine. No number of devices says more than 0 would."""
    worker = a_worker(pods=3, resources=resources, config={"max-model-len": 1})
    command = engine(a_backend(workers=[worker]))["command"]
    assert command[:2] == ["bash", "-c"]
    head, _, tail = command[2].partition(" && exec ")
    assert head == f"{FIND} leader --ray_cluster_size=3{flag}"
    assert shlex.split(tail)[5:] == [
        "--max-model-len",
        "1",
        *STANDARD[:2],
        "--distributed_executor_backend",
        "ray",
        *STANDARD[2:],
    ]


def test_the_users_executor_is_kept() -> None:
    """Under either spelling of the key."""
    worker = a_worker(pods=2, config={"distributed_executor_backend": "mp"})
    assert engine(a_backend(workers=[worker]))["command"][2].count("distributed") == 1


def test_ray_workers_join_the_entry_pod() -> None:
    """Kubernetes expands the address, which the infer-controller sets."""
    role = roles(
        a_backend("main", workers=[a_worker(pods=2, image="vllm:v0.18.1")], env=[{"name": "A", "value": "1"}])
    )[0]
    (worker,) = role["workerTemplate"]["spec"]["containers"]
    assert worker["name"] == "main-vllm-worker"
    assert worker["image"] == "vllm:v0.18.1"
    assert worker["command"] == ["bash", "-c", f"{FIND} worker --ray_address=$(ENTRY_ADDRESS)"]
    assert worker["env"] == [{"name": "A", "value": "1"}]


@pytest.mark.parametrize("tag", ["v0.19.1", "v0.33.0", "latest"])
def test_several_nodes_without_ray(tag: str) -> None:
    """Images from 0.19 on have none: the engine's own options, and a headless engine with the same config in the other pods."""
    worker = a_worker(
        pods=3, image=f"vllm/vllm-openai:{tag}", config={"tensor-parallel-size": 8, "chat-template": "$(A)"}
    )
    (role,) = roles(a_backend("main", workers=[worker], env=[{"name": "A", "value": "1"}]))
    nodes = ["--nnodes", "3", "--node-rank", "$(WORKER_INDEX)", "--master-addr", "$(ENTRY_ADDRESS)"]
    leader = engine(a_backend("main", workers=[worker]))["command"]
    assert leader[:4] == ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model"]
    assert leader[-6:] == nodes
    (other,) = role["workerTemplate"]["spec"]["containers"]
    assert other["command"] == ["vllm", "serve", *leader[4:-6], "--headless", *nodes]
    assert "$$(A)" in other["command"]
    assert other["env"] == [{"name": "A", "value": "1"}]


@pytest.mark.parametrize("executor", [{"distributed-executor-backend": "ray"}, {"distributed_executor_backend": "ray"}])
def test_ray_where_it_is_asked_for(executor: dict[str, str]) -> None:
    """In every version, under either spelling of the key."""
    worker = a_worker(pods=2, image="vllm/vllm-openai:v0.33.0", config=executor)
    (role,) = roles(a_backend("main", workers=[worker]))
    assert engine(a_backend(workers=[worker]))["command"][0] == "bash"
    assert role["workerTemplate"]["spec"]["containers"][0]["command"][0] == "bash"


def test_dollars_of_the_model_reach_the_programs_as_dollars() -> None:
    """Kubernetes would expand ``$(NAME)``; where it should, the controller wrote it."""
    env = [{"name": "RUNTIME_URL", "value": "http://$(H)"}, {"name": "RUNTIME_METRICS_PATH", "value": "/$m"}]
    backend = a_backend(
        modelURI="hf://$(X)/r", cacheURI="hostpath:///$c", env=env, workers=[a_worker(config={"k": "$(Y)"})]
    )
    assert engine(backend)["command"][4].startswith("/$$c/")
    assert engine(backend)["command"][6] == "$$(Y)"
    sidecar = container(backend, "runtime")
    assert {"http://$$(H)", "/$$m", "$(POD_NAME).$(NAMESPACE)"} < set(sidecar["args"])
    assert sidecar["env"][0]["value"] == "http://$(H)"
    shell = engine(a_backend(workers=[a_worker(pods=2, config={"k": "$(Y)"})]))["command"][2]
    assert "'$$(Y)'" in shell


def test_the_kv_events_text_is_the_one_the_sidecar_expects() -> None:
    """Key order included."""
    assert list(json.loads(KV_EVENTS)) == ["enable_kv_cache_events", "publisher", "topic", "endpoint"]
    assert json.loads(KV_EVENTS)["endpoint"] == "tcp://*:5557"
