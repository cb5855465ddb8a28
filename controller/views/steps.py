"""A step of a plan in one line, and the objects before and after it. Pure."""

from controller import meta
from controller.meta import Object
from controller.reconcilers.messages import wait_line
from controller.reconcilers.plan import Plan
from controller.reconcilers.steps import Create, Delete, Keep, Patch, Recreate, Refuse, Step, Wait

_VERBS = {
    Create: "create",
    Patch: "update",
    Recreate: "recreate",
    Delete: "delete",
    Keep: "keep",
    Wait: "wait",
    Refuse: "conflict",
}


def shown_steps(planned: Plan) -> list[Step]:
    """The steps worth showing: all but children that are as desired; deletions last."""
    steps = [step for step in planned.steps.values() if not isinstance(step, Keep) or step.held]
    return sorted(steps, key=lambda step: isinstance(step, Delete))


def step_line(step: Step, namespace: str) -> str:
    """``VERB KIND NAMESPACE/NAME: WHY``, with the fields that change and the children that are waited for."""
    parts = [str(step.reason)]
    if isinstance(step, Patch):
        parts = [", ".join(step.fields)]
    elif isinstance(step, Recreate):
        parts.append(", ".join(step.fields))
    elif isinstance(step, Wait):
        return f"wait {wait_line(step, namespace)}"
    return f"{_VERBS[type(step)]} {step.kind} {namespace}/{step.name}: {': '.join(parts)}"


def sides(step: Step) -> tuple[Object | None, Object | None]:
    """The object before and after the step."""
    match step:
        case Create():
            return None, step.desired
        case Patch():
            return step.live, meta.merge_patch(dict(step.live), step.patch)
        case Recreate():
            return step.live, step.desired
        case Delete():
            return step.live, None
        case Keep() | Wait() | Refuse():
            return step.live, step.live
