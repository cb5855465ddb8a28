"""What would have to change in a live child: a pure function from desired and live to a patch and its reasons.

The patch is the reason, the log line, the command line's output and the request body at once. It names only what differs in the fields we
own; whatever else is in the object belongs to others and never appears in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER
from controller.meta import Object
from controller.render.names import (
    HELD_REVISION,
    MANAGED_BY,
    MANAGER,
    MODEL_NAME,
    MODEL_UID,
    REVISION,
    TEMPLATE_INPUTS,
    revision,
)

_ABSENT: Any = object()
_QUANTITIES = {("resources", "limits"), ("resources", "requests")}
_UNORDERED: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("rules", "targetModels"): ("modelServerName",),
    ("optimizerConfiguration", "params"): ("target", "targetRef", "name"),
}
"""Lists whose order says nothing, and where their items have their names."""
_QUANTITY_LEAVES = {("emptyDir", "sizeLimit"), ("metrics", "targetValue")}


class Ownership(StrEnum):
    """Whose a live object of a wanted name is."""

    OURS = "ours"
    ADOPTABLE = "adoptable"
    LEFTOVER = "leftover"
    FOREIGN = "foreign"


def ownership(live: Object, model: Object) -> Ownership:
    """Whose ``live`` is, seen from the Model.

    Ours: we control it. Adoptable: nobody controls it and it points to this very Model by owner reference or uid label, or has no owner
    and carries our labels. Leftover: it belongs to a deleted Model of the same name, and the garbage collector will take it.
    """
    uid, name = meta.uid_of(model), meta.name_of(model)
    controller = meta.controller_of(live)
    if controller is not None:
        if controller.get("uid") == uid:
            return Ownership.OURS
        return Ownership.LEFTOVER if _names_a_model(controller, name) else Ownership.FOREIGN
    references, labels = meta.owner_references_of(live), meta.labels_of(live)
    if any(reference.get("uid") == uid for reference in references) or labels.get(MODEL_UID) == uid:
        return Ownership.ADOPTABLE
    if any(_names_a_model(reference, name) for reference in references):
        return Ownership.LEFTOVER
    if not references and labels.get(MANAGED_BY) == MANAGER and labels.get(MODEL_NAME) == name:
        return Ownership.ADOPTABLE
    return Ownership.FOREIGN


def _names_a_model(reference: Object, name: str) -> bool:
    group = str(reference.get("apiVersion")).partition("/")[0]
    return (group, reference.get("kind"), reference.get("name")) == (MODEL.group, MODEL.kind, name)


@dataclass(frozen=True, slots=True)
class Scaling:
    """Who decides about the replicas of a ModelInfer. ``clamp`` bounds what an autoscaler left, once, as (minimum, maximum)."""

    autoscaled: bool = False
    clamp: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A JSON merge patch and the paths it changes."""

    patch: dict[str, Any]
    reasons: tuple[str, ...]


def is_held(desired: Object, live: Object) -> bool:
    """Whether the live pod template stays although we would render it differently: the Model's owner has not asked for another.

    A template with the uid of another Model, such as one that was restored from a backup, does not stay: no ModelServer selects its pods.
    """
    if desired.get("kind") != "ModelInfer":
        return False
    wanted, current = (meta.annotations_of(obj).get(TEMPLATE_INPUTS) for obj in (desired, live))
    asked = current is not None and current != wanted
    if asked or _is_of_another_model(desired, live):
        return False
    same = meta.labels_of(live).get(REVISION) == meta.labels_of(desired).get(REVISION)
    return not (same and current is not None) and not equivalent(_roles(live), _roles(desired))


def _asks_for_another_template(desired: Object, live: Object) -> bool:
    """Whether the Model's owner chose something new and the templates differ, be it by an empty object: in a selector that means everything."""
    if desired.get("kind") != "ModelInfer":
        return False
    wanted, current = (meta.annotations_of(obj).get(TEMPLATE_INPUTS) for obj in (desired, live))
    return current != wanted and not meta.equal_json(_roles(live), _roles(desired))


def _roles(infer: Object) -> Any:
    template = meta.spec_of(infer).get("template")
    return template.get("roles") if isinstance(template, Mapping) else None


def _is_of_another_model(desired: Object, live: Object) -> bool:
    uid = meta.labels_of(desired).get(MODEL_UID)
    roles = _roles(live)
    templates = [role.get("entryTemplate") or {} for role in (roles if isinstance(roles, list) else ())]
    return any(meta.labels_of(template).get(MODEL_UID, uid) != uid for template in templates)


def held_back(desired: Object, live: Object) -> str | None:
    """The revision that we would write if the Model's owner asked for it; None when the live template is what we would render."""
    wanted = meta.labels_of(desired).get(REVISION)
    return wanted if is_held(desired, live) and meta.labels_of(live).get(REVISION) != wanted else None


def must_recreate(desired: Object, live: Object) -> bool:
    """Whether the object has to be deleted and created anew: the model name of a route cannot be changed."""
    return desired.get("kind") == "ModelRoute" and meta.spec_of(live).get("modelName") != meta.spec_of(desired).get(
        "modelName"
    )


def diff(desired: Object, live: Object, scaling: Scaling | None = None) -> Change | None:
    """The change that makes ``live`` what we want in the fields we own, or None.

    With another revision than the live one, owned fields are made exactly equal and keys that we no longer want are removed. With the same
    revision it is enough that everything we want is there: what a webhook added stays. Another spelling of the same, such as ``1`` for
    ``1000m`` or backends in another order, is nothing new, and the live revision stays too.
    """
    held = is_held(desired, live)
    exact = meta.labels_of(live).get(REVISION) != meta.labels_of(desired).get(REVISION)
    if held and TEMPLATE_INPUTS in meta.annotations_of(live):
        exact = False
    wanted = owned_view(desired, desired, held=held, scaling=scaling, live=live)
    current = owned_view(live, desired, held=held, scaling=scaling, live=live)
    patch: dict[str, Any] = {}
    spec = _patch(current, wanted, exact=exact, path=())
    same = held or (exact and spec is _ABSENT and _is_truly_labelled(live, desired))
    if metadata := _metadata_patch(desired, live, keep_revision=same):
        patch["metadata"] = metadata
    if spec is not _ABSENT:
        patch["spec"] = spec
    if not held and _asks_for_another_template(desired, live):
        patch = meta.merge_patch(patch, {"spec": {"template": {"roles": _roles(desired)}}})
    return Change(patch, tuple(sorted(_leaves(patch)))) if patch else None


def owned_view(obj: Object, desired: Object, *, held: bool, scaling: Scaling | None, live: Object) -> dict[str, Any]:
    """The part of ``obj.spec`` that we own in an object like ``desired``."""
    spec = dict(meta.spec_of(obj))
    match desired.get("kind"):
        case "ModelInfer":
            return _infer_view(spec, obj is desired, held=held, scaling=scaling or Scaling(), live=live)
        case "ModelServer":
            if isinstance(policy := spec.get("trafficPolicy"), Mapping):
                spec["trafficPolicy"] = {key: value for key, value in policy.items() if key != "timeout"}
            return spec
        case "ModelRoute":
            return {key: spec[key] for key in ("modelName", "loraAdapters", "rules") if key in spec}
        case _:
            return spec


def _infer_view(
    spec: dict[str, Any], is_desired: bool, *, held: bool, scaling: Scaling, live: Object
) -> dict[str, Any]:
    view: dict[str, Any] = {
        key: spec[key]
        for key in ("schedulerName", "recoveryPolicy", "topologySpreadConstraints", "replicas")
        if key in spec
    }
    if isinstance(strategy := spec.get("rolloutStrategy"), Mapping) and "type" in strategy:
        view["rolloutStrategy"] = {"type": strategy["type"]}
    if isinstance(template := spec.get("template"), Mapping):
        keys = ("restartGracePeriodSeconds",) if held else ("restartGracePeriodSeconds", "roles")
        view["template"] = {key: template[key] for key in keys if key in template}
    if scaling.autoscaled:
        clamped = _clamped(meta.spec_of(live).get("replicas"), scaling.clamp)
        if clamped is None:
            view.pop("replicas", None)
        elif is_desired:
            view["replicas"] = clamped
    return view


def _clamped(replicas: Any, clamp: tuple[int, int] | None) -> int | None:
    """The replicas to write, None when they are within the bounds or not ours to touch."""
    if clamp is None or not isinstance(replicas, int):
        return None
    bounded = min(max(replicas, clamp[0]), clamp[1])
    return bounded if bounded != replicas else None


def _is_truly_labelled(live: Object, desired: Object) -> bool:
    """Whether the live revision is the hash of what is live."""
    kind, spec = str(desired.get("kind")), meta.spec_of(live)
    part = spec.get("template") if kind == MODEL_INFER.kind else spec
    return isinstance(part, Mapping) and meta.labels_of(live).get(REVISION) == revision(kind, spec)


def _metadata_patch(desired: Object, live: Object, *, keep_revision: bool) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    labels = {key: value for key, value in meta.labels_of(desired).items() if not (keep_revision and key == REVISION)}
    annotations = {**meta.annotations_of(desired), HELD_REVISION: held_back(desired, live)}
    for part, mine, theirs in (
        ("labels", labels, meta.labels_of(live)),
        ("annotations", annotations, meta.annotations_of(live)),
    ):
        changed = {key: value for key, value in mine.items() if theirs.get(key) != value}
        if changed:
            patch[part] = changed
    references = meta.owner_references_of(live)
    (own,) = meta.owner_references_of(desired)
    if not any(meta.covers(reference, own) for reference in references):
        patch["ownerReferences"] = [*(dict(r) for r in references if r.get("uid") != own.get("uid")), dict(own)]
    return patch


def _patch(live: Any, desired: Any, *, exact: bool, path: tuple[str, ...]) -> Any:
    """The merge patch from live to desired, _ABSENT when there is nothing to change."""
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        result = {}
        for key, value in desired.items():
            if _empty(value) and _empty(live.get(key)):
                continue
            sub = value if key not in live else _patch(live[key], value, exact=exact, path=(*path, key))
            if sub is not _ABSENT:
                result[key] = sub
        if exact:
            result.update({key: None for key, value in live.items() if key not in desired and not _empty(value)})
        return result or _ABSENT
    same = equivalent(live, desired, path) if exact else fulfils(live, desired, path)
    return _ABSENT if same else desired


def _empty(value: Any) -> bool:
    return value is None or value in ({}, [])


def _kept(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if not _empty(item)}


def _is_quantity(path: tuple[str, ...]) -> bool:
    return path[-3:-1] in _QUANTITIES or path[-2:] in _QUANTITY_LEAVES


def equivalent(live: Any, desired: Any, path: tuple[str, ...] = ()) -> bool:
    """Equality without nulls and empty parts, quantities by value."""
    return _compare(live, desired, path, exact=True)


def fulfils(live: Any, desired: Any, path: tuple[str, ...] = ()) -> bool:
    """Whether everything desired is there; maps may hold more."""
    return _compare(live, desired, path, exact=False)


def _compare(live: Any, desired: Any, path: tuple[str, ...], *, exact: bool) -> bool:
    if type(desired) is type(live) and desired == live:
        return True
    if isinstance(desired, Mapping) and isinstance(live, Mapping):
        wanted, current = _kept(desired), _kept(live)
        if exact and wanted.keys() != current.keys():
            nested = {key for key in wanted.keys() ^ current.keys() if not _hollow(wanted.get(key, current.get(key)))}
            if nested:
                return False
        return all(
            (key in current and _compare(current[key], value, (*path, key), exact=exact)) or _hollow(value)
            for key, value in wanted.items()
        )
    if isinstance(desired, list | tuple) and isinstance(live, list | tuple):
        if (name := _UNORDERED.get(path[-2:])) is not None:
            live, desired = (sorted(items, key=lambda item: _at(item, name)) for items in (live, desired))
        return len(desired) == len(live) and all(
            _compare(left, right, path, exact=exact) for left, right in zip(live, desired, strict=True)
        )
    return meta.equal_json(live, desired) or (_is_quantity(path) and meta.same_quantity(live, desired))


def _at(item: Any, path: tuple[str, ...]) -> str:
    for key in path:
        item = item.get(key) if isinstance(item, Mapping) else None
    return str(item)


def _hollow(value: Any) -> bool:
    """Whether nothing is left of it without nulls and empty parts."""
    if isinstance(value, Mapping):
        return all(_hollow(item) for item in value.values())
    return _empty(value)


def _leaves(patch: Mapping[str, Any], prefix: str = "") -> list[str]:
    found: list[str] = []
    for key, value in patch.items():
        path = f"{prefix}.{key}" if prefix else key
        found += _leaves(value, path) if isinstance(value, Mapping) and value and len(path) < 200 else [path]
    return found
