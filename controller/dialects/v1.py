"""Kthena as released today (upstream's commit 3cc05728, after v1.0.0): ModelServing, and policies that name what they scale.

``gangPolicy`` is never written: the API server does not let its minimum change, so a worker's replicas could never change either.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.crds.policy import policy_schema
from controller.api.crds.rules import rule
from controller.api.crds.schemas import OPEN, described, integer, list_, object_, root, string, unbounded
from controller.api.kinds import MODEL_ROUTE, MODEL_SERVER
from controller.dialects.crds import grace_schema, role_schema
from controller.dialects.dialect import (
    Autoscaling,
    ChildKeys,
    Dialect,
    Images,
    PodKeys,
    Recovery,
    ScalingObjects,
    ScalingTarget,
    Spec,
    Workload,
    at,
    present,
)
from controller.dialects.kinds import ChildKey, ChildKind, Fields, Role, Scaled
from controller.dialects.routes import route_kind, server_kind
from controller.meta import Object, Resource

_GROUP = "workload.serving.volcano.sh"
_KEYS = ChildKeys.under(_GROUP)
_QUEUE = "scheduling.volcano.sh/queue-name"
"""Of a ModelServing: the queue of Volcano's scheduler that its pods wait in (upstream's podgroupmanager)."""
_PODS = PodKeys.under("modelserving.volcano.sh")
_MODEL_SERVING = Resource(_GROUP, "v1alpha1", "modelservings", "ModelServing")
_AUTOSCALING_POLICY = Resource(_GROUP, "v1alpha1", "autoscalingpolicies", "AutoscalingPolicy")


_RECOVERY = {
    Recovery.GROUP: "ServingGroupRecreate",
    Recovery.ROLE: "RoleRecreate",
    Recovery.NONE: "None",
}


def _serving(workload: Workload) -> Spec:
    """Groups are never spread over nodes, for which this API has no word, and pods of a group always start together."""
    rolling = present(maxUnavailable=workload.max_unavailable, partition=workload.partition)
    template: Spec = {
        "restartGracePeriodSeconds": workload.grace_seconds,
        "roles": list(workload.roles),
    }
    if workload.topology is not None:
        template["networkTopology"] = {"groupPolicy": workload.topology}
    return {
        "replicas": workload.replicas,
        "schedulerName": workload.scheduler_name,
        "recoveryPolicy": _RECOVERY[workload.recovery],
        "rolloutStrategy": {
            "type": "ServingGroupRollingUpdate",
            **({"rollingUpdateConfiguration": {"maxUnavailable": 1, **rolling}} if rolling else {}),
        },
        "template": template,
    }


def _read_serving(serving: Object) -> Workload:
    spec = meta.spec_of(serving)
    rolling = at(spec, "rolloutStrategy", "rollingUpdateConfiguration")
    gang = at(spec, "template", "gangPolicy")
    return Workload(
        name=meta.name_of(serving),
        replicas=spec.get("replicas", 1),
        scheduler_name=str(spec.get("schedulerName", "volcano")),
        roles=tuple(_read_role(role) for role in at(spec, "template", "roles") or ()),
        recovery=_RECOVERIES.get(str(spec.get("recoveryPolicy")), Recovery.ROLE),
        max_unavailable=at(rolling, "maxUnavailable"),
        partition=at(rolling, "partition"),
        gang=None if gang is None else at(gang, "minRoleReplicas") or {},
        topology=at(spec, "template", "networkTopology", "groupPolicy"),
        grace_seconds=at(spec, "template", "restartGracePeriodSeconds") or 0,
    )


_RECOVERIES = {word: recovery for recovery, word in _RECOVERY.items()}


_ROLLING = frozenset({"maxUnavailable", "partition"})
"""Fields of a role that count when roles roll one by one, which they never do here. Some releases refuse them, and others add a default."""
_ROLE_SETTINGS = _ROLLING | {"replicas"}


def _read_role(role: Spec) -> Spec:
    return {key: value for key, value in role.items() if key not in _ROLLING}


def _policy(scaling: Autoscaling) -> Spec:
    """A metric without a name measures nothing; the Model may have one, and this API refuses it."""
    policy = dict(scaling.policy)
    given = [each for each in policy.pop("metrics") if each["metricName"]]
    metrics = [{"name": each["metricName"], "targetValue": each["targetValue"]} for each in given]
    names = [str(metric["name"]) for metric in metrics]
    spec: Spec = {**policy, "metrics": metrics}
    if scaling.expansion_rate is not None:
        params = [{**_bounded(each, names), "cost": each.cost} for each in scaling.targets]
        spec["heterogeneousTarget"] = {"costExpansionRatePercent": scaling.expansion_rate, "params": params}
        return spec
    (only,) = scaling.targets
    if only.roles:
        sources = _sources(only, names, {})
        spec["disaggregatedTarget"] = {
            "targetRef": _reference(only),
            "roles": {
                role: {"minReplicas": low, "maxReplicas": high, "metricSources": sources}
                for role, (low, high) in only.roles.items()
            },
        }
    else:
        spec["homogeneousTarget"] = _bounded(only, names)
    return spec


def _bounded(target: ScalingTarget, metrics: list[str]) -> Spec:
    return {
        "target": {
            "targetRef": _reference(target),
            "metricSources": _sources(target, metrics, {_PODS.role: target.role}),
        },
        "minReplicas": target.minimum,
        "maxReplicas": target.maximum,
    }


def _reference(target: ScalingTarget) -> Spec:
    return {"kind": _MODEL_SERVING.kind, "name": target.workload}


def _sources(target: ScalingTarget, metrics: list[str], labels: Mapping[str, str]) -> Spec:
    """A source for every metric: one without is never collected. The autoscaler itself leaves out pods that are not entry pods."""
    where: dict[str, Any] = {"uri": "/metrics", "port": target.port}
    if labels:
        where["labelSelector"] = {"matchLabels": dict(labels)}
    return {metric: {"pod": {"name": metric, **where}} for metric in metrics}


def _read_scaling(objects: Sequence[Object]) -> Iterator[ScalingObjects]:
    """Every policy that scales something."""
    for policy in objects:
        spec = dict(meta.spec_of(policy))
        several, one = spec.pop("heterogeneousTarget", None), spec.pop("homogeneousTarget", None)
        roles = spec.pop("disaggregatedTarget", None)
        if not (several or one or roles):
            continue
        metrics = [_read_metric(metric) for metric in spec.get("metrics") or ()]
        rate = at(several, "costExpansionRatePercent")
        autoscaling = Autoscaling(
            name=meta.name_of(policy),
            backend=str(meta.labels_of(policy).get(_KEYS.backend_name, "")),
            policy={**spec, "metrics": metrics},
            targets=tuple(_read_target(entry) for entry in (at(several, "params") or [one or roles])),
            expansion_rate=None if several is None else 200 if rate is None else rate,
        )
        yield ScalingObjects(autoscaling, (policy,))


def _read_metric(metric: Any) -> Spec:
    return {"metricName": at(metric, "name"), "targetValue": at(metric, "targetValue")}


def _read_target(entry: Any) -> ScalingTarget:
    target = at(entry, "target") or entry
    roles = at(entry, "roles") or {}
    pods = [*_read_sources(target), *(pod for role in roles.values() for pod in _read_sources(role))]
    return ScalingTarget(
        workload=str(at(target, "targetRef", "name")),
        minimum=at(entry, "minReplicas") or 0,
        maximum=at(entry, "maxReplicas") or 1,
        cost=at(entry, "cost") or 0,
        role=next((role for pod in pods if (role := at(pod, "labelSelector", "matchLabels", _PODS.role))), "leader"),
        port=next((port for pod in pods if (port := at(pod, "port"))), 8100),
        roles={name: (at(role, "minReplicas") or 0, at(role, "maxReplicas") or 1) for name, role in roles.items()},
    )


def _read_sources(target: Any) -> list[Any]:
    sources = at(target, "metricSources")
    return [at(source, "pod") for source in sources.values()] if isinstance(sources, Mapping) else []


def _schemas() -> dict[Resource, Spec]:
    return {
        _MODEL_SERVING: root(
            "Groups of pods that serve one backend.", _serving_schema(), described(OPEN, "State of the groups.")
        ),
        _AUTOSCALING_POLICY: root("When to scale what.", _policy_schema(), described(OPEN, "State of the scaling.")),
    }


def _serving_schema() -> Spec:
    minimum = described(
        {"type": "object", "additionalProperties": {"type": "integer"}}, "Minimum number of instances of each role."
    )
    minimum["x-kubernetes-validations"] = [rule("self == oldSelf", "minRoleReplicas is immutable")]
    template = object_(
        "One group.",
        ("roles",),
        restartGracePeriodSeconds=grace_schema(),
        gangPolicy=object_("Gang scheduling.", minRoleReplicas=minimum),
        networkTopology=described(OPEN, "How close the pods of a group are."),
        roles=list_(
            "The roles.",
            role_schema(maxUnavailable={"x-kubernetes-int-or-string": True, "default": 1}),
            minItems=1,
            maxItems=4,
            **{"x-kubernetes-list-type": "atomic"},
        ),
    )
    template["x-kubernetes-validations"] = [
        rule("!has(oldSelf.gangPolicy) || has(self.gangPolicy)", "gangPolicy is required once set")
    ]
    return object_(
        "What runs.",
        ("template",),
        replicas=integer("Number of groups.", default=1),
        schedulerName=string("Scheduler of the pods.", default="volcano"),
        plugins=list_("Plugins.", OPEN),
        recoveryPolicy=string("What is rebuilt after a failure.", default="RoleRecreate"),
        rolloutStrategy=described(OPEN, "How groups are replaced."),
        template=template,
    )


def _policy_schema() -> Spec:
    bounds: Spec = {
        "minReplicas": integer("Lower bound.", minimum=0),
        "maxReplicas": integer("Upper bound.", minimum=1),
    }
    target = object_(
        "A workload.",
        ("targetRef",),
        targetRef=described(OPEN, "The workload's kind and name."),
        metricSources=described(OPEN, "Where each metric comes from."),
    )
    schema: Spec = unbounded(policy_schema("The policy."))
    del schema["required"]
    (metrics,) = (schema["properties"][name] for name in ("metrics",))
    named = metrics["items"]["properties"]
    metrics["items"]["properties"] = {"name": named["metricName"], "targetValue": named["targetValue"]}
    metrics["items"]["required"] = ["name", "targetValue"]
    del metrics["minItems"]
    required = ("minReplicas", "maxReplicas")
    schema["properties"] |= {
        "homogeneousTarget": object_("One workload.", required, target=target, **bounds),
        "heterogeneousTarget": object_(
            "Several workloads by cost.",
            costExpansionRatePercent=integer("Growth of the cost per step.", minimum=0, default=200),
            params=list_(
                "The workloads.",
                object_("One of them.", required, target=target, cost=integer("Its cost.", minimum=0), **bounds),
                minItems=1,
            ),
        ),
        "disaggregatedTarget": object_(
            "The roles of one workload.",
            ("targetRef", "roles"),
            targetRef=described(OPEN, "The workload's kind and name."),
            roles={
                "description": "Bounds of each role.",
                "type": "object",
                "additionalProperties": object_(
                    "One role.",
                    required,
                    **bounds,
                    metrics=described(metrics, "Targets of this role."),
                    metricSources=described(OPEN, "Where each metric comes from."),
                ),
            },
        ),
    }
    return schema


def _scaled(policy: Object) -> Iterator[Scaled]:
    spec = meta.spec_of(policy)
    params = at(spec, "heterogeneousTarget", "params")
    for entry in (*(params if isinstance(params, list) else ()), spec.get("homogeneousTarget")):
        yield from (Scaled(name) for name in _names(at(entry, "target", "targetRef")))
    roles = spec.get("disaggregatedTarget")
    for name in _names(at(roles, "targetRef")):
        yield from (Scaled(name, role) for role in at(roles, "roles") or ())


def _names(reference: Any) -> Iterator[str]:
    """The workload that a reference names; the kind may be left out."""
    if isinstance(reference, Mapping) and reference.get("kind") in (None, "", _MODEL_SERVING.kind):
        yield str(reference.get("name"))


def _targets(policy: Object) -> Iterator[ChildKey]:
    return (ChildKey(_MODEL_SERVING.kind, each.workload) for each in _scaled(policy))


def _server_of(serving: Object) -> tuple[ChildKey, ...]:
    return (ChildKey(MODEL_SERVER.kind, meta.name_of(serving)),)


def _without_gang_minimum(serving: Object) -> Spec | None:
    """The API server lets a minimum of gang scheduling only go, not change; without one every role counts as it is."""
    if at(serving, "spec", "template", "gangPolicy", "minRoleReplicas") is None:
        return None
    return {"spec": {"template": {"gangPolicy": {"minRoleReplicas": None}}}}


_SERVING = ChildKind(
    Role.WORKLOAD,
    _MODEL_SERVING,
    Fields(
        (
            ("schedulerName",),
            ("recoveryPolicy",),
            ("rolloutStrategy", "type"),
            ("template", "restartGracePeriodSeconds"),
            ("template", "roles"),
            ("replicas",),
        ),
        if_desired=(("rolloutStrategy", "rollingUpdateConfiguration"), ("template", "networkTopology")),
    ),
    template=("template", "roles"),
    replicas=("replicas",),
    settings=_ROLE_SETTINGS,
    passed_on=(_QUEUE,),
    needs=_server_of,
    heal=_without_gang_minimum,
)

V1 = Dialect(
    name="v1",
    kinds=(
        server_kind(MODEL_SERVER),
        _SERVING,
        ChildKind(Role.SCALER, _AUTOSCALING_POLICY, needs=_targets, scales=_scaled),
        route_kind(MODEL_ROUTE, MODEL_SERVER, _MODEL_SERVING),
    ),
    manager=_GROUP,
    keys=_KEYS,
    pod_keys=_PODS,
    workload_spec=_serving,
    scaling={_AUTOSCALING_POLICY: _policy},
    read_workload=_read_serving,
    read_scaling=_read_scaling,
    schemas=_schemas,
    images=Images("ghcr.io/volcano-sh/downloader:latest", "ghcr.io/volcano-sh/runtime:latest"),
    image_keys=Images("model_serving_downloader_image", "model_serving_runtime_image"),
    scales_roles=True,
    server_labels={_PODS.entry: "true"},
    scale={
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.labelSelector",
    },
)
