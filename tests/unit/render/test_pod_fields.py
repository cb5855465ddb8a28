"""The fields of a backend that go into pods and workloads as they are."""

from typing import Any

from controller.dialects import V1
from controller.render import RenderOptions
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rendering import container, engine, entry, only, roles
from tests.support.rules import a_pair

POD = {
    "serviceAccountName": "models",
    "imagePullSecrets": [{"name": "token"}],
    "securityContext": {"runAsUser": 1000, "fsGroup": 1000},
    "priorityClassName": "high",
}
VOLUMES = [{"name": "templates", "configMap": {"name": "c"}}]
MOUNTS = [{"name": "templates", "mountPath": "/templates", "readOnly": True}]
LIMITS = {"limits": {"memory": "1Gi"}}


def infer(backend: dict[str, Any]) -> dict[str, Any]:
    spec: dict[str, Any] = only(a_model("chat", backend), "ModelInfer")["spec"]
    return spec


def specs(backend: dict[str, Any]) -> list[dict[str, Any]]:
    """Every pod spec of the backend."""
    found = []
    for role in roles(backend):
        found += [role[part]["spec"] for part in ("entryTemplate", "workerTemplate") if part in role]
    return [spec for spec in found if spec["containers"]]


def test_they_reach_every_pod() -> None:
    """Of one and of several nodes, and of both roles; without them nothing is set."""
    for backend in (a_backend(workers=[a_worker(pods=2)]), a_pair()):
        for spec in specs({**backend, **POD, "volumes": VOLUMES}):
            assert {name: spec[name] for name in POD} == POD
            assert spec["volumes"][-1] == VOLUMES[0]
        for spec in specs(backend):
            assert spec.keys() & POD.keys() == set()


def test_mounts_are_those_of_the_engines() -> None:
    """Of every node; the sidecar and the downloaders have none of them."""
    backend = a_backend(workers=[a_worker(pods=2)], volumes=VOLUMES, volumeMounts=MOUNTS)
    assert engine(backend)["volumeMounts"][-1] == MOUNTS[0]
    assert roles(backend)[0]["workerTemplate"]["spec"]["containers"][0]["volumeMounts"][-1] == MOUNTS[0]
    assert MOUNTS[0] not in container(backend, "runtime")["volumeMounts"]
    assert container(a_pair(volumes=VOLUMES, volumeMounts=MOUNTS), "vllm", 1)["volumeMounts"][-1] == MOUNTS[0]


def test_annotations_are_those_of_all_pods() -> None:
    """Beside the labels of entry pods; the other pods have no labels."""
    (role,) = roles(a_backend(workers=[a_worker(pods=2)], annotations={"a": "b"}))
    assert role["entryTemplate"]["metadata"]["annotations"] == {"a": "b"}
    assert "labels" in role["entryTemplate"]["metadata"]
    assert role["workerTemplate"]["metadata"] == {"annotations": {"a": "b"}}


def test_sizes_and_resources() -> None:
    """Of the shared memory, the downloaders and the sidecar."""
    backend = a_backend(sharedMemorySize="16Gi", downloader={"resources": LIMITS}, runtime={"resources": LIMITS})
    assert entry(backend)["volumes"][-1] == {"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "16Gi"}}
    assert entry(backend)["initContainers"][0]["resources"] == LIMITS
    assert container(backend, "runtime")["resources"] == LIMITS
    assert "resources" not in container(a_backend(), "runtime")


def test_how_groups_recover_start_and_are_replaced() -> None:
    """In the words of the family; without the fields nothing is set, so that users can set them at the workload."""
    backend = a_backend(
        recoveryPolicy="RoleRecreate",
        rollout={"maxUnavailable": "25%", "partition": 1},
        gangScheduling={"minRoleReplicas": {"leader": 1}},
        networkTopology={"mode": "hard", "highestTierAllowed": 1},
    )
    spec = infer(backend)
    assert spec["recoveryPolicy"] == "RoleRecreate"
    assert spec["rolloutStrategy"]["rollingUpdateConfiguration"] == {"maxUnavailable": "25%", "partition": 1}
    assert spec["template"]["gangSchedule"] == {
        "minRoleReplicas": {"leader": 1},
        "networkTopology": {"mode": "hard", "highestTierAllowed": 1},
    }
    assert infer(a_backend(gangScheduling={}))["template"]["gangSchedule"] == {}
    assert "gangSchedule" not in infer(a_backend())["template"]
    serving = only(a_model("chat", backend), "ModelServing", RenderOptions.of(V1))["spec"]
    assert serving["recoveryPolicy"] == "RoleRecreate"
    assert serving["template"]["networkTopology"]["groupPolicy"] == {"mode": "hard", "highestTierAllowed": 1}


def test_none_of_those_of_the_workload_ask_for_other_pods() -> None:
    """The hash of what pods are made of stays; one that pods are made of changes it."""
    key = "registry.volcano.sh/template-inputs"

    def inputs(**fields: Any) -> str:
        return str(only(a_model("chat", a_backend(**fields)), "ModelInfer")["metadata"]["annotations"][key])

    same = inputs()
    for fields in ({"recoveryPolicy": "None"}, {"rollout": {"partition": 1}}, {"gangScheduling": {}}):
        assert inputs(**fields) == same
    assert inputs(priorityClassName="high") != same
