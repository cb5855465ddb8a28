"""The CustomResourceDefinitions: the Model's, made from its types, and small ones of the child kinds for demo, tests and trials."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from controller.api.kinds import (
    AUTOSCALING_POLICY,
    AUTOSCALING_POLICY_BINDING,
    MODEL,
    MODEL_INFER,
    MODEL_ROUTE,
    MODEL_SERVER,
)
from controller.api.model import Backend, LoraAdapter, ModelSpec, Worker
from controller.meta import Resource

_OPEN = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_QUANTITY = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]}
_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}
_COUNT = {"type": "integer", "format": "int32", "minimum": 0}


def described(schema: Mapping[str, Any], description: str) -> dict[str, Any]:
    """The schema with a description."""
    return {**schema, "description": description}


def _object(description: str, required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": description, "type": "object", "properties": properties}
    if required:
        schema["required"] = list(required)
    return schema


def _string(description: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "type": "string", **more}


def _integer(description: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "type": "integer", "format": "int32", **more}


def _list(description: str, items: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"description": description, "type": "array", "items": dict(items), **more}


def _rule(rule: str, message: str) -> dict[str, str]:
    return {"rule": rule, "message": message}


def _duration_rule(field: str, limit: str) -> dict[str, str]:
    pattern = (
        "^-?([0-9]{1,4}([.][0-9]+)?h)?([0-9]{1,5}([.][0-9]+)?m)?([0-9]{1,7}([.][0-9]+)?s)?"
        "([0-9]{1,10}([.][0-9]+)?ms)?([0-9]{1,13}us)?([0-9]{1,16}ns)?$"
    )
    rule = (
        f"!has(self.{field}) || (self.{field}.matches('{pattern}') && self.{field} != '' && self.{field} != '-' && "
        f"duration(self.{field}) >= duration('0s') && duration(self.{field}) <= duration('{limit}'))"
    )
    return _rule(rule, f"{field} must be a duration between 0s and {limit}")


def _scaling(description: str) -> dict[str, Any]:
    return {
        **_object(
            description,
            instances=_integer("Most instances added or removed in one period.", minimum=0, default=1),
            percent=_integer("Largest change in one period, in percent.", minimum=0, maximum=1000, default=100),
            period=_string("Length of a period, such as 15s.", default="15s", maxLength=32),
            selectPolicy=_string(
                "Or: either limit suffices. And: both must allow it.", enum=["Or", "And"], default="Or"
            ),
            stabilizationWindow=_string("Time a recommendation must last, such as 5m.", maxLength=32),
        ),
        "x-kubernetes-validations": [_duration_rule("period", "30m"), _duration_rule("stabilizationWindow", "30m")],
    }


def policy_schema(description: str) -> dict[str, Any]:
    """The spec of an AutoscalingPolicy."""
    panic = {
        **_object(
            "How to scale up in a hurry.",
            ("period",),
            period=_string("Length of a period, such as 10s.", maxLength=32),
            percent=_integer("Largest growth in one period, in percent.", minimum=0, maximum=1000, default=1000),
            panicThresholdPercent=_integer(
                "Load, in percent of the target, at which panic begins.", minimum=110, maximum=1000, default=200
            ),
            panicModeHold=_string("Time panic lasts at least.", default="60s", maxLength=32),
        ),
        "x-kubernetes-validations": [_duration_rule("period", "30m"), _duration_rule("panicModeHold", "30m")],
    }
    metric = {
        **_object(
            "One metric and its target.",
            ("metricName", "targetValue"),
            metricName=_string("Metric family as the pods expose it.", maxLength=256),
            targetValue={**_QUANTITY, "description": "Target per instance, above 0.", "maxLength": 32},
        ),
        "x-kubernetes-validations": [
            _rule(
                "type(self.targetValue) == int ? self.targetValue > 0 : "
                "(isQuantity(self.targetValue) && quantity(self.targetValue).isGreaterThan(quantity('0')))",
                "targetValue must be a quantity above 0",
            )
        ],
    }
    unique = _rule(
        "self.all(a, self.exists_one(o, o.metricName == a.metricName))", "metricName must be unique in the policy"
    )
    return _object(
        description,
        ("metrics",),
        tolerancePercent=_integer(
            "No action while the deviation is below this share, in percent.", minimum=0, maximum=100, default=10
        ),
        metrics=_list("What is measured.", metric, minItems=1, maxItems=16, **{"x-kubernetes-validations": [unique]}),
        behavior=_object(
            "How fast to scale.",
            scaleUp=_object(
                "Scaling up.", stablePolicy=_scaling("How to scale up in steady times."), panicPolicy=panic
            ),
            scaleDown=_scaling("How to scale down."),
        ),
    )


_ENV = {
    **_object(
        "An environment variable.",
        ("name",),
        name=_string("Name of the variable."),
        value=_string("Its literal value; $(NAME) refers to earlier variables."),
        valueFrom=described(_OPEN, "Source of the value: fieldRef, resourceFieldRef, configMapKeyRef or secretKeyRef."),
    )
}
_RESOURCES = _object(
    "Compute resources of the engine container.",
    limits={"description": "Most that may be used.", "type": "object", "additionalProperties": dict(_QUANTITY)},
    requests={"description": "Least that must be there.", "type": "object", "additionalProperties": dict(_QUANTITY)},
    claims=_list(
        "Resource claims of the pod.",
        _object(
            "A claim.", ("name",), name=_string("Name of the claim."), request=_string("Request within the claim.")
        ),
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    ),
)
_TOLERATION = _object(
    "A taint that is tolerated.",
    key=_string("Key of the taint; empty tolerates all keys."),
    operator=_string("Exists or Equal."),
    value=_string("Value of the taint."),
    effect=_string("Effect of the taint; empty tolerates all."),
    tolerationSeconds={"description": "Seconds a NoExecute taint is tolerated.", "type": "integer", "format": "int64"},
)
_STRING_MATCH = _object(
    "How a string must look; the first one set decides.",
    exact=_string("Equal to this."),
    prefix=_string("Beginning with this."),
    regex=_string("Matching this expression."),
)
MODEL_MATCH = _object(
    "Conditions that a request must meet.",
    headers={"description": "Headers that must all match.", "type": "object", "additionalProperties": _STRING_MATCH},
    uri=described(_STRING_MATCH, "The request's path."),
    body=_object("The request's body.", model=_string("Equal to the model of the request.")),
)
_SPECIAL: dict[str, Any] = {
    "env": _list("", _ENV, **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}),
    "envFrom": _list("", _OPEN, **{"x-kubernetes-list-type": "atomic"}),
    "resources": _RESOURCES,
    "affinity": _OPEN,
    "tolerations": _list("", _TOLERATION, **{"x-kubernetes-list-type": "atomic"}),
    "nodeSelector": _STRINGS,
    "config": {"x-kubernetes-preserve-unknown-fields": True},
    "modelMatch": MODEL_MATCH,
}
_DEFAULTS = {("Backend", "routeWeight"): 100, ("Worker", "type"): "server"}
_ENUMS = {
    ("Backend", "type"): ["vLLM", "vLLMDisaggregated", "SGLang", "MindIE", "MindIEDisaggregated"],
    ("Worker", "type"): ["server", "prefill", "decode", "controller", "coordinator"],
}
_REQUIRED = {
    "ModelSpec": ["backends"],
    "Backend": ["name", "type", "modelURI", "minReplicas", "maxReplicas", "workers"],
    "LoraAdapter": ["name", "artifactURL"],
    "Worker": [],
}
_ITEMS: dict[str, type[BaseModel]] = {"backends": Backend, "workers": Worker, "loraAdapters": LoraAdapter}
_CEL: dict[str, list[dict[str, str]]] = {
    "ModelSpec": [
        _rule(
            "self.backends.map(b, b.maxReplicas).sum() <= 1000000",
            "maxReplicas of all backends may add up to at most 1000000",
        ),
        _rule(
            "!(has(self.autoscalingPolicy) && self.backends.exists(b, has(b.autoscalingPolicy)))",
            "choose one level of autoscaling: of the model or of single backends",
        ),
        _rule(
            "has(self.autoscalingPolicy) || self.backends.all(b, !has(b.scalingCost) || b.scalingCost == 0)",
            "scalingCost has a meaning only with autoscaling at model level",
        ),
        _rule(
            "has(self.autoscalingPolicy) || self.backends.all(b, !has(b.scaleToZeroGracePeriod))",
            "scaleToZeroGracePeriod has a meaning only with autoscaling at model level",
        ),
        _rule(
            "has(self.autoscalingPolicy) || !has(self.costExpansionRatePercent)",
            "costExpansionRatePercent has a meaning only with autoscaling at model level",
        ),
        _rule(
            "has(self.autoscalingPolicy) || self.backends.exists(b, has(b.autoscalingPolicy)) || "
            "self.backends.all(b, b.minReplicas == b.maxReplicas)",
            "without autoscaling, minReplicas and maxReplicas must be equal",
        ),
        _rule(
            "!has(self.autoscalingPolicy) || self.backends.map(b, b.minReplicas).sum() >= 1",
            "with autoscaling at model level, minReplicas must add up to at least 1",
        ),
        _rule(
            "!has(self.autoscalingPolicy) || self.backends.all(b, has(b.scalingCost) && b.scalingCost > 0)",
            "with autoscaling at model level, every backend needs a scalingCost above 0",
        ),
        _rule(
            "self.backends.map(b, has(b.routeWeight) ? b.routeWeight : 100).sum() > 0",
            "the route weights must not all be 0",
        ),
        _rule(
            "!has(self.name) || self.backends.all(b, !has(b.loraAdapters) || b.loraAdapters.all(a, a.name != self.name))",
            "an adapter must not be named like the model",
        ),
    ],
    "Backend": [
        _rule(
            "!(self.type in ['vLLM','SGLang','MindIE']) || (size(self.workers) == 1 && self.workers[0].type == 'server')",
            "a backend of this type has exactly one worker, of type server",
        ),
        _rule(
            "self.type != 'MindIEDisaggregated' || self.workers.all(w, w.type in ['prefill','decode','controller','coordinator'])",
            "workers of MindIEDisaggregated are prefill, decode, controller or coordinator",
        ),
        _rule("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas"),
        _duration_rule("scaleToZeroGracePeriod", "1800s"),
        _rule(
            "!has(self.autoscalingPolicy) || self.minReplicas >= 1",
            "with autoscaling of the backend, minReplicas must be at least 1",
        ),
        _rule(
            "!has(self.loraAdapters) || self.loraAdapters.all(a, self.loraAdapters.exists_one(o, o.name == a.name))",
            "adapter names must be unique in the backend",
        ),
        _rule(
            "self.type != 'vLLMDisaggregated' || (size(self.workers) == 2 && self.workers.exists_one(w, w.type == 'prefill') && "
            "self.workers.exists_one(w, w.type == 'decode'))",
            "a vLLMDisaggregated backend has exactly one prefill and one decode worker",
        ),
        _rule(
            "!self.modelURI.startsWith('pvc://') || (self.modelURI.matches('^pvc://+[a-z0-9]([-a-z0-9.]*[a-z0-9])?/+[^/]') && "
            "self.modelURI.split('/').all(s, s != '..'))",
            "a pvc:// modelURI names a claim and a path in it, without .. segments",
        ),
        _rule(
            "!has(self.cacheURI) || !self.cacheURI.startsWith('pvc://') || "
            "self.cacheURI.matches('^pvc:///?[a-z0-9]([-a-z0-9.]*[a-z0-9])?/?$')",
            "a pvc:// cacheURI names one claim and nothing else",
        ),
        _rule(
            "!has(self.cacheURI) || !self.cacheURI.startsWith('hostpath://') || (self.cacheURI.matches('^hostpath://+[^/]') && "
            "self.cacheURI.split('/').all(s, s != '..'))",
            "a hostpath:// cacheURI has a path without .. segments",
        ),
        _rule(
            "self.type != 'vLLMDisaggregated' || self.workers.all(w, !has(w.pods) || w.pods <= 1)",
            "workers of disaggregated backends have one pod",
        ),
    ],
    "Worker": [
        _rule("has(self.image) && self.image.matches('^[!-~]+$')", "image must be printable ASCII without white space")
    ],
    "LoraAdapter": [
        _rule(
            "!self.artifactURL.startsWith('pvc://') || (self.artifactURL.matches('^pvc://+[a-z0-9]([-a-z0-9.]*[a-z0-9])?/+[^/]') && "
            "self.artifactURL.split('/').all(s, s != '..'))",
            "a pvc:// artifactURL names a claim and a path in it, without .. segments",
        )
    ],
}


def type_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The structural schema of one of the Model's types."""
    properties = {}
    for name, field in kind.model_fields.items():
        properties[field.alias or name] = _field_schema(kind.__name__, field.alias or name, field)
    schema: dict[str, Any] = {
        "description": (kind.__doc__ or "").strip().splitlines()[0],
        "type": "object",
        "properties": properties,
    }
    if required := _REQUIRED[kind.__name__]:
        schema["required"] = required
    schema["x-kubernetes-validations"] = _CEL[kind.__name__]
    return schema


def _field_schema(kind: str, name: str, field: Any) -> dict[str, Any]:
    description = field.description
    bounds = _bounds(field.metadata)
    if name == "autoscalingPolicy":
        return policy_schema(description)
    if name in _SPECIAL:
        return {**_SPECIAL[name], "description": description}
    if name in _ITEMS:
        schema = {"description": description, "type": "array", "items": type_schema(_ITEMS[name])}
        if name == "backends":
            schema |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
        renamed = {"minLength": "minItems", "maxLength": "maxItems"}
        return schema | {renamed.get(key, key): value for key, value in bounds.items()}
    schema = {"description": description, "type": "string" if _is_text(field.annotation) else "integer"}
    if schema["type"] == "integer":
        schema["format"] = "int32"
    if (kind, name) in _ENUMS:
        schema["enum"] = _ENUMS[kind, name]
    if (kind, name) in _DEFAULTS:
        schema["default"] = _DEFAULTS[kind, name]
    return schema | bounds


def _is_text(annotation: Any) -> bool:
    return annotation is str or any(_is_text(part) for part in get_args(annotation))


def _bounds(metadata: list[Any]) -> dict[str, Any]:
    names = {
        "ge": "minimum",
        "le": "maximum",
        "min_length": "minLength",
        "max_length": "maxLength",
        "pattern": "pattern",
    }
    return {
        target: value
        for item in metadata
        for source, target in names.items()
        if (value := getattr(item, source, None)) is not None
    }


_CONDITION = _object(
    "An aspect of the current state.",
    ("type", "status", "reason", "message", "lastTransitionTime"),
    type=_string("Type of the condition.", maxLength=316),
    status=_string("True, False or Unknown.", enum=["True", "False", "Unknown"]),
    reason=_string(
        "Machine-readable reason.", minLength=1, maxLength=1024, pattern="^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
    ),
    message=_string("What people should know.", maxLength=32768),
    lastTransitionTime=_string("When the status changed last.", format="date-time"),
    observedGeneration={
        "description": "The generation this is about.",
        "type": "integer",
        "format": "int64",
        "minimum": 0,
    },
)
_MODEL_STATUS = _object(
    "What the controller observed.",
    conditions=_list(
        "Initialized, Active and Failed.",
        _CONDITION,
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
    backendStatuses=_list(
        "One entry per backend, in their order.",
        _object(
            "The state of a backend.",
            ("name", "replicas"),
            name=_string("Name of the backend."),
            replicas=_integer("Replicas that exist."),
        ),
        **{"x-kubernetes-list-type": "atomic"},
    ),
    observedGeneration={"description": "The generation last reconciled.", "type": "integer", "format": "int64"},
)


def _crd(resource: Resource, schema: dict[str, Any], **names: Any) -> dict[str, Any]:
    columns = names.pop("columns", None)
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {"status": {}},
    }
    if columns:
        version["additionalPrinterColumns"] = columns
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": resource.key},
        "spec": {
            "group": resource.group,
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                **names,
            },
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def _root(description: str, spec: dict[str, Any], status: dict[str, Any], *required: str) -> dict[str, Any]:
    return _object(
        description,
        required,
        apiVersion=_string("Version of the schema of this object."),
        kind=_string("Kind of this object."),
        metadata={"type": "object"},
        spec=spec,
        status=status,
    )


def _condition_path(type_: str, field: str = "status") -> str:
    return f".status.conditions[?(@.type=='{type_}')].{field}"


def model_crd() -> dict[str, Any]:
    """The CRD of Model."""
    schema = _root("One model and everything that serves it.", type_schema(ModelSpec), _MODEL_STATUS)
    schema["x-kubernetes-validations"] = [
        {
            "rule": "oldSelf.hasValue() || self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "message": "metadata.name must start with a letter and hold only lower-case letters, digits and dashes",
            "optionalOldSelf": True,
        }
    ]
    columns = [
        {"name": "Active", "type": "string", "jsonPath": _condition_path("Active")},
        {"name": "Failed", "type": "string", "jsonPath": _condition_path("Failed")},
        {"name": "Reason", "type": "string", "jsonPath": _condition_path("Active", "reason"), "priority": 1},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    return _crd(MODEL, schema, shortNames=["mdl"], categories=["serving"], columns=columns)


def child_crds() -> list[dict[str, Any]]:
    """Small CRDs of the five child kinds: typed for what is rendered, pod templates open. Never install them over others."""
    empty = described(_OPEN, "Nobody writes it.")
    target = _object(
        "A workload.",
        ("targetRef",),
        targetRef=described(_OPEN, "The workload's kind and name."),
        additionalMatchLabels=described(_STRINGS, "Labels that narrow the pods."),
        metricEndpoint=_object(
            "Where pods are scraped.", uri=_string("Path.", default="/metrics"), port=_integer("Port.", default=8100)
        ),
    )
    bounds: dict[str, Any] = {
        "minReplicas": _integer("Lower bound.", minimum=0),
        "maxReplicas": _integer("Upper bound.", minimum=1),
    }
    binding = _object(
        "Which policy scales what.",
        ("policyRef",),
        policyRef=_object("The policy.", name=_string("Its name.", default="")),
        scalingConfiguration=_object("One workload.", ("minReplicas", "maxReplicas"), target=target, **bounds),
        optimizerConfiguration=_object(
            "Several workloads by cost.",
            costExpansionRatePercent=_integer("Growth of the cost per step.", minimum=0, default=200),
            params=_list(
                "The workloads.",
                _object("One of them.", target=target, cost=_integer("Its cost.", minimum=0), **bounds),
                minItems=1,
            ),
        ),
    )
    return [
        _crd(
            MODEL_INFER,
            _root("Groups of pods that serve one backend.", _infer_spec(), described(_OPEN, "State of the groups.")),
        ),
        _crd(MODEL_SERVER, _root("Pods that answer requests.", _server_spec(), empty)),
        _crd(MODEL_ROUTE, _root("Which requests go where.", _route_spec(), empty, "spec")),
        _crd(AUTOSCALING_POLICY, _root("When to scale.", policy_schema("The policy."), empty)),
        _crd(AUTOSCALING_POLICY_BINDING, _root("A policy at work.", binding, empty)),
    ]


def _infer_spec() -> dict[str, Any]:
    role = _object(
        "A role of each group.",
        ("name", "entryTemplate", "workerReplicas"),
        name=_string("Its name.", maxLength=12),
        replicas=_integer("Instances per group.", default=1),
        entryTemplate=described(_OPEN, "Entry pod."),
        workerReplicas=_integer("Further pods per instance."),
        workerTemplate=described(_OPEN, "Further pods."),
    )
    return _object(
        "What runs.",
        ("schedulerName", "template"),
        replicas=_integer("Number of groups.", default=1),
        schedulerName=_string("Scheduler."),
        recoveryPolicy=_string("What is rebuilt after a failure.", default="RoleRecreate"),
        rolloutStrategy=described(_OPEN, "How groups are replaced."),
        topologySpreadConstraints=_list("How pods spread.", _OPEN),
        template=_object(
            "One group.",
            ("roles",),
            restartGracePeriodSeconds={
                "description": "Wait before a failed group is rebuilt.",
                "type": "integer",
                "format": "int64",
                "default": 0,
            },
            gangSchedule=described(_OPEN, "Gang scheduling."),
            roles=_list("The roles.", role, minItems=1, maxItems=4, **{"x-kubernetes-list-type": "atomic"}),
        ),
    )


def _server_spec() -> dict[str, Any]:
    return _object(
        "Which pods, and how to talk to them.",
        ("inferenceEngine", "workloadSelector"),
        model=_string("Name the engine serves.", maxLength=256),
        inferenceEngine=_string("Engine.", enum=["vLLM", "SGLang"]),
        workloadSelector=described(_OPEN, "Which pods."),
        workloadPort=_object(
            "Port.",
            ("port",),
            port=_integer("Number.", minimum=1, maximum=65535),
            protocol=_string("Protocol.", default="http"),
        ),
        trafficPolicy=_object(
            "How requests are sent.",
            timeout=_string("Time-out."),
            retry=_object(
                "Retries.", attempts=_integer("Most retries."), retryInterval=_string("Pause between.", default="100ms")
            ),
        ),
        kvConnector=_object(
            "Connector of prefill and decode.",
            type=_string("Its type.", default="http", enum=["http", "lmcache", "nixl", "mooncake"]),
        ),
    )


def _route_spec() -> dict[str, Any]:
    destination = _object(
        "A destination.",
        ("modelServerName",),
        modelServerName=_string("Name of the ModelServer."),
        weight=_integer("Relative share.", minimum=0, maximum=100, default=100),
    )
    rule = _object(
        "A rule.",
        ("targetModels",),
        name=_string("Its name."),
        modelMatch=MODEL_MATCH,
        targetModels=_list("Destinations.", destination, maxItems=16),
    )
    name = _string("Model this route answers; it cannot be changed.")
    name["x-kubernetes-validations"] = [_rule("self == oldSelf", "modelName is immutable")]
    return _object(
        "Which requests go where.",
        ("rules",),
        modelName=name,
        loraAdapters=_list("Adapters this route answers.", {"type": "string"}, maxItems=10),
        rules=_list("First match wins.", rule, maxItems=16, **{"x-kubernetes-list-type": "atomic"}),
        rateLimit=described(_OPEN, "Rate limit; never set by the Model controller."),
    )
