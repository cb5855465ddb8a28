"""What has to change in a live child: a pure function from desired and live to a merge patch and the fields it changes.

The same value is planned, sent, logged, recorded as an Event and printed by ``diff``. It names only what differs in the fields that the
controller owns; the rest of the object belongs to others and never appears in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.meta import ABSENT, Object, changed_fields
from controller.reconcilers.children import ChildKind, fields_to_remove, kind_of, value_at
from controller.reconcilers.compare import equivalent, merge_patch_between
from controller.render.names import (
    CLAMPED_GENERATION,
    HELD_REVISION,
    MODEL_UID,
    OWNED_FIELDS,
    REVISION,
    TEMPLATE_INPUTS,
    revision,
)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Who decides about the replicas of a workload.

    ``autoscaled``: an autoscaler does. ``clamp`` gives (minimum, maximum, generation of the Model): the live number is brought within these
    bounds unless the workload's annotation says that this was done for the generation.
    """

    autoscaled: bool = False
    clamp: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A JSON merge patch and the dotted paths of the fields it changes."""

    patch: dict[str, Any]
    fields: tuple[str, ...]


def diff(desired: Object, live: Object, scaling: Scaling | None = None) -> Change | None:
    """The change that makes ``live`` what is wanted in the fields we own; None when there is nothing to change.

    1. The live revision differs from the desired one: owned fields become exactly equal, and keys that are no longer wanted are removed.
    2. The revisions are equal: it is enough that everything wanted is there, so that fields which a webhook or a newer CRD added stay. Maps
       with free keys (selectors, resources, node selectors) are exact all the same.
    3. Another spelling of the same value (``1`` for ``1000m``, backends in another order) is no change, and the live revision stays.
    4. A held pod template is left out, with its revision.
    """
    kind = kind_of(desired)
    held = is_held(desired, live)
    exact = meta.labels_of(live).get(REVISION) != meta.labels_of(desired).get(REVISION)
    if held and TEMPLATE_INPUTS in meta.annotations_of(live):
        exact = False
    spec = _spec_patch(kind, desired, live, exact=exact, held=held, scaling=scaling or Scaling())
    keep_revision = held or (exact and spec is ABSENT and _is_truly_labelled(live, kind))
    patch: dict[str, Any] = {}
    if metadata := _metadata_patch(desired, live, keep_revision=keep_revision):
        patch["metadata"] = metadata
    if spec is not ABSENT:
        patch["spec"] = spec
    if not held and _has_new_template(kind, desired, live):
        patch = meta.merge_patch(patch, {"spec": _nested(kind.template or (), _template(kind, desired))})
    if clamped := _clamp_patch(kind, live, scaling or Scaling()):
        patch = meta.merge_patch(patch, clamped)
    return Change(patch, tuple(sorted(changed_fields(patch)))) if patch else None


def _spec_patch(kind: ChildKind, desired: Object, live: Object, *, exact: bool, held: bool, scaling: Scaling) -> Any:
    outside = [kind.template] if held and kind.template else []
    if scaling.autoscaled and kind.replicas:
        outside.append(kind.replicas)
    owned = kind.owned.wanted_by(meta.spec_of(desired))
    current, wanted = (owned.of(meta.spec_of(obj), outside=outside) for obj in (live, desired))
    patch = merge_patch_between(current, wanted, exact=exact)
    for path in fields_to_remove(kind, desired, live):
        patch = _with_removal({} if patch is ABSENT else patch, path)
    return patch


def _with_removal(patch: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The merge patch that also removes the field at a path."""
    head, *rest = path
    return {**patch, head: _with_removal(patch.get(head) or {}, tuple(rest)) if rest else None}


def _clamp_patch(kind: ChildKind, live: Object, scaling: Scaling) -> dict[str, Any] | None:
    """The patch that brings an autoscaled number of replicas within its bounds, once for a generation."""
    if kind.replicas is None or not scaling.autoscaled or scaling.clamp is None:
        return None
    minimum, maximum, generation = scaling.clamp
    replicas = value_at(meta.spec_of(live), kind.replicas)
    if not isinstance(replicas, int) or meta.annotations_of(live).get(CLAMPED_GENERATION) == str(generation):
        return None
    bounded = min(max(replicas, minimum), maximum)
    if bounded == replicas:
        return None
    annotations = {"annotations": {CLAMPED_GENERATION: str(generation)}}
    return {"metadata": annotations, "spec": _nested(kind.replicas, bounded)}


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def is_held(desired: Object, live: Object) -> bool:
    """Whether the live pod template stays although it would be rendered differently: the Model's owner has not asked for another.

    A template with the uid of another Model, such as one that was restored from a backup, does not stay: no ModelServer selects its pods.
    """
    kind = kind_of(desired)
    if kind.template is None:
        return False
    wanted, current = (meta.annotations_of(obj).get(TEMPLATE_INPUTS) for obj in (desired, live))
    if (current is not None and current != wanted) or _is_of_another_model(kind, desired, live):
        return False
    same_revision = meta.labels_of(live).get(REVISION) == meta.labels_of(desired).get(REVISION)
    if same_revision and current is not None:
        return False
    return not equivalent(_template(kind, live), _template(kind, desired))


def held_revision(desired: Object, live: Object) -> str | None:
    """The revision that would be written if the Model's owner asked for it; None when no template is held."""
    wanted = meta.labels_of(desired).get(REVISION)
    return wanted if is_held(desired, live) and meta.labels_of(live).get(REVISION) != wanted else None


def _has_new_template(kind: ChildKind, desired: Object, live: Object) -> bool:
    """Whether the owner asked for another template and it differs, if only by an empty object: an empty selector means everything."""
    if kind.template is None:
        return False
    wanted, current = (meta.annotations_of(obj).get(TEMPLATE_INPUTS) for obj in (desired, live))
    return current != wanted and not meta.equal_json(_template(kind, live), _template(kind, desired))


def _template(kind: ChildKind, workload: Object) -> Any:
    return value_at(meta.spec_of(workload), kind.template or ())


def _is_of_another_model(kind: ChildKind, desired: Object, live: Object) -> bool:
    uid = meta.labels_of(desired).get(MODEL_UID)
    roles = _template(kind, live)
    templates = [role.get("entryTemplate") or {} for role in (roles if isinstance(roles, list) else ())]
    return any(meta.labels_of(template).get(MODEL_UID, uid) != uid for template in templates)


def _is_truly_labelled(live: Object, kind: ChildKind) -> bool:
    """Whether the live revision is the hash of what is live."""
    spec = meta.spec_of(live)
    if kind.template is not None and not isinstance(spec.get(kind.template[0]), Mapping):
        return False
    return meta.labels_of(live).get(REVISION) == revision(kind.resource.kind, spec)


def _metadata_patch(desired: Object, live: Object, *, keep_revision: bool) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    labels = {key: value for key, value in meta.labels_of(desired).items() if not (keep_revision and key == REVISION)}
    given = meta.annotations_of(desired)
    annotations = {**given, HELD_REVISION: held_revision(desired, live), OWNED_FIELDS: given.get(OWNED_FIELDS)}
    for part, wanted, current in (
        ("labels", labels, meta.labels_of(live)),
        ("annotations", annotations, meta.annotations_of(live)),
    ):
        if changed := {key: value for key, value in wanted.items() if current.get(key) != value}:
            patch[part] = changed
    references = meta.owner_references_of(live)
    (own,) = meta.owner_references_of(desired)
    if not any(meta.covers(reference, own) for reference in references):
        patch["ownerReferences"] = [*(dict(r) for r in references if r.get("uid") != own.get("uid")), dict(own)]
    return patch
