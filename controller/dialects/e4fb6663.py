"""Kthena as of September 2025, upstream's commit e4fb6663: ModelInfer, and policies with bindings."""

from controller.api.kinds import AUTOSCALING_POLICY, AUTOSCALING_POLICY_BINDING, MODEL_INFER, MODEL_ROUTE, MODEL_SERVER
from controller.dialects.dialect import Autoscaling, ChildKeys, Dialect, PodKeys, ScalingTarget, Spec, Workload

_PODS = PodKeys.under("modelinfer.volcano.sh")


def _infer(workload: Workload) -> Spec:
    spec: Spec = {
        "replicas": workload.replicas,
        "schedulerName": workload.scheduler_name,
        "recoveryPolicy": "InferGroupRecreate",
        "rolloutStrategy": {"type": "InferGroupRollingUpdate"},
        "template": {"restartGracePeriodSeconds": 60, "roles": list(workload.roles)},
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


E4FB6663 = Dialect(
    name="e4fb6663",
    workload=MODEL_INFER,
    server=MODEL_SERVER,
    route=MODEL_ROUTE,
    manager="registry.volcano.sh",
    keys=ChildKeys.under("registry.volcano.sh"),
    pod_keys=_PODS,
    workload_spec=_infer,
    scaling={AUTOSCALING_POLICY: _policy, AUTOSCALING_POLICY_BINDING: _binding},
)
