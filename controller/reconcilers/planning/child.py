"""The step that makes one live child as desired, whatever its role. Pure."""

from typing import Any

from controller import meta
from controller.dialects import ChildKey, ChildKind, Path, value_at
from controller.meta import Object, changed_fields
from controller.reconcilers.children import key_of
from controller.reconcilers.diff import diff, held_revision
from controller.reconcilers.ownership import Ownership, ownership
from controller.reconcilers.planning.replicas import scaling
from controller.reconcilers.planning.request import Request
from controller.reconcilers.steps import Create, Keep, Patch, Reason, Recreate, Refuse, Step, Wait


def step_for(
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
    if immutable := immutable_differences(request.kind(key), desired, live):
        fields = tuple(".".join(("spec", *path)) for path in immutable)
        return Recreate(**common, reason=Reason.IMMUTABLE, live=live, desired=desired, fields=fields)
    held = held_revision(desired, live, request.dialect) is not None
    change = diff(desired, live, request.dialect, scaling(request, key, live))
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


def immutable_differences(kind: ChildKind, desired: Object, live: Object) -> list[Path]:
    """The paths of the immutable fields that differ."""
    return [path for path in kind.immutable if _at(live, path) != _at(desired, path)]


def _at(obj: Object, path: Path) -> Any:
    return value_at(meta.spec_of(obj), path)


def extended(step: Keep | Patch, desired: dict[str, Any], patch: dict[str, Any]) -> Patch:
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
