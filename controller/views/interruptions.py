"""The steps of a plan that interrupt callers, in one sentence each. Pure.

The router answers one model name a route, a rollout takes away as many replicas at once as it may, and a server calls all its pods alike.
"""

from collections.abc import Iterator
from typing import Any

from controller import meta
from controller.dialects import Role, value_at
from controller.meta import Object
from controller.reconcilers.plan import Plan
from controller.reconcilers.planning.servers import calls_differently, is_selected
from controller.reconcilers.steps import Patch, Recreate


def interruption_lines(planned: Plan) -> list[str]:
    """One sentence for each step that interrupts requests, in the order of the plan; none where nothing serves yet."""
    return [*_renamed_routes(planned), *_replaced_at_once(planned), *_changed_calls(planned)]


def _renamed_routes(planned: Plan) -> Iterator[str]:
    for step in planned.steps.values():
        if isinstance(step, Recreate) and planned.request.role(step.key) is Role.ROUTE:
            before, after = _model_name(step.live), _model_name(step.desired)
            yield f"interruption: requests for the model {before!r} fail once {step.kind} {step.name} answers {after!r} instead"


def _replaced_at_once(planned: Plan) -> Iterator[str]:
    """Workloads whose rollout may take away every available replica before a new one is ready."""
    for step in planned.steps.values():
        if not isinstance(step, Patch) or not _has_new_pods(planned, step):
            continue
        count = _available(step.live)
        if 0 < count <= _most_unavailable(meta.merge_patch(dict(step.live), step.patch), count):
            yield (
                f"interruption: the rollout of {step.kind} {step.name} replaces {_counted(count)} at once, and its requests fail until "
                "the new pods are ready; to avoid it, add a replica first, or a backend with the new settings in place of this one"
            )


def _available(workload: Object) -> int:
    """The replicas that serve; all, where only the condition says that they do."""
    count = meta.status_of(workload).get("availableReplicas")
    if isinstance(count, int):
        return count
    replicas = meta.spec_of(workload).get("replicas")
    return replicas if isinstance(replicas, int) and meta.is_condition_true(workload, "Available") else 0


def _has_new_pods(planned: Plan, step: Patch) -> bool:
    kind = planned.request.kind(step.key)
    if kind.role is not Role.WORKLOAD or kind.template is None or meta.spec_of(step.live).get("replicas") == 0:
        return False
    both = (step.live, meta.merge_patch(dict(step.live), step.patch))
    before, after = (_pods(value_at(meta.spec_of(obj), kind.template), kind.settings | {"replicas"}) for obj in both)
    return before != after


def _pods(roles: Any, settings: frozenset[str]) -> list[dict[str, Any]]:
    """The roles without what restarts no pod."""
    return [{key: value for key, value in role.items() if key not in settings} for role in roles or ()]


def _most_unavailable(workload: Object, replicas: int) -> int:
    """The number of replicas that a rollout may take away: one, unless the workload says otherwise; a percentage is rounded down to at least one."""
    bound: Any = value_at(meta.spec_of(workload), ("rolloutStrategy", "rollingUpdateConfiguration", "maxUnavailable"))
    if isinstance(bound, str) and bound.removesuffix("%").isdecimal():
        return max(1, replicas * int(bound.removesuffix("%")) // 100)
    return bound if isinstance(bound, int) and bound > 0 else 1


def _counted(count: int) -> str:
    return "its only replica" if count == 1 else f"all {count} available replicas"


def _changed_calls(planned: Plan) -> Iterator[str]:
    """Servers that do not wait for new pods, because the owner asked for that or the wait has lasted long enough."""
    for step in planned.steps.values():
        if not isinstance(step, Patch) or planned.request.role(step.key) is not Role.SERVER:
            continue
        pods = planned.request.snapshot.pods.get(step.name, ())
        if calls_differently(planned.request, step) and any(is_selected(pod, step.live) for pod in pods):
            fields = ", ".join(field for field in step.fields if field.startswith("spec."))
            yield f"interruption: requests to {step.kind} {step.name} fail until its pods have restarted with another {fields}"


def _model_name(route: Object) -> str:
    return str(meta.spec_of(route).get("modelName", ""))
