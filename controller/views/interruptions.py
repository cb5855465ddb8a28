"""The steps of a plan that interrupt callers, in one sentence each. Pure.

The router uses a changed name or port at once, while the pods that serve it are still starting; and it answers one model name a route.
"""

from collections.abc import Iterator

from controller import meta
from controller.dialects import ChildKey, Role, value_at
from controller.meta import Object
from controller.reconcilers.plan import Plan
from controller.reconcilers.steps import Patch, Recreate

_CALLED = (("model",), ("workloadPort", "port"))
"""The fields of a server by which the router calls pods."""


def interruption_lines(planned: Plan) -> list[str]:
    """One sentence for each step that interrupts requests, in the order of the plan; none where nothing serves yet."""
    return [*_renamed_routes(planned), *_changed_calls(planned)]


def _renamed_routes(planned: Plan) -> Iterator[str]:
    for step in planned.steps.values():
        if isinstance(step, Recreate) and planned.request.role(step.key) is Role.ROUTE:
            before, after = _model_name(step.live), _model_name(step.desired)
            yield f"interruption: requests for the model {before!r} fail once {step.kind} {step.name} answers {after!r} instead"


def _changed_calls(planned: Plan) -> Iterator[str]:
    for step in planned.steps.values():
        if not isinstance(step, Patch) or planned.request.role(step.key) is not Role.SERVER:
            continue
        if (changed := _differences(step)) and _may_serve(planned, step.name):
            yield (
                f"interruption: requests to {step.kind} {step.name} fail until its pods have restarted with {changed}; "
                "to avoid it, add a backend with the new settings and then remove this one"
            )


def _differences(step: Patch) -> str:
    pairs = [(path, value_at(meta.spec_of(step.live), path), value_at(step.desired["spec"], path)) for path in _CALLED]
    return ", ".join(f"{'.'.join(path)} {after!r} (now {before!r})" for path, before, after in pairs if before != after)


def _may_serve(planned: Plan, workload: str) -> bool:
    """Whether there is a workload of this name that is not scaled to zero."""
    request = planned.request
    live = request.snapshot.children.get(ChildKey(request.dialect.workload.kind, workload))
    return live is not None and meta.spec_of(live).get("replicas") != 0


def _model_name(route: Object) -> str:
    return str(meta.spec_of(route).get("modelName", ""))
