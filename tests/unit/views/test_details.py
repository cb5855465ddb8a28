"""Everything about one Model: how it is called, its conditions, backends, children and pods."""

from typing import Any

from controller.api.kinds import MODEL_INFER, MODEL_ROUTE, MODEL_SERVER
from controller.views.details import detail_lines, starts

CONDITIONS = [
    {"type": "Active", "status": "False", "reason": "ModelProcessing", "message": "waiting"},
    {"type": "Failed", "status": "True", "reason": "ChildConflict", "message": "one\ntwo"},
]
BACKENDS = [
    {
        "name": "main",
        "readyReplicas": 2,
        "desiredReplicas": 3,
        "adapters": [{"name": "sql", "loadedPods": 1, "pods": 2}],
        "heldRevision": "abc",
    }
]
ROUTE = {"name": "chat", "modelName": "assistant", "loraAdapters": ["sql"], "conflictsWith": ["other/chat"]}


def a_pod(name: str, **status: Any) -> dict[str, Any]:
    """A pod with this status."""
    return {"metadata": {"name": name}, "status": status}


def test_a_model_is_told_in_full() -> None:
    """The pod, the container, the reason and the kubelet's words; kinds that are not installed."""
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "s3" not found'}}
    pods = [
        a_pod("p2", containerStatuses=[{"name": "engine", "state": waiting, "restartCount": 0}]),
        a_pod("p1", phase="Running", conditions=[{"type": "Ready", "status": "True"}]),
        a_pod(
            "p3", containerStatuses=[{"name": "engine", "state": {"running": {}}, "restartCount": 1, "ready": False}]
        ),
        {"metadata": {"name": "p4", "uid": "u4"}, "status": {"phase": "Pending"}},
        {"metadata": {"name": "p5", "deletionTimestamp": "t"}, "status": {"phase": "Running"}},
    ]
    model = {"status": {"conditions": CONDITIONS, "backendStatuses": BACKENDS, "route": ROUTE}}
    children = {
        MODEL_SERVER: [{"metadata": {"name": "chat-main", "deletionTimestamp": "t"}}],
        MODEL_INFER: None,
        MODEL_ROUTE: [],
    }
    warnings = {"u4": 'FailedMount: secret "s3" not found'}
    assert [starts(pod) for pod in pods] == [False, False, True, True, False]
    assert list(detail_lines(model, children, pods, warnings)) == [
        'Called as: "model": "assistant" (ModelRoute chat, adapters sql)',
        "Warning: the routes other/chat answer the same name; the router keeps one of them",
        "Conditions:",
        "  Active=False ModelProcessing: waiting",
        "  Failed=True ChildConflict: one | two",
        "Backends:",
        "  main: 2/3 replicas, adapter sql on 1/2 pods, pod template kept (revision abc is waiting)",
        "Children:",
        "  ModelServer chat-main (being deleted)",
        "  ModelInfer (workload.volcano.sh/v1alpha1) is not installed in this cluster",
        "Pods:",
        "  p1: ready",
        '  p2: CreateContainerConfigError in container engine: secret "s3" not found',
        "  p3: not ready, 1 restarts, waiting for engine",
        '  p4: not ready; FailedMount: secret "s3" not found',
        "  p5: being deleted",
    ]


def test_a_new_model_has_nothing_to_tell() -> None:
    """No status yet, or one of another shape."""
    assert list(detail_lines({}, {}, ())) == []
    assert list(detail_lines({"status": {"backendStatuses": 3, "route": 4}}, {}, ())) == []
