"""When an owned child that is no longer desired goes. Pure."""

from collections.abc import Mapping

from controller import meta
from controller.dialects import ChildKey, Role
from controller.meta import Object
from controller.reconcilers.children import key_of
from controller.reconcilers.planning.request import Request, blocked
from controller.reconcilers.steps import Create, Delete, Reason, Step, Wait


def removal(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step | None:
    """An owned child that is no longer desired goes once nothing of ours refers to it; None when it is gone or going."""
    live = request.snapshot.children.get(key)
    if live is None or meta.is_deleting(live) or not meta.is_controlled_by(live, request.model.uid):
        return None
    needs = tuple(
        other
        for other in request.snapshot.children
        if other != key and other in steps and key in _named_by(request, other)
    )
    needs += tuple(other for other, step in steps.items() if isinstance(step, Create) and step.keeper == key)
    if waits_for := blocked(needs, request.failed, steps):
        needed = tuple(sorted(waits_for))
        return Wait(kind=key.kind, name=key.name, reason=Reason.STILL_NAMED, needs=needed, live=live)
    return Delete(kind=key.kind, name=key.name, reason=Reason.UNWANTED, needs=needs, live=live)


def _named_by(request: Request, other: ChildKey) -> set[ChildKey]:
    live = request.snapshot.children[other]
    if not meta.is_controlled_by(live, request.model.uid):
        return set()
    return set(request.kind(other).names(live))


def rival_scalers(request: Request, desired: Object) -> tuple[ChildKey, ...]:
    """Our unwanted bindings that still scale the workload of this name, or a workload that this desired binding scales."""
    kind = request.kind(key_of(desired))
    if kind.role not in (Role.WORKLOAD, Role.SCALER):
        return ()
    scaled = {each.workload for each in kind.scales(desired)}
    targets = {meta.name_of(desired)} if kind.role is Role.WORKLOAD else scaled
    return tuple(
        key
        for key in request.snapshot.owned
        if request.role(key) is Role.SCALER
        and key not in request.desired
        and targets & {each.workload for each in request.kind(key).scales(request.snapshot.children[key])}
    )
