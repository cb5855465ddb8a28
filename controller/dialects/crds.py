"""Small CRDs of the child kinds, for demo, tests and trials: typed for what is rendered, pod templates open."""

from typing import Any

from controller.api.crds.model import MODEL_MATCH
from controller.api.crds.rules import rule
from controller.api.crds.schemas import OPEN, crd, described, integer, list_, object_, root, string
from controller.dialects.dialect import Dialect


def child_crds(dialect: Dialect) -> list[dict[str, Any]]:
    """Small CRDs of a dialect's child kinds: typed for what is rendered, pod templates open. Never install them over others."""
    empty = described(OPEN, "Nobody writes it.")
    own = dialect.schemas()
    workload = crd(dialect.workload, own.pop(dialect.workload))
    if dialect.scale is not None:
        workload["spec"]["versions"][0]["subresources"]["scale"] = dict(dialect.scale)
    return [
        workload,
        crd(dialect.server, root("Pods that answer requests.", _server_spec(), empty)),
        crd(dialect.route, root("Which requests go where.", _route_spec(), empty, "spec")),
        *(crd(resource, schema) for resource, schema in own.items()),
    ]


def _server_spec() -> dict[str, Any]:
    return object_(
        "Which pods, and how to talk to them.",
        ("inferenceEngine", "workloadSelector"),
        model=string("Name the engine serves.", maxLength=256),
        inferenceEngine=string("Engine.", enum=["vLLM", "SGLang"]),
        workloadSelector=described(OPEN, "Which pods."),
        workloadPort=object_(
            "Port.",
            ("port",),
            port=integer("Number.", minimum=1, maximum=65535),
            protocol=string("Protocol.", default="http"),
        ),
        trafficPolicy=object_(
            "How requests are sent.",
            timeout=string("Time-out."),
            retry=object_(
                "Retries.", attempts=integer("Most retries."), retryInterval=string("Pause between.", default="100ms")
            ),
        ),
        kvConnector=object_(
            "Connector of prefill and decode.",
            type=string("Its type.", default="http", enum=["http", "lmcache", "nixl", "mooncake"]),
        ),
    )


def _route_spec() -> dict[str, Any]:
    destination = object_(
        "A destination.",
        ("modelServerName",),
        modelServerName=string("Name of the ModelServer."),
        weight=integer("Relative share.", minimum=0, maximum=100, default=100),
    )
    routing = object_(
        "A rule.",
        ("targetModels",),
        name=string("Its name."),
        modelMatch=MODEL_MATCH,
        targetModels=list_("Destinations.", destination, maxItems=16),
    )
    name = string("Model this route answers; it cannot be changed.")
    name["x-kubernetes-validations"] = [rule("self == oldSelf", "modelName is immutable")]
    return object_(
        "Which requests go where.",
        ("rules",),
        modelName=name,
        loraAdapters=list_("Adapters this route answers.", {"type": "string"}, maxItems=10),
        rules=list_("First match wins.", routing, maxItems=16, **{"x-kubernetes-list-type": "atomic"}),
        rateLimit=described(OPEN, "Rate limit; never set by the Model controller."),
    )


def role_schema(**more: Any) -> dict[str, Any]:
    """A role of a workload, with pod templates left open."""
    return object_(
        "A role of each group.",
        ("name", "entryTemplate", "workerReplicas"),
        name=string("Its name.", maxLength=12),
        replicas=integer("Instances per group.", default=1),
        **more,
        entryTemplate=described(OPEN, "Entry pod."),
        workerReplicas=integer("Further pods per instance."),
        workerTemplate=described(OPEN, "Further pods."),
    )


def grace_schema() -> dict[str, Any]:
    """``template.restartGracePeriodSeconds`` of a workload."""
    return {
        "description": "Wait before a failed group is rebuilt.",
        "type": "integer",
        "format": "int64",
        "default": 0,
    }
