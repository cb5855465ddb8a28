"""The pods of both engines: containers, probes, environment, placement, and the ModelInfer around them."""

import os
import re
import shutil
import socket
import subprocess
import time
from typing import Any

import pytest

from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rendering import container, engine, entry, only, options_of, roles
from tests.support.rules import a_pair

STANDARD = ["POD_NAME", "NAMESPACE", "VLLM_USE_V1", "REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD"]
PREFILL = ["HF_HUB_OFFLINE", "HCCL_IF_IP"]
_HEALTH = {"httpGet": {"path": "/health", "port": 9000, "scheme": "HTTP"}, "timeoutSeconds": 1}
STARTUP = {**_HEALTH, "periodSeconds": 5, "failureThreshold": 720}
RUNNING = {**_HEALTH, "periodSeconds": 5, "failureThreshold": 3}
DECODE = ["HF_HUB_OFFLINE", "GLOO_SOCKET_IFNAME", "TP_SOCKET_IFNAME", "HCCL_SOCKET_IFNAME"]


def infer(backend: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = only(a_model("chat", backend), "ModelInfer")["spec"]
    return spec


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in entries]


def test_the_infer_of_a_vllm_backend() -> None:
    """Exactly these fields: gang scheduling and rolling updates are never set."""
    spec = infer(a_backend("b", minReplicas=2, maxReplicas=3))
    (role,) = spec["template"].pop("roles")
    assert spec == {
        "replicas": 2,
        "schedulerName": "volcano",
        "recoveryPolicy": "InferGroupRecreate",
        "rolloutStrategy": {"type": "InferGroupRollingUpdate"},
        "template": {"restartGracePeriodSeconds": 60},
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {"modelinfer.volcano.sh/name": "chat-b"}},
            }
        ],
    }
    assert role.keys() == {"name", "replicas", "entryTemplate", "workerReplicas"}
    assert (role["name"], role["replicas"], role["workerReplicas"]) == ("leader", 1, 0)


@pytest.mark.parametrize(
    ("given", "replicas", "workers"),
    [
        ({}, 1, 0),
        ({"replicas": 0, "pods": 0}, 1, 0),
        ({"replicas": 3, "pods": 1}, 3, 0),
        ({"replicas": 2, "pods": 4}, 2, 3),
    ],
)
def test_replicas_and_pods_of_a_worker(given: dict[str, int], replicas: int, workers: int) -> None:
    """Absent and 0 are 1; a worker template is there for further pods only, and without labels of ours."""
    (role,) = roles(a_backend(workers=[a_worker(**given)]))
    assert (role["replicas"], role["workerReplicas"]) == (replicas, workers)
    assert ("workerTemplate" in role) == (workers > 0)
    assert "metadata" not in role.get("workerTemplate", {})


def test_the_infer_of_a_disaggregated_backend() -> None:
    """Prefill before decode, whatever their order in the Model; an empty worker template makes the headless Service."""
    backend = a_pair({"replicas": 1}, {"replicas": 2}, minReplicas=0, maxReplicas=1)
    backend["workers"].reverse()
    spec = infer(backend)
    assert spec["replicas"] == 0
    assert "topologySpreadConstraints" not in spec
    assert [(role["name"], role["replicas"]) for role in spec["template"]["roles"]] == [("prefill", 1), ("decode", 2)]
    for role in spec["template"]["roles"]:
        assert role["workerReplicas"] == 0
        assert role["workerTemplate"] == {"spec": {"containers": []}}
        assert names(role["entryTemplate"]["spec"]["containers"]) == ["runtime", "vllm"]
        assert role["entryTemplate"]["spec"]["terminationGracePeriodSeconds"] == 300


def test_the_engine_of_a_vllm_pod() -> None:
    """Exactly these fields besides what other tests look at."""
    engine_ = engine(
        a_backend(workers=[a_worker(image="i", resources={"limits": {"cpu": 1}}, config={"port": "9000"})])
    )
    lifecycle = engine_.pop("lifecycle")
    assert lifecycle["preStop"]["exec"]["command"][:2] == ["/bin/sh", "-c"]
    assert {key: engine_[key] for key in engine_.keys() - {"command", "env", "volumeMounts"}} == {
        "name": "engine",
        "image": "i",
        "resources": {"limits": {"cpu": 1}},
        "startupProbe": STARTUP,
        "readinessProbe": RUNNING,
    }
    assert entry(a_backend())["terminationGracePeriodSeconds"] == 300
    assert names(entry(a_backend())["containers"]) == ["runtime", "engine"]


def test_the_engine_of_a_disaggregated_pod() -> None:
    """A start-up probe gives it an hour to load; a liveness probe alone would kill it. It drains as any other engine."""
    pair = a_pair({"config": {"port": 9000}}, {"config": {"port": 9000.0}})
    engine_ = container(pair, "vllm", 1)
    assert (
        engine_.pop("lifecycle")
        == container(a_backend(workers=[a_worker(config={"port": 9000})]), "engine")["lifecycle"]
    )
    assert {key: engine_[key] for key in engine_.keys() - {"command", "env", "volumeMounts"}} == {
        "name": "vllm",
        "image": "vllm/vllm-openai:v0.10.2",
        "imagePullPolicy": "IfNotPresent",
        "ports": [{"containerPort": 9000, "protocol": "TCP"}],
        "startupProbe": STARTUP,
        "readinessProbe": RUNNING,
        "livenessProbe": RUNNING,
    }


@pytest.mark.parametrize(
    ("env", "port", "url", "metrics"),
    [
        ({}, 8100, "http://localhost:9000", "/metrics"),
        ({"RUNTIME_PORT": "8200"}, 8200, "http://localhost:9000", "/metrics"),
        ({"RUNTIME_PORT": "008200"}, 8200, "http://localhost:9000", "/metrics"),
        ({"RUNTIME_PORT": "x"}, 8100, "http://localhost:9000", "/metrics"),
        ({"RUNTIME_PORT": "70000"}, 8100, "http://localhost:9000", "/metrics"),
        ({"RUNTIME_URL": "http://e:1", "RUNTIME_METRICS_PATH": "/m"}, 8100, "http://e:1", "/m"),
        ({"RUNTIME_URL": "", "RUNTIME_METRICS_PATH": ""}, 8100, "http://localhost:9000", "/metrics"),
    ],
)
def test_the_sidecar(env: dict[str, str], port: int, url: str, metrics: str) -> None:
    """Its port, the engine it talks to, and its probe."""
    entries = [{"name": name, "value": value} for name, value in env.items()]
    source = [{"configMapRef": {"name": "c"}}]
    backend = a_backend(env=entries, envFrom=source, workers=[a_worker(config={"port": 9000})])
    sidecar = container(backend, "runtime")
    assert options_of(sidecar["args"]) == {
        "--port": str(port),
        "--engine": "vllm",
        "--engine-base-url": url,
        "--engine-metrics-path": metrics,
        "--pod": "$(POD_NAME).$(NAMESPACE)",
        "--model": "chat",
    }
    assert sidecar["ports"] == [{"containerPort": port, "protocol": "TCP"}]
    assert sidecar["envFrom"] == source
    probe = {"httpGet": {"path": "/health", "port": port}, "initialDelaySeconds": 5, "periodSeconds": 10}
    assert sidecar["readinessProbe"] == probe
    assert "envFrom" not in engine(backend)


def test_values_from_elsewhere_do_not_count_for_the_sidecar() -> None:
    """Nobody knows them before the pod starts."""
    source = {"configMapKeyRef": {"name": "c", "key": "k"}}
    env = [{"name": name, "valueFrom": source} for name in ("RUNTIME_PORT", "RUNTIME_URL", "RUNTIME_METRICS_PATH")]
    assert container(a_backend(env=env), "runtime")["args"] == container(a_backend(), "runtime")["args"]


def test_the_sidecar_of_a_disaggregated_pod() -> None:
    """Another engine name, envFrom in both roles, no probe."""
    for role in (0, 1):
        sidecar = container(a_pair(envFrom=[{"secretRef": {"name": "s"}}]), "runtime", role)
        assert options_of(sidecar["args"])["--engine"] == "vllmdisaggregated"
        assert sidecar["envFrom"] == [{"secretRef": {"name": "s"}}]
        assert "readinessProbe" not in sidecar


def test_the_standard_variables_follow_the_users() -> None:
    """In both containers."""
    backend = a_backend(env=[{"name": "Z", "value": "1"}, {"name": "A", "value": "$(Z)"}])
    for name in ("runtime", "engine"):
        env = container(backend, name)["env"]
        assert names(env) == ["Z", "A", *STANDARD]
        assert env[2:] == [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
            {"name": "VLLM_USE_V1", "value": "1"},
            *(
                {"name": key, "valueFrom": {kind: {"name": source, "key": key, "optional": True}}}
                for kind, source, key in (
                    ("configMapKeyRef", "redis-config", "REDIS_HOST"),
                    ("configMapKeyRef", "redis-config", "REDIS_PORT"),
                    ("secretKeyRef", "redis-secret", "REDIS_PASSWORD"),
                )
            ),
        ]


@pytest.mark.parametrize(
    ("tag", "known"), [("v0.10.2", True), ("latest", True), ("v0.19.1", False), ("v0.33.0", False)]
)
def test_a_variable_that_a_version_does_not_know_is_left_out(tag: str, known: bool) -> None:
    """The engine would log a warning about it."""
    env = engine(a_backend(workers=[a_worker(image=f"vllm/vllm-openai:{tag}")]))["env"]
    assert ("VLLM_USE_V1" in names(env)) == known


def test_no_variables_of_services_reach_a_pod() -> None:
    """A Service called vllm would set VLLM_PORT to an address, at which the engine stops."""
    (role,) = roles(a_backend(workers=[a_worker(pods=2)]))
    specs = [role["entryTemplate"]["spec"], role["workerTemplate"]["spec"], entry(a_pair(), 0), entry(a_pair(), 1)]
    assert [spec["enableServiceLinks"] for spec in specs] == [False] * 4


NIXL = {"kv_connector": "NixlConnector"}
MULTI = {
    "kv_connector": "MultiConnector",
    "kv_connector_extra_config": {"connectors": [{"kv_connector": "OffloadingConnector"}, NIXL]},
}


@pytest.mark.parametrize(
    "config",
    [
        {"kv-transfer-config": {**NIXL, "kv_role": "kv_both"}},
        {"kv-transfer-config": '{"kv_connector":"NixlConnector","kv_role":"kv_both"}'},
        {"kv_transfer_config.kv_connector": "NixlConnector", "kv-transfer-config.kv_role": "kv_both"},
        {"kv-transfer-config": {**MULTI, "kv_role": "kv_both"}},
    ],
)
def test_the_side_channel_of_nixl_is_at_the_pods_own_address(config: Any) -> None:
    """The default host is localhost, and the default port of older versions is that of kv-events."""
    backend = a_pair({"config": config}, {"config": config})
    for role in (0, 1):
        host, port = container(backend, "vllm", role)["env"][-2:]
        assert host == {"name": "VLLM_NIXL_SIDE_CHANNEL_HOST", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
        assert port == {"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": "5600"}
    server = only(a_model("chat", backend), "ModelServer")["spec"]
    assert server["kvConnector"] == {"type": "nixl"}


def test_the_users_side_channel_is_kept() -> None:
    """Each variable by itself; without NIXL there is none."""
    config = {"kv-transfer-config": {**NIXL, "kv_role": "kv_both"}}
    mine = [{"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": "5700"}]
    env = container(a_pair({"config": config}, {"config": config}, env=mine), "vllm", 0)["env"]
    assert [item for item in env if "NIXL" in item["name"]] == [mine[0], env[-1]]
    assert "NIXL" not in str(container(a_pair(), "vllm", 0)["env"])


def test_a_sidecar_listens_on_both_families_where_the_engine_does() -> None:
    """Its own default is IPv4 alone."""
    backend = a_backend(workers=[a_worker(config={"host": "::"})])
    assert container(backend, "runtime")["args"][-2:] == ["--host", "::"]
    assert "--host" not in container(a_backend(), "runtime")["args"]


def test_the_users_variable_wins_except_for_the_pods_identity() -> None:
    """No name comes twice."""
    env = [{"name": name, "value": "mine"} for name in ("POD_NAME", "VLLM_USE_V1", "NAMESPACE", "REDIS_HOST")]
    for name in ("runtime", "engine"):
        entries = container(a_backend(env=env), name)["env"]
        assert names(entries) == ["VLLM_USE_V1", "REDIS_HOST", "POD_NAME", "NAMESPACE", "REDIS_PORT", "REDIS_PASSWORD"]
        assert [item.get("value") for item in entries[:2]] == ["mine", "mine"]
        assert "valueFrom" in entries[2]


def test_the_variables_of_the_disaggregated_roles() -> None:
    """After the standard ones, in both containers; the user's win here too."""
    backend = a_pair(env=[{"name": "HF_HUB_OFFLINE", "value": "0"}])
    for name in ("runtime", "vllm"):
        prefill, decode = (container(backend, name, role)["env"] for role in (0, 1))
        assert names(prefill) == ["HF_HUB_OFFLINE", *STANDARD, *PREFILL[1:]]
        assert names(decode) == ["HF_HUB_OFFLINE", *STANDARD, *DECODE[1:]]
        assert prefill[0]["value"] == "0"
        assert prefill[-1]["valueFrom"] == {"fieldRef": {"fieldPath": "status.podIP"}}
        assert {item["value"] for item in decode[-3:]} == {"eth0"}
    assert container(a_pair(), "vllm", 0)["env"][-2] == {"name": "HF_HUB_OFFLINE", "value": "1"}


def test_where_pods_run() -> None:
    """The worker's and the backend's wishes, on entry pods and Ray workers; without any, nothing is set."""
    placement = {
        "affinity": {"nodeAffinity": {}},
        "tolerations": [{"key": "gpu"}],
        "nodeSelector": {"a": "b"},
    }
    backend = a_backend(workers=[a_worker(pods=2, **placement)], schedulerName="s", runtimeClassName="r")
    expected = {**placement, "schedulerName": "s", "runtimeClassName": "r"}
    (role,) = roles(backend)
    for spec in (role["entryTemplate"]["spec"], role["workerTemplate"]["spec"]):
        assert {key: spec[key] for key in expected} == expected
    assert infer(backend)["schedulerName"] == "s"
    assert entry(a_backend()).keys() & expected.keys() == set()


def test_each_disaggregated_role_runs_where_its_own_worker_says() -> None:
    """Not where the other one does."""
    backend = a_pair({"nodeSelector": {"a": "prefill"}}, {"nodeSelector": {"a": "decode"}})
    assert [entry(backend, role)["nodeSelector"]["a"] for role in (0, 1)] == ["prefill", "decode"]


@pytest.mark.parametrize(
    ("answers", "polls"),
    [
        (
            [
                'vllm:num_requests_running{m="a"} 1.0\nvllm:num_requests_waiting{m="a"} 2.0',
                "vllm:num_requests_running 0.0",
            ],
            2,
        ),
        (['vllm:num_requests_running{e="0"} 0.0\nvllm:num_requests_running{e="1"} 0.0'], 1),
        (["vllm:num_requests_running 0\nvllm:num_requests_running_total 7"], 1),
        ([None, None, None], 3),
        ([None, None, "vllm:num_requests_running 3", None, None, "vllm:num_requests_running 0"], 6),
    ],
    ids=["drains", "several engines", "other families", "dead engine", "a poll between failures"],
)
def test_a_stopping_engine_finishes_its_requests(answers: list[str | None], polls: int, tmp_path: Any) -> None:
    """The preStop script, run with a curl that answers from files and a sleep that does not wait."""
    for number, answer in enumerate(answers, 1):
        if answer is not None:
            (tmp_path / str(number)).write_text(answer + "\n")
    for name, text in {
        "curl": f'n=$(cat {tmp_path}/count 2>/dev/null || echo 0); n=$((n+1)); echo $n >{tmp_path}/count; echo "$@" >{tmp_path}/args; cat {tmp_path}/$n 2>/dev/null',
        "sleep": "exit 0",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    command = engine(a_backend(workers=[a_worker(config={"port": 9000})]))["lifecycle"]["preStop"]["exec"]["command"]
    path = f"{tmp_path}:{':'.join({str(shutil.which(tool)).rpartition('/')[0] for tool in ('awk', 'date', 'cat')})}"
    done = subprocess.run(command, env={"PATH": path}, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert int((tmp_path / "count").read_text()) == polls
    assert (tmp_path / "args").read_text().split()[-1] == "http://localhost:9000/metrics"
    assert re.search(r"\+ 240 \)\)", command[2])


def test_an_engine_without_gauges_is_watched_by_its_connections(tmp_path: Any) -> None:
    """``disable-log-stats``: nothing counts the requests, but they are connections, other than those of the pod's own sidecar."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        port = server.getsockname()[1]
        (tmp_path / "curl").write_text(f"#!/bin/sh\necho poll >>{tmp_path}/polls\necho process_open_fds 9\n")
        (tmp_path / "sleep").write_text("#!/bin/sh\nexec /bin/sleep 0.05\n")
        for name in ("curl", "sleep"):
            (tmp_path / name).chmod(0o755)
        command = engine(a_backend(workers=[a_worker(config={"port": port})]))["lifecycle"]["preStop"]["exec"][
            "command"
        ]
        client = socket.create_connection(("127.0.0.2", port), source_address=("127.0.0.2", 0))
        accepted, _ = server.accept()
        path = f"{tmp_path}:{os.environ['PATH']}"
        running = subprocess.Popen(command, env={**os.environ, "PATH": path})
        polls = tmp_path / "polls"
        while not polls.exists() or len(polls.read_text().split()) < 3:
            assert running.poll() is None
            time.sleep(0.02)
        client.close()
        accepted.close()
        assert running.wait(timeout=30) == 0
