"""Why a pod is stuck, as the kubelet, the scheduler and the controllers of nodes say it."""

from typing import Any

import pytest

from controller.api.pods import is_ready
from controller.reconcilers.pod_failures import PodFailure, pod_failure

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
COMPLETED = {"terminated": {"exitCode": 0, "reason": "Completed"}}
LOST = "ContainerStatusUnknown"
GATES = "ReadinessGatesNotReady"
UP = {"name": "engine", "ready": True, "restartCount": 0, "state": RUNNING}
UPTIME = {"phase": "Running"}
ALL_UP = {"type": "ContainersReady", "status": "True"}
NOT_READY = {"type": "Ready", "status": "False"}
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
        (a_pod(waiting("CreateContainerError")), "CreateContainerError"),
        (a_pod(waiting("CreatePodSandboxError")), "CreatePodSandboxError"),
        (a_pod(container(state={"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}})), LOST),
        (a_pod(container(state={"terminated": {"exitCode": 137, "reason": LOST}}), phase="Failed"), LOST),
        (a_pod(phase="Failed", reason="DeadlineExceeded"), "DeadlineExceeded"),
        (a_pod(phase="Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"), "OutOfcpu"),
        (a_pod(phase="Failed", reason="NodeShutdown"), "NodeShutdown"),
        (a_pod(container(state=RUNNING), phase="Unknown", reason="NodeLost"), "NodeLost"),
        (a_pod(phase="Unknown"), "Unknown"),
        (a_pod(phase="Failed"), "Failed"),
        (a_pod(container(state=CRASHED), phase="Failed"), "Error"),
        (a_pod(container(state=KILLED), phase="Failed"), "OOMKilled"),
        (a_pod(init=(container("chat-model-downloader", state=CRASHED),), phase="Failed"), "DownloadFailed"),
        (a_pod(container(state=RUNNING, lastState=COMPLETED, restarts=3)), "CrashLoopBackOff"),
        (a_pod(init=(container("done", state=COMPLETED, restarts=3, ready=True),)), ""),
        (a_pod(init=(container("side", state=RUNNING, lastState=CRASHED, restarts=3),)), "InitContainerFailed"),
        (a_pod(init=(container("side", state=RUNNING, ready=True),)), ""),
        (a_pod(UP, conditions=[ALL_UP, NOT_READY | {"reason": "ReadinessGatesNotReady"}], **UPTIME), GATES),
        (a_pod(UP, conditions=[ALL_UP, NOT_READY], **UPTIME), "NodeNotReady"),
        (a_pod(container(state=RUNNING), conditions=[NOT_READY | {"reason": "ContainersNotReady"}], **UPTIME), ""),
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


def test_special_ends_are_part_of_the_words() -> None:
    """A process that could not be started at all, and one whose end nobody saw."""
    ended = {"terminated": {"exitCode": 128, "reason": "StartError", "message": "exec: no such file"}}
    failure = pod_failure(a_pod(waiting("CrashLoopBackOff", lastState=ended)))
    assert failure is not None
    assert failure.message == "StartError, exit code 128: exec: no such file"
    lost = pod_failure(a_pod(container(state={"terminated": {"exitCode": 137, "reason": LOST, "message": "gone"}})))
    assert lost == PodFailure("p", LOST, "engine", "exit code 137: gone")


def test_malformed_statuses_are_left_out() -> None:
    """Other controllers write what they like into a status."""
    pod = a_pod()
    pod["status"] |= {"containerStatuses": ["x", None], "initContainerStatuses": None}
    assert pod_failure(pod) is None


def test_a_preempted_pod_says_so_while_it_is_deleted() -> None:
    """And one that is drained or evicted by a taint: who wants it gone, in one word."""
    target = {"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": "for a job"}
    pod = a_pod(UP, conditions=[READY, target], phase="Running")
    assert pod_failure(pod) is None
    pod["metadata"]["deletionTimestamp"] = "t"
    assert pod_failure(pod) == PodFailure("p", "PreemptionByScheduler", message="for a job")


def test_a_terminating_pod_is_neither_ready_nor_stuck() -> None:
    """It is on its way out."""
    pod = a_pod(waiting("CrashLoopBackOff"), conditions=[READY], phase="Running")
    pod["metadata"]["deletionTimestamp"] = "t"
    assert not is_ready(pod)
    assert pod_failure(pod) is None
