"""The change that a live child needs: a pure function from desired and live to a merge patch and the fields it changes.

The same value is planned, sent, logged, recorded as an Event and printed by ``diff``. It names only what differs in the fields that the
controller owns; the rest of the object belongs to others and never appears in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.dialects import ChildKind, Dialect, Path, value_at, with_value
from controller.meta import ABSENT, Object, changed_fields
from controller.reconcilers.children import annotations_to_remove, fields_to_remove
from controller.reconcilers.compare import equivalent, merge_patch_between
from controller.render.names import pods_of, revision


@dataclass(frozen=True, slots=True)
class Scaling:
    """The owner of the replicas of a workload.

    ``autoscaled``: an autoscaler does. ``clamp`` gives (minimum, maximum, generation of the Model): the live number is brought within these
    bounds unless the workload's annotation says that this was done for the generation. ``roles`` are those whose instances it decides about.
    """

    autoscaled: bool = False
    clamp: tuple[int, int, int] | None = None
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """A JSON merge patch and the dotted paths of the fields it changes."""

    patch: dict[str, Any]
    fields: tuple[str, ...]


def diff(desired: Object, live: Object, dialect: Dialect, scaling: Scaling | None = None) -> Change | None:
    """The change that makes ``live`` what is wanted in the fields we own; None when there is nothing to change.

    1. The live revision differs from the desired one: owned fields become exactly equal, and keys that are no longer wanted are removed.
    2. The revisions are equal: it is enough that everything wanted is there, so that fields which a webhook or a newer CRD added stay. Maps
       with free keys (selectors, resources, node selectors) are exact all the same.
    3. Another spelling of the same value (``1`` for ``1000m``, backends in another order) is not a change, and the live revision stays.
    4. A held pod template is left out, with its revision; the instances of its roles are not, where they are not part of it.
    5. Most children are word for word as desired; that is found out first, since it takes a fraction of the time.
    """
    kind, scaling = dialect.kind(str(desired["kind"])), scaling or Scaling()
    patch = {} if _is_verbatim(desired, live, kind) else _owned_patch(desired, live, dialect, scaling)
    for further in (_clamp_patch(kind, live, dialect, scaling), kind.heal(live)):
        patch = _joined(patch, further or {})
    return Change(patch, tuple(sorted(changed_fields(patch)))) if patch else None


def _is_verbatim(desired: Object, live: Object, kind: ChildKind) -> bool:
    """Whether the live object has everything desired in the same words, and no further annotation nor field of its spec that could be ours."""
    (own,) = meta.owner_references_of(desired)
    return (
        kind.without_settings_of_others(meta.spec_of(live)) == meta.spec_of(desired)
        and meta.annotations_of(live) == meta.annotations_of(desired)
        and meta.labels_of(desired).items() <= meta.labels_of(live).items()
        and own in meta.owner_references_of(live)
    )


def _owned_patch(desired: Object, live: Object, dialect: Dialect, scaling: Scaling) -> dict[str, Any]:
    """The change in the fields that we own; empty where nothing differs."""
    kind, keys = dialect.kind(str(desired["kind"])), dialect.keys
    held = is_held(desired, live, dialect)
    wanted = _with_settings(kind, desired, live, held=held, scaled=scaling.roles)
    exact = meta.labels_of(live).get(keys.revision) != meta.labels_of(desired).get(keys.revision)
    if held and keys.template_inputs in meta.annotations_of(live):
        exact = False
    outside = [kind.template] if held and kind.template and not kind.instances else []
    spec = _spec_patch(dialect, wanted, live, exact=exact, outside=outside, scaling=scaling)
    keep_revision = held or (exact and spec is ABSENT and _is_truly_labelled(live, kind, dialect))
    patch: dict[str, Any] = {}
    if metadata := _metadata_patch(desired, live, dialect, keep_revision=keep_revision):
        patch["metadata"] = metadata
    if spec is not ABSENT:
        patch["spec"] = spec
    if not held and _has_new_template(kind, wanted, live, dialect):
        patch = meta.merge_patch(patch, {"spec": _nested(kind.template or (), _template(kind, wanted))})
    return patch


def _joined(patch: Mapping[str, Any], further: Mapping[str, Any]) -> dict[str, Any]:
    """One merge patch that does what both do. A null of either stays: it removes a field of the live object, not of the patch."""
    whole = dict(patch)
    for key, value in further.items():
        both = isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
        whole[key] = _joined(whole[key], value) if both else value
    return whole


def _with_settings(
    kind: ChildKind, desired: Object, live: Object, *, held: bool, scaled: frozenset[str]
) -> Mapping[str, Any]:
    """The desired workload with the template that is to be: the live one where it is held, and the live settings that others own."""
    roles, current = _template(kind, desired), _template(kind, live)
    if not kind.settings or kind.template is None or not isinstance(roles, list) or not isinstance(current, list):
        return desired
    ours = {role["name"]: {} if role["name"] in scaled else {"replicas": role["replicas"]} for role in roles}
    theirs = {
        name: {key: role[key] for key in kind.settings & role.keys()} for role in current if (name := _role_name(role))
    }
    new = [
        {**role, **theirs.get(name, {}), **ours.get(name, {})} if (name := _role_name(role)) else role
        for role in (current if held else roles)
    ]
    return {**desired, "spec": with_value(meta.spec_of(desired), kind.template, new)}


def _role_name(role: Any) -> str:
    """The name of a role; empty for what has none, such as a live role of a shape that no CRD checked."""
    name = role.get("name") if isinstance(role, Mapping) else None
    return name if isinstance(name, str) else ""


def _spec_patch(
    dialect: Dialect, desired: Object, live: Object, *, exact: bool, outside: list[Path], scaling: Scaling
) -> Any:
    kind = dialect.kind(str(desired["kind"]))
    if scaling.autoscaled and kind.replicas:
        outside = [*outside, kind.replicas]
    owned = kind.owned.wanted_by(meta.spec_of(desired))
    current, wanted = (owned.of(meta.spec_of(obj), outside=outside) for obj in (live, desired))
    patch = merge_patch_between(current, wanted, exact=exact)
    for path in fields_to_remove(dialect, desired, live):
        patch = _with_removal({} if patch is ABSENT else patch, path)
    return patch


def _with_removal(patch: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The merge patch that also removes the field at a path."""
    head, *rest = path
    return {**patch, head: _with_removal(patch.get(head) or {}, tuple(rest)) if rest else None}


def _clamp_patch(kind: ChildKind, live: Object, dialect: Dialect, scaling: Scaling) -> dict[str, Any] | None:
    """The patch that brings an autoscaled number of replicas within its bounds, once for a generation."""
    if kind.replicas is None or not scaling.autoscaled or scaling.clamp is None:
        return None
    minimum, maximum, generation = scaling.clamp
    replicas = value_at(meta.spec_of(live), kind.replicas)
    if not isinstance(replicas, int) or meta.annotations_of(live).get(dialect.keys.clamped_generation) == str(
        generation
    ):
        return None
    bounded = min(max(replicas, minimum), maximum)
    if bounded == replicas:
        return None
    annotations = {"annotations": {dialect.keys.clamped_generation: str(generation)}}
    return {"metadata": annotations, "spec": _nested(kind.replicas, bounded)}


def _nested(path: tuple[str, ...], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def is_held(desired: Object, live: Object, dialect: Dialect) -> bool:
    """Whether the live pod template stays although it would be rendered differently: the Model's owner has not asked for another.

    A template with the uid of another Model, such as one that was restored from a backup, does not stay: no ModelServer selects its pods.
    """
    kind, keys = dialect.kind(str(desired["kind"])), dialect.keys
    if kind.template is None:
        return False
    wanted, current = (meta.annotations_of(obj).get(keys.template_inputs) for obj in (desired, live))
    if (current is not None and current != wanted) or _is_of_another_model(kind, desired, live, dialect):
        return False
    same_revision = meta.labels_of(live).get(keys.revision) == meta.labels_of(desired).get(keys.revision)
    if same_revision and current is not None:
        return False
    return not equivalent(_pods(kind, live), _pods(kind, desired))


def _pods(kind: ChildKind, workload: Object) -> Any:
    """The template as far as its pods depend on it."""
    template = _template(kind, workload)
    return pods_of(kind, template) if kind.settings else template


def held_revision(desired: Object, live: Object, dialect: Dialect) -> str | None:
    """The revision that would be written if the Model's owner asked for it; None when no template is held."""
    key = dialect.keys.revision
    wanted = meta.labels_of(desired).get(key)
    return wanted if meta.labels_of(live).get(key) != wanted and is_held(desired, live, dialect) else None


def _has_new_template(kind: ChildKind, desired: Object, live: Object, dialect: Dialect) -> bool:
    """Whether the owner asked for another template and it differs, if only by an empty object: an empty selector means everything."""
    if kind.template is None:
        return False
    wanted, current = (meta.annotations_of(obj).get(dialect.keys.template_inputs) for obj in (desired, live))
    return current != wanted and not meta.equal_json(_template(kind, live), _template(kind, desired))


def _template(kind: ChildKind, workload: Object) -> Any:
    return value_at(meta.spec_of(workload), kind.template or ())


def _is_of_another_model(kind: ChildKind, desired: Object, live: Object, dialect: Dialect) -> bool:
    key = dialect.keys.model_uid
    uid = meta.labels_of(desired).get(key)
    roles = _template(kind, live)
    known = [role for role in (roles if isinstance(roles, list) else ()) if isinstance(role, Mapping)]
    templates = [role.get("entryTemplate") or {} for role in known]
    return any(meta.labels_of(template).get(key, uid) != uid for template in templates)


def _is_truly_labelled(live: Object, kind: ChildKind, dialect: Dialect) -> bool:
    """Whether the live revision is the hash of what is live."""
    spec = meta.spec_of(live)
    if kind.template is not None and not isinstance(spec.get(kind.template[0]), Mapping):
        return False
    return meta.labels_of(live).get(dialect.keys.revision) == revision(dialect, kind.resource.kind, spec)


def _metadata_patch(desired: Object, live: Object, dialect: Dialect, *, keep_revision: bool) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    kept = {dialect.keys.revision} if keep_revision else set()
    labels = {key: value for key, value in meta.labels_of(desired).items() if key not in kept}
    keys, given = dialect.keys, meta.annotations_of(desired)
    annotations = {
        **given,
        keys.held_revision: held_revision(desired, live, dialect),
        keys.owned_fields: given.get(keys.owned_fields),
        **dict.fromkeys(annotations_to_remove(dialect, desired, live)),
    }
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
