"""The pods of workloads: whose they are, and what the cache keeps of them."""

from typing import Any

from controller import meta
from controller.api.pods import incarnation
from controller.reconcilers.pods import belongs_to, reconcile_relevant, runs_commands_of, slim

READY = {"type": "Ready", "status": "True", "lastTransitionTime": "t1"}


def a_pod(*containers: dict[str, Any], init: tuple[dict[str, Any], ...] = (), **status: Any) -> dict[str, Any]:
    body = {"phase": "Pending", "containerStatuses": list(containers), "initContainerStatuses": list(init), **status}
    return {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {}}, "status": body}


def container(name: str = "engine", restarts: int = 0, **states: Any) -> dict[str, Any]:
    return {"name": name, "restartCount": restarts, "ready": False, **states}


def waiting(reason: str, **fields: Any) -> dict[str, Any]:
    return container(state={"waiting": {"reason": reason, "message": "free text"}}, **fields)


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
    """Of the spec only a digest of each command line; volumes and managed fields are dropped."""
    pod = a_pod(waiting("ErrImagePull"), conditions=[READY], podIP="10.0.0.1", startTime="t")
    pod["metadata"] |= {"managedFields": [{}], "annotations": {"big": "x"}, "resourceVersion": "7"}
    pod["spec"] = {"containers": [{"name": "engine", "image": "i", "command": ["serve", "--port", "8000"]}]}
    kept = slim(pod)
    assert reconcile_relevant(kept) == reconcile_relevant(pod)
    assert set(kept) == {"metadata", "status", "commands"}
    assert set(kept["commands"]) == {"engine"}
    assert set(kept["metadata"]) == {"name", "namespace", "uid", "labels", "resourceVersion"}
    assert "startTime" not in kept["status"]
    assert meta.key_of(kept) == meta.key_of(pod)


def test_a_pod_runs_the_commands_that_it_was_started_with() -> None:
    """Whatever its image and environment; a container that a webhook added does not count, a missing one does."""
    engine = {"name": "engine", "command": ["serve"], "args": ["--port", "8000"]}
    pod = slim({**a_pod(), "spec": {"containers": [{**engine, "image": "i", "env": []}, {"name": "mesh"}]}})
    assert runs_commands_of(pod, {"containers": [engine]})
    assert not runs_commands_of(pod, {"containers": [{**engine, "args": ["--port", "9000"]}]})
    assert not runs_commands_of(pod, {"containers": [{**engine, "command": ["run"]}]})
    assert not runs_commands_of(pod, {"containers": [engine, {"name": "runtime"}]})
    assert not runs_commands_of(slim(a_pod()), {"containers": [engine]})


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
