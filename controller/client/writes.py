"""Writes that a controller repeats: create or patch, finalizers."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from controller import meta
from controller.client.client import Client
from controller.meta import Comparison, Object, Resource
from controller.meta.errors import AlreadyExists, ApiError, Conflict, InvalidRequest, NotFound

_SERVERS_FIELDS = ("apiVersion", "kind", "metadata", "status")
_DEFAULT = Comparison()


class NotOwned(ApiError):
    """An object of the wanted name exists and is controlled by another object, or by none; it was left alone."""


class Operation(StrEnum):
    """The result of ``create_or_patch``."""

    CREATED = "created"
    PATCHED = "patched"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Applied:
    """The result of ``create_or_patch``: the object as the server has it, and the dotted paths of the fields that were patched."""

    operation: Operation
    object: Object
    fields: tuple[str, ...] = ()


def difference(desired: Object, live: Object, comparison: Comparison = _DEFAULT) -> dict[str, Any] | None:
    """The JSON merge patch that makes ``live`` have everything in ``desired``; None when it has.

    Compared are all fields but ``apiVersion``, ``kind`` and ``status``; of the metadata labels, annotations, finalizers and owner
    references, which are added to what is there. See ``Comparison`` for which values count as equal.
    """
    wanted, current = (
        {key: value for key, value in obj.items() if key not in _SERVERS_FIELDS} for obj in (desired, live)
    )
    patch = comparison.patch(current, wanted)
    found: dict[str, Any] = {} if patch is meta.ABSENT else dict(patch)
    if metadata := _metadata_difference(desired, live):
        found["metadata"] = metadata
    return found or None


def _metadata_difference(desired: Object, live: Object) -> dict[str, Any]:
    patch: dict[str, Any] = {}
    for part in ("labels", "annotations"):
        current = meta.metadata_of(live).get(part) or {}
        wanted = meta.metadata_of(desired).get(part) or {}
        if changed := {key: value for key, value in wanted.items() if current.get(key) != value}:
            patch[part] = changed
    finalizers = list(meta.metadata_of(live).get("finalizers") or ())
    if missing := [name for name in meta.metadata_of(desired).get("finalizers") or () if name not in finalizers]:
        patch["finalizers"] = [*finalizers, *missing]
    references = [dict(reference) for reference in meta.owner_references_of(live)]
    for own in meta.owner_references_of(desired):
        if not any(meta.covers(reference, own) for reference in references):
            references = [reference for reference in references if reference.get("uid") != own.get("uid")]
            references.append(dict(own))
            patch["ownerReferences"] = references
    return patch


async def create_or_patch(
    client: Client,
    resource: Resource,
    desired: Object,
    live: Object | None = None,
    *,
    comparison: Comparison = _DEFAULT,
) -> Applied:
    """Makes the object of this name have everything in ``desired``; sends nothing when it has.

    ``live`` is what a cache holds of it. 1. Without one the object is created. 2. The name is taken (the cache lags): the object is read
    and patched. 3. A patch carries the version it was computed from; after a conflict it is computed once more from the live object.
    4. The object was deleted meanwhile: it is created.

    Raises NotOwned when ``desired`` has a controller and the live object is not controlled by it, Conflict when the object changes all
    the time or is being deleted, InvalidRequest for an owner without name or uid, and what the client raises.
    """
    _check_owners(resource, desired)
    namespace = meta.namespace_of(desired) or None
    for _ in range(3):
        if live is None:
            try:
                return Applied(Operation.CREATED, await client.create(resource, desired))
            except AlreadyExists:
                live = await _read(client, resource, desired, namespace)
                continue
        _check(desired, live)
        patch = difference(desired, live, comparison)
        if patch is None:
            return Applied(Operation.UNCHANGED, live)
        try:
            patched = await _patch(client, resource, live, patch)
        except Conflict:
            live = await _read(client, resource, desired, namespace)
        except NotFound:
            live = None
        else:
            return Applied(Operation.PATCHED, patched, tuple(meta.changed_fields(patch)))
    raise Conflict(f"{resource.kind} {meta.key_of(desired)} kept changing while it was being written")


def _check_owners(resource: Resource, desired: Object) -> None:
    """An empty uid comes from an owner that was not read from the server, and would match every other owner without one."""
    if any(not reference.get("name") or not reference.get("uid") for reference in meta.owner_references_of(desired)):
        raise InvalidRequest(f"{resource.kind} {meta.key_of(desired)} has an owner without a name or a uid")


def _check(desired: Object, live: Object) -> None:
    owner = meta.controller_of(desired)
    if owner is not None and not meta.is_controlled_by(live, str(owner.get("uid"))):
        raise NotOwned(f"{live.get('kind')} {meta.key_of(live)} exists and is not controlled by {owner.get('name')}")
    if meta.is_deleting(live):
        raise Conflict(f"{live.get('kind')} {meta.key_of(live)} is being deleted")


async def _read(client: Client, resource: Resource, obj: Object, namespace: str | None) -> Object | None:
    try:
        return await client.get(resource, meta.name_of(obj), namespace)
    except NotFound:
        return None


async def _patch(client: Client, resource: Resource, live: Object, patch: Mapping[str, Any]) -> Object:
    metadata = {**patch.get("metadata", {}), "resourceVersion": meta.resource_version_of(live)}
    body = {**patch, "metadata": metadata}
    return await client.patch(resource, meta.name_of(live), body, namespace=meta.namespace_of(live) or None)


async def add_finalizer(client: Client, resource: Resource, obj: Object, finalizer: str) -> Object:
    """The object with the finalizer; it is written only if it is missing. Do this before anything is created outside of the cluster.

    Raises Conflict when the object is being deleted: the server takes no new finalizers then. Raises InvalidRequest for an empty name.
    """
    _check_finalizer(finalizer)
    if finalizer in (meta.metadata_of(obj).get("finalizers") or ()):
        return obj
    if meta.is_deleting(obj):
        raise Conflict(f"{resource.kind} {meta.key_of(obj)} is being deleted")
    return await _edit_finalizers(client, resource, obj, add=finalizer)


async def remove_finalizer(client: Client, resource: Resource, obj: Object, finalizer: str) -> None:
    """Takes the finalizer off, so that a deletion can end. Nothing happens if it is not there or the object is gone.

    Raises InvalidRequest for an empty name.
    """
    _check_finalizer(finalizer)
    try:
        await _edit_finalizers(client, resource, obj, remove=finalizer)
    except NotFound:
        return


def _check_finalizer(finalizer: str) -> None:
    if not finalizer:
        raise InvalidRequest("a finalizer needs a name")


async def _edit_finalizers(
    client: Client, resource: Resource, obj: Object, *, add: str = "", remove: str = ""
) -> Object:
    """One patch, guarded by the version; after a conflict once more from the live object, if it is still the same one."""
    uid = meta.uid_of(obj)
    for last in (False, True):
        present = list(meta.metadata_of(obj).get("finalizers") or ())
        wanted = [name for name in present if name != remove] + ([add] if add and add not in present else [])
        if wanted == present:
            return obj
        try:
            return await _patch(client, resource, obj, {"metadata": {"finalizers": wanted}})
        except Conflict:
            if last:
                raise
            obj = await client.get(resource, meta.name_of(obj), meta.namespace_of(obj) or None)
            if meta.uid_of(obj) != uid:
                raise NotFound(
                    f"{resource.kind} {meta.key_of(obj)} was replaced by another object of this name"
                ) from None
    return obj
