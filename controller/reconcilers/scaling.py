"""Replicas that are set from outside of this API: an HPA, KEDA, a person with ``kubectl scale``. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from controller import meta
from controller.dialects import Dialect
from controller.meta import Object

EXTERNAL = "external"
"""The value of the annotation by which a workload's replicas are handed to another writer; any other value takes them back."""


def is_scaled_externally(live: Object, dialect: Dialect) -> bool:
    """Whether a writer outside of this API owns the replicas of a live workload.

    The annotation decides where there is one. Without it, the last writer through the scale subresource owns them: the server notes that write
    in ``managedFields``, and removes the note when another writer sets the field.
    """
    said = meta.annotations_of(live).get(dialect.keys.replicas_owner)
    if said is not None:
        return said == EXTERNAL
    return dialect.scale is not None and any(_writes_replicas(entry) for entry in _scale_entries(live))


def only_scale_entries(obj: dict[str, Any]) -> Object:
    """The object for a cache: of its ``managedFields`` only those written through the scale subresource."""
    if "managedFields" in (metadata := obj.get("metadata") or {}):
        entries = [dict(entry) for entry in _scale_entries(obj)]
        rest = {key: value for key, value in metadata.items() if key != "managedFields"}
        return {**obj, "metadata": {**rest, "managedFields": entries} if entries else rest}
    return obj


def _scale_entries(obj: Object) -> Iterable[Mapping[str, Any]]:
    entries = meta.metadata_of(obj).get("managedFields")
    return [
        entry
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, Mapping) and entry.get("subresource") == "scale"
    ]


def _writes_replicas(entry: Mapping[str, Any]) -> bool:
    fields = entry.get("fieldsV1")
    spec = fields.get("f:spec") if isinstance(fields, Mapping) else None
    return isinstance(spec, Mapping) and "f:replicas" in spec
