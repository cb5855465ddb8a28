"""The pods of workloads: why one is stuck, whose it is, and what the cache keeps of it."""

from typing import Any

import pytest

from controller import meta
from controller.api.pods import incarnation, is_ready
from controller.reconcilers.pods import PodFailure, belongs_to, pod_failure, reconcile_relevant, slim

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "t1"}


def a_pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **status: Any) -> dict[str, Any]:
    body = {"phase": "Pending", "containerStatuses": list(containers), "initContainerStatuses": list(init), **status}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {}}, "status": body}


def container(name: str = "engine", restarts: int = 0, **states: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": restarts, "ready": False, **states}


def waiting(reason: str, **fields: Any) -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": "free text"}}, **fields)


KILLED = {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
CRASHED = {"terminated": {"exitCode": 1, "reason": "Error"}}
RUNNING: dict[str, Any] = {"running": {}}
UNSCHEDULABLE = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}


@pytest.mark.parametrize(
    ("pod", "reason"),
    [
        (a_pod(), ""),
        (a_pod(waiting("ContainerCreating")), ""),
        (a_pod(waiting("ImagePullBackOff")), "ImagePullBackOff"),
        (a_pod(waiting("ErrImagePull")), "ErrImagePull"),
        (a_pod(waiting("CrashLoopBackOff", lastState=CRASHED)), "CrashLoopBackOff"),
        (a_pod(waiting("CrashLoopBackOff", lastState=KILLED)), "OOMKilled"),
        (a_pod(container(state=KILLED)), "OOMKilled"),
        (a_pod(container(state=CRASHED)), ""),
        (a_pod(container(state=RUNNING, lastState=CRASHED, restarts=1)), ""),
        (a_pod(container(state=RUNNING, lastState=CRASHED, restarts=4)), "CrashLoopBackOff"),
        (a_pod(init=(container("chat-model-downloader", state=CRASHED),)), "DownloadFailed"),
        (a_pod(init=(waiting("CrashLoopBackOff", name="chat-lora-downloader-0"),)), "DownloadFailed"),
        (a_pod(init=(waiting("ErrImagePull", name="chat-model-downloader"),)), "ErrImagePull"),
        (a_pod(init=(container("chat-model-downloader", state=CRASHED, ready=True),)), "DownloadFailed"),
        (a_pod(init=(container("certificates", state=CRASHED),)), "InitContainerFailed"),
        (a_pod(waiting("CreateContainerConfigError")), "CreateContainerConfigError"),
        (a_pod(waiting("InvalidImageName")), "InvalidImageName"),
        (a_pod(waiting("RunContainerError")), "RunContainerError"),
        (a_pod(waiting("ErrImageNeverPull")), "ErrImageNeverPull"),
        (a_pod(waiting("ImageInspectError")), "ImageInspectError"),
        (a_pod(waiting("SomethingOfTomorrow")), "SomethingOfTomorrow"),
        (a_pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory."), "Evicted"),
        (a_pod(phase="Failed", reason="UnexpectedAdmissionError"), "UnexpectedAdmissionError"),
        (a_pod(conditions=[UNSCHEDULABLE]), "Unschedulable"),
        (a_pod(conditions=[UNSCHEDULABLE | {"reason": "SchedulingGated"}]), "SchedulingGated"),
        (a_pod(conditions=[READY], phase="Running"), ""),
    ],
)
def test_why_a_pod_is_stuck(pod: dict[str, Any], reason: str) -> None:
    """Every reason for which it cannot start, and nothing that comes and goes between two crashes."""
    failure = pod_failure(pod)
    assert (failure.reason if failure else "") == reason


def test_a_failure_has_the_words_of_kubelet_and_scheduler() -> None:
    """And the container, and how its last process ended; the identity has no words."""
    scheduling = a_pod(
        conditions=[UNSCHEDULABLE | {"message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}]
    )
    assert pod_failure(scheduling) == PodFailure(
        "p", "Unschedulable", message="0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    )
    ended = {"terminated": {"exitCode": 1, "reason": "Error", "message": "no CUDA device"}}
    crashing = pod_failure(a_pod(waiting("CrashLoopBackOff", lastState=ended)))
    assert crashing == PodFailure("p", "CrashLoopBackOff", "engine", "exit code 1: no CUDA device")
    pulls = [pod_failure(a_pod(waiting(reason))) for reason in ("ErrImagePull", "ImagePullBackOff")]
    assert len({failure.identity for failure in pulls if failure}) == 1
    assert [failure.message for failure in pulls if failure] == ["free text", "free text"]


def test_a_terminating_pod_is_neither_ready_nor_stuck() -> None:
    """It is on its way out."""
    pod = a_pod(waiting("CrashLoopBackOff"), conditions=[READY], phase="Running")
    pod["metadata"]["deletionTimestamp"] = "t"
    assert not is_ready(pod)
    assert pod_failure(pod) is None


def test_labels_alone_prove_nothing() -> None:
    """The controller decides; without one, any owner reference to the ModelInfer does."""
    infer = {"metadata": {"name": "chat-main", "uid": "infer"}}
    pod = a_pod()
    assert not belongs_to(pod, infer)
    pod["metadata"]["ownerReferences"] = [{"uid": "infer", "kind": "ModelInfer"}]
    assert belongs_to(pod, infer)
    pod["metadata"]["ownerReferences"].append({"uid": "other", "kind": "ReplicaSet", "controller": True})
    assert not belongs_to(pod, infer)


def test_what_is_kept_of_a_pod_tells_the_same() -> None:
    """Spec, volumes, messages of the scheduler and managed fields are dropped."""
    pod = a_pod(waiting("ErrImagePull"), conditions=[READY], podIP="10.0.0.1", startTime="t")
    pod["metadata"] |= {"managedFields": [{}], "annotations": {"big": "x"}, "resourceVersion": "7"}
    pod["spec"] = {"containers": []}
    kept = slim(pod)
    assert reconcile_relevant(kept) == reconcile_relevant(pod)
    assert set(kept) == {"metadata", "status"}
    assert set(kept["metadata"]) == {"name", "namespace", "uid", "labels", "resourceVersion"}
    assert "startTime" not in kept["status"]
    assert meta.key_of(kept) == meta.key_of(pod)


def test_a_restart_or_another_readiness_is_another_incarnation() -> None:
    """The engine may have forgotten its adapters."""
    first = a_pod(container(restarts=0), conditions=[READY], podIP="10.0.0.1")
    seen = {
        incarnation(first),
        incarnation(a_pod(container(restarts=1), conditions=[READY], podIP="10.0.0.1")),
        incarnation(a_pod(container(), conditions=[{**READY, "lastTransitionTime": "t2"}], podIP="10.0.0.1")),
        incarnation(a_pod(container(), conditions=[READY], podIP="10.0.0.2")),
    }
    assert len(seen) == 4
