"""Which servers a route sends requests to, and when. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from controller import meta
from controller.dialects import ChildKey, Dialect
from controller.dialects.routes import route_targets, routed_adapters, without_targets
from controller.meta import Object
from controller.reconcilers.carry_over import annotation_value, foreign_parts, saved_for, with_carried
from controller.reconcilers.handover import Handover, bounded_wait, pending_handover, serves
from controller.reconcilers.planning.child import step_for
from controller.reconcilers.planning.request import Request
from controller.reconcilers.steps import Create, Keep, Patch, Reason, Recreate, Step, Wait
from controller.render.names import revision


def route_step(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step:
    """The route needs only servers that exist or are created in this pass; a server that is neither is left out while another remains.

    So is a server that the live route does not name yet, as long as its backend does not serve while one that it names does: the router gives
    every server its share of the requests, and those to a server without pods fail.
    """
    desired, live = request.desired[key], request.snapshot.children.get(key)
    servers = [need for need in request.kind(key).needs(desired) if need in request.desired]
    missing = {server for server in servers if not _will_stand(request, server, steps)}
    later = _not_serving_yet(request, servers, live) - missing
    if (handover := _handover(request, desired, live, missing, later)) is not None:
        reason, needs, until = Reason.HANDOVER, handover.workloads, handover.until
        return Wait(kind=key.kind, name=key.name, reason=reason, needs=needs, live=live, until=until)
    trimmed = _with_targets(request, desired, missing | later) or _with_targets(request, desired, missing)
    if trimmed is None:
        return Wait(kind=key.kind, name=key.name, reason=Reason.NO_TARGET, needs=tuple(sorted(missing)), live=live)
    if live is not None and (routed_adapters(trimmed) - routed_adapters(live)) & request.loading:
        return Wait(kind=key.kind, name=key.name, reason=Reason.ADAPTERS, live=live)
    named = route_targets(trimmed)
    standing = [need for need in servers if need.name in named]
    created = tuple(need for need in standing if isinstance(steps.get(need), Create | Recreate))
    after = tuple(need for need in servers if need not in created)
    return _with_foreign_parts(request, step_for(request, trimmed, live, needs=created, after=after), standing[0])


def _handover(
    request: Request, desired: dict[str, Any], live: Object | None, missing: set[ChildKey], later: set[ChildKey]
) -> Handover | None:
    """The wait for backends that replace all that are called: by taking their places, or their traffic."""
    model, children = request.model.object, request.snapshot.children
    if later and _with_targets(request, desired, missing | later) is None:
        return bounded_wait(model, [_workload(request, server) for server in sorted(later)], children, request.now)
    if _with_targets(request, desired, missing) is None:
        return None
    return pending_handover(model, live, request.desired, children, request.dialect, request.now)


def _with_targets(request: Request, desired: dict[str, Any], missing: set[ChildKey]) -> dict[str, Any] | None:
    """The desired route without these servers, with the revision of what is left; None when no default traffic would be left."""
    trimmed = without_targets(desired, {server.name for server in missing})
    return trimmed if trimmed is None or trimmed is desired else _relabelled(trimmed, request.dialect)


def _not_serving_yet(request: Request, servers: Collection[ChildKey], live: Object | None) -> set[ChildKey]:
    """The servers to leave out until their backends serve for the first time; none while no backend that is called serves."""
    if live is None or not meta.is_controlled_by(live, request.model.uid):
        return set()
    called = route_targets(live)
    workloads = {server: request.snapshot.children.get(_workload(request, server)) for server in servers}
    serving = {server for server, workload in workloads.items() if serves(workload, in_part=True)}
    if not any(server.name in called for server in serving):
        return set()
    return {server for server in servers if server.name not in called and server not in serving}


def _workload(request: Request, server: ChildKey) -> ChildKey:
    return ChildKey(request.dialect.workload.kind, server.name)


def _relabelled(child: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The child with the revision of its spec."""
    own = {dialect.keys.revision: revision(dialect, child["kind"], child["spec"])}
    metadata = {**child["metadata"], "labels": {**child["metadata"]["labels"], **own}}
    return {**child, "metadata": metadata}


def _with_foreign_parts(request: Request, step: Step, keeper: ChildKey) -> Step:
    """A new object in place of another one gets what others had put into it."""
    if isinstance(step, Recreate) and (carried := foreign_parts(step.live, step.desired, request.dialect)):
        kept, desired = annotation_value(step.key, carried), with_carried(step.desired, carried)
        needs = (*step.needs, keeper) if keeper not in step.needs else step.needs
        return replace(step, desired=desired, keeper=keeper, kept=kept, needs=needs)
    if (
        isinstance(step, Create)
        and (saved := saved_for(step.key, request.snapshot.children, request.dialect)) is not None
    ):
        return replace(step, desired=with_carried(step.desired, saved[1]), keeper=saved[0])
    return step


def _will_stand(request: Request, server: ChildKey, steps: Mapping[ChildKey, Step]) -> bool:
    """Whether a server of ours exists, if perhaps not as desired, or is created in this pass."""
    step = steps.get(server)
    if isinstance(step, Create | Recreate):
        return server not in request.failed
    return isinstance(step, Patch | Keep) or (isinstance(step, Wait) and step.usable)
