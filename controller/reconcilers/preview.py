"""What a pass would do and why, without doing it: the same comparison that a pass makes, from one live reading."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from controller import meta
from controller.api.kinds import ALL_CHILDREN, AUTOSCALING_POLICY_BINDING, MODEL_INFER
from controller.api.model import Model
from controller.client import Client
from controller.meta import Object, Resource
from controller.meta.errors import NotFound
from controller.reconcilers.diff import Ownership, Scaling, diff, held_back, must_recreate, ownership
from controller.reconcilers.observe import Observed, binding_targets
from controller.reconcilers.scaling import scalings
from controller.render.names import MODEL_UID

_RESOURCES = {resource.kind: resource for resource in ALL_CHILDREN}
Action = Literal["create", "update", "recreate", "delete", "conflict", "keep"]


@dataclass(frozen=True, slots=True)
class Preview:
    """What would become of one child. ``keep`` is said only of a pod template that is held back."""

    action: Action
    kind: str
    name: str
    reasons: tuple[str, ...]
    before: Object | None
    after: Object | None


async def read(client: Client, model: Object, wanted: Sequence[Object]) -> Observed:
    """What a pass would observe, read live. Raises ApiError; a kind that is not installed has no objects."""
    namespace = meta.namespace_of(model)
    lists = await asyncio.gather(*(_all(client, resource, namespace) for resource in ALL_CHILDREN))
    there = dict(zip(ALL_CHILDREN, lists, strict=True))
    live = {(r.kind, meta.name_of(obj)): obj for r, objects in there.items() for obj in objects}
    names = {(str(child["kind"]), meta.name_of(child)) for child in wanted}
    owned = tuple(
        (resource, obj)
        for resource, objects in there.items()
        for obj in objects
        if meta.is_controlled_by(obj, meta.uid_of(model)) and meta.labels_of(obj).get(MODEL_UID) == meta.uid_of(model)
    )
    scaled_by = {
        name: tuple(b for b in there[AUTOSCALING_POLICY_BINDING] if f"{namespace}/{name}" in binding_targets(b))
        for kind, name in names
        if kind == MODEL_INFER.kind
    }
    return Observed(model, {key: live[key] for key in names & live.keys()}, owned, scaled_by, (), {})


async def _all(client: Client, resource: Resource, namespace: str) -> Sequence[Object]:
    try:
        return (await client.list_all(resource, namespace)).items
    except NotFound:
        return ()


def preview(model: Model, wanted: Sequence[dict[str, Any]], observed: Observed) -> list[Preview]:
    """The children that a pass would touch or could not touch, deletions last."""
    scaling = scalings(model, observed)
    found = [seen for child in wanted if (seen := _of(child, observed, scaling)) is not None]
    names = {(child["kind"], meta.name_of(child)) for child in wanted}
    found += [
        Preview("delete", resource.kind, meta.name_of(obj), ("not wanted any more",), obj, None)
        for resource, obj in observed.owned
        if (resource.kind, meta.name_of(obj)) not in names
    ]
    return found


def _of(desired: dict[str, Any], observed: Observed, scaling: Mapping[str, Scaling]) -> Preview | None:
    kind, name = str(desired["kind"]), meta.name_of(desired)
    live = observed.child(_RESOURCES[kind], name)
    if live is None:
        return Preview("create", kind, name, ("missing",), None, desired)
    whose = ownership(live, observed.model)
    if whose in (Ownership.FOREIGN, Ownership.LEFTOVER):
        reasons = ("an object of this name exists and is not controlled by this Model",)
        return Preview("conflict", kind, name, reasons, live, live)
    if must_recreate(desired, live):
        return Preview("recreate", kind, name, ("spec.modelName cannot be changed",), live, desired)
    change = diff(desired, live, scaling.get(name) if kind == MODEL_INFER.kind else None)
    if change is not None:
        return Preview("update", kind, name, change.reasons, live, meta.merge_patch(dict(live), change.patch))
    if held_back(desired, live) is not None:
        return Preview("keep", kind, name, ("the pod template is kept until the Model changes",), live, live)
    return None
