"""Small CRDs of the five child kinds, for demo, tests and trials: typed for what is rendered, pod templates open."""

from typing import Any

from controller.api.crds.model import MODEL_MATCH
from controller.api.crds.policy import policy_schema
from controller.api.crds.rules import rule
from controller.api.crds.schemas import OPEN, STRINGS, crd, described, integer, list_, object_, root, string, unbounded
from controller.api.kinds import AUTOSCALING_POLICY, AUTOSCALING_POLICY_BINDING, MODEL_INFER, MODEL_ROUTE, MODEL_SERVER


def child_crds() -> list[dict[str, Any]]:
    """Small CRDs of the five child kinds: typed for what is rendered, pod templates open. Never install them over others."""
    empty = described(OPEN, "Nobody writes it.")
    target = object_(
        "A workload.",
        ("targetRef",),
        targetRef=described(OPEN, "The workload's kind and name."),
        additionalMatchLabels=described(STRINGS, "Labels that narrow the pods."),
        metricEndpoint=object_(
            "Where pods are scraped.", uri=string("Path.", default="/metrics"), port=integer("Port.", default=8100)
        ),
    )
    bounds: dict[str, Any] = {
        "minReplicas": integer("Lower bound.", minimum=0),
        "maxReplicas": integer("Upper bound.", minimum=1),
    }
    binding = object_(
        "Which policy scales what.",
        ("policyRef",),
        policyRef=object_("The policy.", name=string("Its name.", default="")),
        scalingConfiguration=object_("One workload.", ("minReplicas", "maxReplicas"), target=target, **bounds),
        optimizerConfiguration=object_(
            "Several workloads by cost.",
            costExpansionRatePercent=integer("Growth of the cost per step.", minimum=0, default=200),
            params=list_(
                "The workloads.",
                object_("One of them.", target=target, cost=integer("Its cost.", minimum=0), **bounds),
                minItems=1,
            ),
        ),
    )
    return [
        crd(
            MODEL_INFER,
            root("Groups of pods that serve one backend.", _infer_spec(), described(OPEN, "State of the groups.")),
        ),
        crd(MODEL_SERVER, root("Pods that answer requests.", _server_spec(), empty)),
        crd(MODEL_ROUTE, root("Which requests go where.", _route_spec(), empty, "spec")),
        crd(AUTOSCALING_POLICY, root("When to scale.", unbounded(policy_schema("The policy.")), empty)),
        crd(AUTOSCALING_POLICY_BINDING, root("A policy at work.", binding, empty)),
    ]


def _infer_spec() -> dict[str, Any]:
    role = object_(
        "A role of each group.",
        ("name", "entryTemplate", "workerReplicas"),
        name=string("Its name.", maxLength=12),
        replicas=integer("Instances per group.", default=1),
        entryTemplate=described(OPEN, "Entry pod."),
        workerReplicas=integer("Further pods per instance."),
        workerTemplate=described(OPEN, "Further pods."),
    )
    return object_(
        "What runs.",
        ("schedulerName", "template"),
        replicas=integer("Number of groups.", default=1),
        schedulerName=string("Scheduler."),
        recoveryPolicy=string("What is rebuilt after a failure.", default="RoleRecreate"),
        rolloutStrategy=described(OPEN, "How groups are replaced."),
        topologySpreadConstraints=list_("How pods spread.", OPEN),
        template=object_(
            "One group.",
            ("roles",),
            restartGracePeriodSeconds={
                "description": "Wait before a failed group is rebuilt.",
                "type": "integer",
                "format": "int64",
                "default": 0,
            },
            gangSchedule=described(OPEN, "Gang scheduling."),
            roles=list_("The roles.", role, minItems=1, maxItems=4, **{"x-kubernetes-list-type": "atomic"}),
        ),
    )


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
