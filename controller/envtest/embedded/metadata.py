"""The rules of ``metadata``, the same for every kind. Pure."""

import re
from collections.abc import Iterator
from typing import Any

from controller import meta
from controller.envtest.embedded.causes import LABEL_RULE, SUBDOMAIN_RULE, shown
from controller.meta import Object
from controller.meta.errors import Cause

SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
_IMMUTABLE = ("uid", "creationTimestamp", "deletionTimestamp")
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_WORD = r"([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]"
_QUALIFIED = re.compile(rf"({_SUBDOMAIN}/)?{_WORD}")
_LABEL_VALUE = re.compile(rf"({_WORD})?")
_MAX_ANNOTATIONS = 256 * 1024
_MAX_GENERATED_BASE = 58
_NAMES = {
    "subdomain": (re.compile(_SUBDOMAIN), 253, SUBDOMAIN_RULE),
    "label": (re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"), 63, LABEL_RULE),
    "path": (re.compile(r"(?!\.{1,2}$)[^/%]+"), 10**6, "may not be '.' or '..' and may not contain '/' or '%'"),
}
_NAME_RULES = {
    ("", "namespaces"): "label",
    ("", "services"): "label",
    ("apps", "statefulsets"): "subdomain",
    **{
        ("rbac.authorization.k8s.io", plural): "path"
        for plural in ("roles", "rolebindings", "clusterroles", "clusterrolebindings")
    },
}


def generated_name(base: str, uid: str) -> str:
    """The name made of a ``generateName`` and something random."""
    return base[:_MAX_GENERATED_BASE] + uid.replace("-", "")[:5]


def violations(metadata: Object, resource: tuple[str, str]) -> Iterator[Cause]:
    """The errors in the metadata of an object of this resource."""
    name = str(metadata.get("name") or "")
    pattern, longest, rule = _NAMES[_NAME_RULES.get(resource, "subdomain")]
    if not name:
        yield Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required")
    elif metadata.get("generateName") and not pattern.fullmatch(name):
        text = f"Invalid value: {shown(metadata['generateName'])}: {rule}"
        yield Cause("metadata.generateName", "FieldValueInvalid", text)
        yield Cause("metadata.name", "FieldValueInvalid", f"Invalid value: {shown(name)}: {rule}")
    elif not pattern.fullmatch(name):
        yield Cause("metadata.name", "FieldValueInvalid", f"Invalid value: {shown(name)}: {rule}")
    elif len(name) > longest:
        text = f"Invalid value: {shown(name)}: must be no more than {longest} characters"
        yield Cause("metadata.name", "FieldValueInvalid", text)
    for key, value in (metadata.get("labels") or {}).items():
        if not _QUALIFIED.fullmatch(key) or not _LABEL_VALUE.fullmatch(value):
            yield Cause("metadata.labels", "FieldValueInvalid", f"Invalid value: {shown(value)}")
    annotations = metadata.get("annotations") or {}
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _MAX_ANNOTATIONS:
        yield Cause(
            "metadata.annotations", "FieldValueTooLong", f"Too long: may not be more than {_MAX_ANNOTATIONS} bytes"
        )
    for key in annotations:
        if not _QUALIFIED.fullmatch(key.lower()):
            yield Cause("metadata.annotations", "FieldValueInvalid", f"Invalid value: {shown(key)}")
    for finalizer in metadata.get("finalizers") or ():
        if not _QUALIFIED.fullmatch(finalizer):
            yield Cause("metadata.finalizers", "FieldValueInvalid", f"Invalid value: {shown(finalizer)}")
    yield from _owner_violations(meta.owner_references_of({"metadata": metadata}))


def _owner_violations(references: Any) -> Iterator[Cause]:
    for index, reference in enumerate(references):
        where = f"metadata.ownerReferences[{index}]"
        for name in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(name):
                yield Cause(f"{where}.{name}", "FieldValueRequired", "Required value: must not be empty")
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            yield Cause(where, "FieldValueInvalid", "Invalid value: an Event is disallowed from being an owner")
    if sum(reference.get("controller") is True for reference in references) > 1:
        text = "Invalid value: only one reference can have controller set to true"
        yield Cause("metadata.ownerReferences", "FieldValueInvalid", text)


def update_violations(before: Object, after: Object) -> Iterator[Cause]:
    """Violations of the rules for metadata in an update."""
    for name in _IMMUTABLE:
        if after.get(name) and after[name] != before.get(name):
            yield Cause(
                f"metadata.{name}", "FieldValueInvalid", f"Invalid value: {shown(after[name])}: field is immutable"
            )
    if before.get("deletionTimestamp"):
        added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
        if added:
            text = f"Forbidden: no new finalizers can be added if the object is being deleted: {sorted(added)}"
            yield Cause("metadata.finalizers", "FieldValueForbidden", text)


def kept(before: Object, after: Object) -> dict[str, Any]:
    """The metadata of an update with what only the server sets taken from the stored object."""
    result = {key: value for key, value in after.items() if value is not None}
    for name in (*SYSTEM, "resourceVersion", "generateName"):
        result.pop(name, None)
        if name in before:
            result[name] = before[name]
    return result
