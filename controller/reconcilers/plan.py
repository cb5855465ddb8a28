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
from controller.api.model import Backend, Model
from controller.dialects import ChildKey, ChildKind, Dialect, Role, Scaled, value_at
from controller.dialects.routes import Adapter, routed_adapters, without_targets
from controller.meta import Object, changed_fields
from controller.reconcilers.carry_over import annotation_value, foreign_parts, is_kept_by, saved_for, with_carried
from controller.reconcilers.children import key_of, with_owned_fields
from controller.reconcilers.diff import Scaling, diff, held_revision
from controller.reconcilers.handover import pending_handover
from controller.reconcilers.observe import Snapshot
from controller.reconcilers.ownership import Ownership, ownership
from controller.reconcilers.reasons import INITIALIZED
from controller.reconcilers.scaling import is_scaled_externally
from controller.reconcilers.steps import Create, Delete, Keep, Patch, Reason, Recreate, Refuse, Step, Wait
from controller.render.names import child_name, revision


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan is made from, in one dialect.

    ``now`` is in seconds since the epoch. ``loading`` holds the adapters that pods are about to get, ``failed`` the children that could not
    be written.
    """

    model: Model
    desired: Mapping[ChildKey, dict[str, Any]]
    snapshot: Snapshot
    dialect: Dialect
    now: float
    loading: frozenset[Adapter] = frozenset()
    failed: frozenset[ChildKey] = frozenset()

    def kind(self, key: ChildKey) -> ChildKind:
        """The row of a child's kind."""
        return self.dialect.kind(key.kind)

    def role(self, key: ChildKey) -> Role:
        """The role of the child."""
        return self.kind(key).role


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
        return _unwanted(request, key, self.steps)


def plan(
    model: Model,
    desired: Sequence[dict[str, Any]],
    snapshot: Snapshot,
    dialect: Dialect,
    *,
    now: float,
    loading: Collection[Adapter] = (),
) -> Plan:
    """What a pass does about the desired children and about those that are owned and no longer desired."""
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
    yield from ((key, _unwanted) for key in bindings)
    roles = (Role.SERVER, Role.POLICY, Role.WORKLOAD, Role.SCALER, Role.ROUTE)
    yield from ((key, _wanted) for role in roles for key in request.desired if request.role(key) is role)
    yield from ((key, _unwanted) for key in unwanted if key not in bindings)


def _blocked(
    needs: Collection[ChildKey], failed: Collection[ChildKey], steps: Mapping[ChildKey, Step]
) -> set[ChildKey]:
    """Those of ``needs`` that will not be as desired in this pass."""
    return {need for need in needs if need in failed or isinstance(steps.get(need), Wait | Refuse)}


def _wanted(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step | None:
    if request.role(key) is Role.ROUTE:
        return _route(request, key, steps)
    desired, live = request.desired[key], request.snapshot.children.get(key)
    needs = tuple(need for need in request.kind(key).needs(desired) if need in request.desired)
    rivals = _rival_bindings(request, desired)
    if request.role(key) is Role.SCALER:
        needs += rivals
    step = _step(request, desired, live, needs=needs, after=rivals)
    blocked = _blocked(needs, request.failed, steps)
    if blocked and not isinstance(step, Refuse):
        return Wait(kind=key.kind, name=key.name, reason=Reason.NEEDS, needs=tuple(sorted(blocked)), live=live)
    return _without_old_parts(request, step, live)


def _without_old_parts(request: Request, step: Step, live: Object | None) -> Step:
    """A keeper drops its annotation once the object whose foreign parts it kept exists."""
    if live is None or not isinstance(step, Keep | Patch) or not is_kept_by(live, request.dialect):
        return step
    if not all(_exists(request, key) for key in request.desired if request.role(key) is Role.ROUTE):
        return step
    return _extended(
        step, request.desired[step.key], {"metadata": {"annotations": {request.dialect.keys.carried_over: None}}}
    )


def _exists(request: Request, key: ChildKey) -> bool:
    """Whether there is an object that need not be deleted and created again."""
    live, desired = request.snapshot.children.get(key), request.desired[key]
    return (
        live is not None and not meta.is_deleting(live) and not _immutable_differences(request.kind(key), desired, live)
    )


def _immutable_differences(kind: ChildKind, desired: Object, live: Object) -> list[tuple[str, ...]]:
    return [path for path in kind.immutable if _at(live, path) != _at(desired, path)]


def _extended(step: Keep | Patch, desired: dict[str, Any], patch: dict[str, Any]) -> Patch:
    """The step with a further change."""
    whole = meta.merge_patch(step.patch, {}) if isinstance(step, Patch) else {}
    annotations = {**meta.annotations_of(whole), **meta.annotations_of(patch)}
    whole["metadata"] = {**whole.get("metadata", {}), "annotations": annotations}
    return Patch(
        kind=step.kind,
        name=step.name,
        reason=Reason.DIFFERS,
        needs=step.needs,
        after=step.after,
        live=step.live,
        desired=desired,
        patch=whole,
        fields=tuple(sorted(changed_fields(whole))),
        newly_held=isinstance(step, Patch) and step.newly_held,
        held=step.held,
    )


def _rival_bindings(request: Request, desired: Object) -> tuple[ChildKey, ...]:
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


def _route(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step:
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
    return _with_foreign_parts(request, _step(request, trimmed, live, needs=created, after=after), standing[0])


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


def _step(
    request: Request,
    desired: dict[str, Any],
    live: Object | None,
    *,
    needs: tuple[ChildKey, ...],
    after: tuple[ChildKey, ...],
) -> Step:
    """The step for a desired child whose needs are met."""
    key = key_of(desired)
    common: dict[str, Any] = {"kind": key.kind, "name": key.name, "needs": needs, "after": after}
    if live is None:
        return Create(**common, reason=Reason.MISSING, desired=desired)
    whose = ownership(live, request.model, request.dialect)
    if whose in (Ownership.FOREIGN, Ownership.LEFTOVER):
        reason = Reason.FOREIGN if whose is Ownership.FOREIGN else Reason.LEFTOVER
        return Refuse(kind=key.kind, name=key.name, reason=reason, live=live)
    if meta.is_deleting(live):
        return Wait(kind=key.kind, name=key.name, reason=Reason.DELETING, live=live)
    if immutable := _immutable_differences(request.kind(key), desired, live):
        fields = tuple(".".join(("spec", *path)) for path in immutable)
        return Recreate(**common, reason=Reason.IMMUTABLE, live=live, desired=desired, fields=fields)
    held = held_revision(desired, live, request.dialect) is not None
    change = diff(desired, live, request.dialect, _scaling(request, key, live))
    if change is None:
        return Keep(**common, reason=Reason.TEMPLATE_HELD if held else Reason.AS_DESIRED, live=live, held=held)
    newly_held = bool(meta.annotations_of(change.patch).get(request.dialect.keys.held_revision))
    return Patch(
        **common,
        reason=Reason.DIFFERS,
        live=live,
        desired=desired,
        patch=change.patch,
        fields=change.fields,
        newly_held=newly_held,
        held=held,
    )


def _at(obj: Object, path: tuple[str, ...]) -> Any:
    return value_at(meta.spec_of(obj), path)


def _scaling(request: Request, key: ChildKey, live: Object) -> Scaling | None:
    """Who decides about the numbers of a workload.

    An autoscaler does as soon as a policy applies, or any scaler that is not one of ours on its way out scales the workload. Another
    writer does if it wrote the replicas through the scale subresource, or if the workload's annotation announces it.
    """
    if request.role(key) is not Role.WORKLOAD:
        return None
    model = request.model
    backend = next((backend for backend in model.spec.backends if child_name(model, backend) == key.name), None)
    if backend is None:
        return None
    own = model.spec.autoscaling_policy is not None or backend.autoscaling_policy is not None
    roles = frozenset(worker.type for worker in backend.workers if worker.scales)
    foreign = _scaled_by_others(request, key)
    roles |= {each.role for each in foreign if each.role}
    autoscaled = (own and not any(worker.scales for worker in backend.workers)) or any(
        not each.role for each in foreign
    )
    if autoscaled:
        return Scaling(True, None if _is_initialized(model) else _bounds(model, backend), roles)
    return Scaling(is_scaled_externally(live, request.dialect), roles=roles)


def _scaled_by_others(request: Request, key: ChildKey) -> list[Scaled]:
    """What scalers that this Model does not control scale of a workload."""
    (scaler,) = (kind for kind in request.dialect.kinds if kind.role is Role.SCALER)
    return [
        each
        for binding in request.snapshot.bindings.get(key.name, ())
        if not meta.is_controlled_by(binding, request.model.uid)
        for each in scaler.scales(binding)
        if each.workload == key.name
    ]


def _bounds(model: Model, backend: Backend) -> tuple[int, int, int]:
    return backend.min_replicas, backend.max_replicas, model.generation


def _is_initialized(model: Model) -> bool:
    """Whether every child of this generation has been as desired."""
    condition = meta.find_condition(meta.conditions_of(model.object), INITIALIZED) or {}
    return condition.get("status") == "True" and condition.get("observedGeneration") == model.generation


def _unwanted(request: Request, key: ChildKey, steps: Mapping[ChildKey, Step]) -> Step | None:
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
    if blocked := _blocked(needs, request.failed, steps):
        reason, waits_for = Reason.STILL_NAMED, tuple(sorted(blocked))
        return Wait(kind=key.kind, name=key.name, reason=reason, needs=waits_for, live=live)
    return Delete(kind=key.kind, name=key.name, reason=Reason.UNWANTED, needs=needs, live=live)


def _named_by(request: Request, other: ChildKey) -> set[ChildKey]:
    live = request.snapshot.children[other]
    if not meta.is_controlled_by(live, request.model.uid):
        return set()
    return set(request.kind(other).names(live))
