"""The annotation in which client-side apply keeps its configuration, as server-side apply by ``kubectl`` treats it. Pure.

The source of the rules is the API server's own field manager: kubectl that changes from client-side to server-side apply takes over what it
applied before, and keeps the annotation up to date, so that it can change back.
"""

from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.apply import typed
from controller.envtest.embedded.apply.fields import EMPTY, FieldSet
from controller.meta import Object, jsonio

KUBECTL = "kubectl"
ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"


def own_fields(live: dict[str, Any], schema: Mapping[str, Any]) -> FieldSet:
    """The fields of the last client-side configuration that still have its values; none where there is no readable annotation."""
    try:
        last = jsonio.loads(meta.annotations_of(live).get(ANNOTATION, "").encode())
        plain = {name: value for name, value in last.items() if name not in ("apiVersion", "kind")}
        difference = typed.compare(plain, live, schema)
        return frozenset(typed.field_set(plain, schema)) - difference.modified
    except (ValueError, AttributeError, TypeError):
        return EMPTY


def refreshed(merged: dict[str, Any], configuration: Object) -> dict[str, Any]:
    """The merged object with the applied configuration in its annotation, if it has one."""
    metadata = merged.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if ANNOTATION not in annotations:
        return merged
    text = jsonio.dumps(_without_own(configuration)).decode() + "\n"
    return {**merged, "metadata": {**metadata, "annotations": {**annotations, ANNOTATION: text}}}


def _without_own(configuration: Object) -> dict[str, Any]:
    metadata = {name: value for name, value in configuration["metadata"].items() if name != "managedFields"}
    if annotations := metadata.get("annotations"):
        metadata["annotations"] = {name: value for name, value in annotations.items() if name != ANNOTATION}
    plain: dict[str, Any] = _sorted({**configuration, "metadata": metadata})
    return plain


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value
