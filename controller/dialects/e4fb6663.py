"""Kthena as of September 2025, upstream's commit e4fb6663: ModelInfer, and policies with bindings."""

from collections.abc import Iterator, Sequence
from typing import Any

from controller import meta
from controller.api.crds.policy import policy_schema
from controller.api.crds.schemas import OPEN, STRINGS, described, integer, list_, object_, root, string, unbounded
from controller.api.kinds import AUTOSCALING_POLICY, AUTOSCALING_POLICY_BINDING, MODEL_INFER, MODEL_ROUTE, MODEL_SERVER
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

_KEYS = ChildKeys.under("registry.volcano.sh")
_PODS = PodKeys.under("modelinfer.volcano.sh")


_RECOVERY = {
    Recovery.GROUP: "InferGroupRecreate",
    Recovery.ROLE: "RoleRecreate",
    Recovery.NONE: "None",
}


def _infer(workload: Workload) -> Spec:
    rolling = present(maxUnavailable=workload.max_unavailable, partition=workload.partition)
    template: Spec = {
        "restartGracePeriodSeconds": workload.grace_seconds,
        "roles": [_role(role) for role in workload.roles],
    }
    if workload.gang is not None or workload.topology is not None:
        template["gangSchedule"] = present(minRoleReplicas=workload.gang or None, networkTopology=workload.topology)
    spec: Spec = {
        "replicas": workload.replicas,
        "schedulerName": workload.scheduler_name,
        "recoveryPolicy": _RECOVERY[workload.recovery],
        "rolloutStrategy": {
            "type": "InferGroupRollingUpdate",
            **({"rollingUpdateConfiguration": rolling} if rolling else {}),
        },
        "template": template,
    }
    if workload.one_per_node:
        spec["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {"matchLabels": {_PODS.name: workload.name}},
            }
        ]
    return spec


_NO_WORKERS: Spec = {"spec": {"containers": []}}


def _role(role: Spec) -> Spec:
    """Roles of a pair have a template of workers though there are none: it makes the headless Service that ``ENTRY_ADDRESS`` names."""
    bare = role["name"] in ("prefill", "decode") and "workerTemplate" not in role
    return {**role, "workerTemplate": _NO_WORKERS} if bare else role


def _read_role(role: Spec) -> Spec:
    return {key: value for key, value in role.items() if (key, value) != ("workerTemplate", _NO_WORKERS)}


def _read_infer(infer: Object) -> Workload:
    spec = meta.spec_of(infer)
    rolling = at(spec, "rolloutStrategy", "rollingUpdateConfiguration")
    gang = at(spec, "template", "gangSchedule")
    return Workload(
        name=meta.name_of(infer),
        replicas=spec.get("replicas", 1),
        scheduler_name=str(spec.get("schedulerName", "volcano")),
        roles=tuple(_read_role(role) for role in at(spec, "template", "roles") or ()),
        one_per_node=bool(spec.get("topologySpreadConstraints")),
        recovery=_RECOVERIES.get(str(spec.get("recoveryPolicy")), Recovery.ROLE),
        max_unavailable=at(rolling, "maxUnavailable"),
        partition=at(rolling, "partition"),
        gang=None if gang is None else at(gang, "minRoleReplicas") or {},
        topology=at(gang, "networkTopology"),
        grace_seconds=at(spec, "template", "restartGracePeriodSeconds") or 0,
    )


_RECOVERIES = {word: recovery for recovery, word in _RECOVERY.items()}


def _policy(scaling: Autoscaling) -> Spec:
    return dict(scaling.policy)


def _binding(scaling: Autoscaling) -> Spec:
    spec: Spec = {"policyRef": {"name": scaling.name}}
    if scaling.expansion_rate is None:
        (only,) = scaling.targets
        return {**spec, "scalingConfiguration": {"target": _target(only), **_bounds(only)}}
    params = [{"target": _target(each), "cost": each.cost, **_bounds(each)} for each in scaling.targets]
    return {
        **spec,
        "optimizerConfiguration": {"costExpansionRatePercent": scaling.expansion_rate, "params": params},
    }


def _bounds(target: ScalingTarget) -> Spec:
    return {"minReplicas": target.minimum, "maxReplicas": target.maximum}


def _target(target: ScalingTarget) -> Spec:
    """The entry label keeps Ray workers, which have no sidecar, out of the scrape."""
    return {
        "targetRef": {"kind": MODEL_INFER.kind, "name": target.workload},
        "additionalMatchLabels": {_PODS.role: target.role, _PODS.entry: "true"},
        "metricEndpoint": {"uri": "/metrics", "port": target.port},
    }


def _read_scaling(objects: Sequence[Object]) -> Iterator[ScalingObjects]:
    """Every binding with its policy."""
    policies = {meta.name_of(obj): obj for obj in objects if obj.get("kind") == AUTOSCALING_POLICY.kind}
    for binding in objects:
        policy = policies.get(str(at(binding, "spec", "policyRef", "name")))
        if binding.get("kind") != AUTOSCALING_POLICY_BINDING.kind or policy is None:
            continue
        spec = meta.spec_of(binding)
        optimizer = spec.get("optimizerConfiguration")
        rate = at(optimizer, "costExpansionRatePercent")
        entries = at(optimizer, "params") or [spec.get("scalingConfiguration")]
        autoscaling = Autoscaling(
            name=meta.name_of(binding),
            backend=str(meta.labels_of(binding).get(_KEYS.backend_name, "")),
            policy=meta.spec_of(policy),
            targets=tuple(_read_target(entry) for entry in entries),
            expansion_rate=None if optimizer is None else 200 if rate is None else rate,
        )
        yield ScalingObjects(autoscaling, (policy, binding))


def _read_target(entry: Any) -> ScalingTarget:
    return ScalingTarget(
        workload=str(at(entry, "target", "targetRef", "name")),
        minimum=at(entry, "minReplicas") or 0,
        maximum=at(entry, "maxReplicas") or 1,
        cost=at(entry, "cost") or 0,
        role=at(entry, "target", "additionalMatchLabels", _PODS.role) or "leader",
        port=at(entry, "target", "metricEndpoint", "port") or 8100,
    )


def _schemas() -> dict[Resource, Spec]:
    empty = described(OPEN, "Nobody writes it.")
    state = described(OPEN, "State of the groups.")
    return {
        MODEL_INFER: root("Groups of pods that serve one backend.", _infer_schema(), state),
        AUTOSCALING_POLICY: root("When to scale.", unbounded(policy_schema("The policy.")), empty),
        AUTOSCALING_POLICY_BINDING: root("A policy at work.", _binding_schema(), empty),
    }


def _infer_schema() -> Spec:
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
            restartGracePeriodSeconds=grace_schema(),
            gangSchedule=described(OPEN, "Gang scheduling."),
            roles=list_("The roles.", role_schema(), minItems=1, maxItems=4, **{"x-kubernetes-list-type": "atomic"}),
        ),
    )


def _binding_schema() -> Spec:
    target = object_(
        "A workload.",
        ("targetRef",),
        targetRef=described(OPEN, "The workload's kind and name."),
        additionalMatchLabels=described(STRINGS, "Labels that narrow the pods."),
        metricEndpoint=object_(
            "Where pods are scraped.", uri=string("Path.", default="/metrics"), port=integer("Port.", default=8100)
        ),
    )
    bounds: Spec = {
        "minReplicas": integer("Lower bound.", minimum=0),
        "maxReplicas": integer("Upper bound.", minimum=1),
    }
    return object_(
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


def _scaled(binding: Object) -> Iterator[Scaled]:
    spec = meta.spec_of(binding)
    params = at(spec, "optimizerConfiguration", "params")
    for entry in (*(params if isinstance(params, list) else ()), spec.get("scalingConfiguration")):
        reference = at(entry, "target", "targetRef")
        if at(reference, "kind") == MODEL_INFER.kind:
            yield Scaled(str(at(reference, "name")))


def _server_of(infer: Object) -> tuple[ChildKey, ...]:
    """Its pods must find their server when they become ready."""
    return (ChildKey(MODEL_SERVER.kind, meta.name_of(infer)),)


def _policy_of(binding: Object) -> tuple[ChildKey, ...]:
    policy = meta.spec_of(binding).get("policyRef")
    return (ChildKey(AUTOSCALING_POLICY.kind, str(at(policy, "name"))),) if policy else ()


def _policy_and_targets(binding: Object) -> tuple[ChildKey, ...]:
    """The binding's webhook asks for its policy."""
    return (*_policy_of(binding), *(ChildKey(MODEL_INFER.kind, each.workload) for each in _scaled(binding)))


_INFER = ChildKind(
    Role.WORKLOAD,
    MODEL_INFER,
    Fields(
        (
            ("schedulerName",),
            ("recoveryPolicy",),
            ("topologySpreadConstraints",),
            ("rolloutStrategy", "type"),
            ("template", "restartGracePeriodSeconds"),
            ("template", "roles"),
            ("replicas",),
        ),
        if_desired=(("rolloutStrategy", "rollingUpdateConfiguration"), ("template", "gangSchedule")),
    ),
    template=("template", "roles"),
    replicas=("replicas",),
    needs=_server_of,
)

E4FB6663 = Dialect(
    name="e4fb6663",
    kinds=(
        server_kind(MODEL_SERVER),
        _INFER,
        ChildKind(Role.POLICY, AUTOSCALING_POLICY),
        ChildKind(Role.SCALER, AUTOSCALING_POLICY_BINDING, needs=_policy_and_targets, names=_policy_of, scales=_scaled),
        route_kind(MODEL_ROUTE, MODEL_SERVER, MODEL_INFER),
    ),
    scaled_role="leader",
    manager="registry.volcano.sh",
    keys=_KEYS,
    pod_keys=_PODS,
    workload_spec=_infer,
    scaling={AUTOSCALING_POLICY: _policy, AUTOSCALING_POLICY_BINDING: _binding},
    read_workload=_read_infer,
    read_scaling=_read_scaling,
    schemas=_schemas,
    images=Images("kthena/downloader:latest", "kthena/runtime:latest"),
    image_keys=Images("model_infer_downloader_image", "model_infer_runtime_image"),
    annotates_pods=False,
    nameless_metrics=True,
)
