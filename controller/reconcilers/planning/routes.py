"""Which servers a route sends requests to, and when. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from controller.dialects import ChildKey, Dialect
from controller.dialects.routes import routed_adapters, without_targets
from controller.reconcilers.carry_over import annotation_value, foreign_parts, saved_for, with_carried
from controller.reconcilers.handover import pending_handover
from controller.reconcilers.planning.child import step_for
from controller.reconcilers.planning.request import Request
from controller.reconcilers.steps import Create, Keep, Patch, Reason, Recreate, Step, Wait
from controller.render.names import revision


def route_step(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step:
    """The route needs only servers that exist or are created in this pass; a server that is neither is left out while another remains."""
    desired, live = request.desired[key], request.snapshot.children.get(key)
    servers = [need for need in request.kind(key).needs(desired) if need in request.desired]
    missing = {server for server in servers if not _will_stand(request, server, steps)}
    trimmed = without_targets(desired, {server.name for server in missing})
    if trimmed is not None and trimmed is not desired:
        trimmed = _relabelled(trimmed, request.dialect)
    if trimmed is None:
        return Wait(kind=key.kind, name=key.name, reason=Reason.NO_TARGET, needs=tuple(sorted(missing)), live=live)
    model, children = request.model.object, request.snapshot.children
    if (handover := pending_handover(model, live, request.desired, children, request.dialect, request.now)) is not None:
        reason, needs, until = Reason.HANDOVER, handover.workloads, handover.until
        return Wait(kind=key.kind, name=key.name, reason=reason, needs=needs, live=live, until=until)
    if live is not None and (routed_adapters(trimmed) - routed_adapters(live)) & request.loading:
        return Wait(kind=key.kind, name=key.name, reason=Reason.ADAPTERS, live=live)
    standing = [need for need in servers if need not in missing]
    created = tuple(need for need in standing if isinstance(steps.get(need), Create | Recreate))
    after = tuple(need for need in servers if need not in created)
    return _with_foreign_parts(request, step_for(request, trimmed, live, needs=created, after=after), standing[0])


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
    return isinstance(step, Patch | Keep)
