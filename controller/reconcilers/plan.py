"""The plan of a pass, made before anything is written: a pure function from desired and observed to an ordered graph.

``run`` applies the plan and ``diff`` prints it. Obeying a plan and planning again gives only Keep, unless something has to wait or is
refused.

The order. Scalers (bindings, or policies with targets) that are no longer wanted go first, since two must never scale one workload. Then servers and policies; each
workload after its server; scalers after their policy and workloads; the route after its servers; last, whatever nothing of ours refers to
any more. Everything else is independent: a child that fails holds up only those that need it.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from controller import meta
from controller.api.model import Model
from controller.dialects import ChildKey, Dialect, Role
from controller.dialects.routes import Adapter
from controller.meta import Object
from controller.reconcilers.carry_over import is_kept_by
from controller.reconcilers.children import key_of, with_owned_fields
from controller.reconcilers.observe import Snapshot
from controller.reconcilers.planning.child import extended, immutable_differences, step_for
from controller.reconcilers.planning.removals import removal, rival_scalers
from controller.reconcilers.planning.request import Request, blocked
from controller.reconcilers.planning.routes import route_step
from controller.reconcilers.planning.servers import server_step
from controller.reconcilers.steps import Keep, Patch, Reason, Refuse, Step, Wait


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps by child; each stands after those that it needs."""

    steps: Mapping[ChildKey, Step]
    request: Request = field(repr=False, compare=False)

    def without(self, keys: Collection[ChildKey]) -> "Plan":
        """The same, but nothing is done about these children."""
        return replace(self, steps={key: step for key, step in self.steps.items() if key not in keys})

    def revised(self, key: ChildKey, live: Object | None, failed: Collection[ChildKey] = ()) -> Step | None:
        """The step for one child now that ``live`` is the object and these children could not be written; None when nothing is to do."""
        request = replace(
            self.request,
            snapshot=self.request.snapshot.with_child(key, live),
            failed=self.request.failed | frozenset(failed),
        )
        if key in request.desired:
            return _wanted(request, key, self.steps)
        return removal(request, key, self.steps)


def plan(
    model: Model,
    desired: Sequence[dict[str, Any]],
    snapshot: Snapshot,
    dialect: Dialect,
    *,
    now: float,
    loading: Collection[Adapter] = (),
) -> Plan:
    """The steps of a pass: for the desired children, and for those that are owned and no longer desired."""
    children = {key_of(child): with_owned_fields(child, dialect) for child in desired}
    request = Request(model, children, snapshot, dialect, now, frozenset(loading))
    steps: dict[ChildKey, Step] = {}
    for key, decide in _order(request):
        if (step := decide(request, key, steps)) is not None:
            steps[key] = step
    return Plan(steps, request)


_Decide: TypeAlias = "Callable[[Request, ChildKey, Mapping[ChildKey, Step]], Step | None]"


def _order(request: Request) -> Iterator[tuple[ChildKey, _Decide]]:
    """The children in the order in which they are decided, which is one that respects every need."""
    unwanted = [key for key in request.snapshot.owned if key not in request.desired]
    bindings = [key for key in unwanted if request.role(key) is Role.SCALER]
    yield from ((key, removal) for key in bindings)
    roles = (Role.SERVER, Role.POLICY, Role.WORKLOAD, Role.SCALER, Role.ROUTE)
    yield from ((key, _wanted) for role in roles for key in request.desired if request.role(key) is role)
    yield from ((key, removal) for key in unwanted if key not in bindings)


def _wanted(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step | None:
    if request.role(key) is Role.ROUTE:
        return route_step(request, key, steps)
    desired, live = request.desired[key], request.snapshot.children.get(key)
    needs = tuple(need for need in request.kind(key).needs(desired) if need in request.desired)
    rivals = rival_scalers(request, desired)
    if request.role(key) is Role.SCALER:
        needs += rivals
    step = step_for(request, desired, live, needs=needs, after=rivals)
    lacking = tuple(sorted(blocked(needs, request.failed, steps)))
    if lacking and not isinstance(step, Refuse):
        return Wait(kind=key.kind, name=key.name, reason=Reason.NEEDS, needs=lacking, live=live)
    if request.role(key) is Role.SERVER:
        step = server_step(request, step)
    return _without_old_parts(request, step, live)


def _without_old_parts(request: Request, step: Step, live: Object | None) -> Step:
    """A keeper drops its annotation once the object whose foreign parts it kept exists."""
    if live is None or not isinstance(step, Keep | Patch) or not is_kept_by(live, request.dialect):
        return step
    if not all(_exists(request, key) for key in request.desired if request.role(key) is Role.ROUTE):
        return step
    return extended(
        step, request.desired[step.key], {"metadata": {"annotations": {request.dialect.keys.carried_over: None}}}
    )


def _exists(request: Request, key: ChildKey) -> bool:
    """Whether there is an object that need not be deleted and created again."""
    live, desired = request.snapshot.children.get(key), request.desired[key]
    return (
        live is not None and not meta.is_deleting(live) and not immutable_differences(request.kind(key), desired, live)
    )
