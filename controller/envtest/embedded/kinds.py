"""What the built-in kinds ask for beyond their schema. Pure."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import NAMESPACES, TypeInfo
from controller.meta import Object
from controller.meta.errors import BadRequest, Cause

PROTECTED_NAMESPACES = ("default", "kube-public", "kube-system")
_MICRO_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_MAX_NOTE = 1024


def prepare_create(info: TypeInfo, obj: dict[str, Any]) -> dict[str, Any]:
    """The new object with what the server itself sets."""
    if info.key == NAMESPACES:
        labels = {**meta.labels_of(obj), "kubernetes.io/metadata.name": meta.name_of(obj)}
        spec = {**meta.spec_of(obj), "finalizers": ["kubernetes"]}
        return {**obj, "metadata": {**obj["metadata"], "labels": labels}, "spec": spec, "status": {"phase": "Active"}}
    if info.kind == "Pod" and not info.custom:
        return {**obj, "status": {"phase": "Pending"}}
    return obj


def normalize(info: TypeInfo, obj: dict[str, Any]) -> dict[str, Any]:
    """The object as it is stored. Raises BadRequest for values that cannot be read."""
    match info.key:
        case ("", "secrets"):
            return _secret(obj)
        case ("coordination.k8s.io", "leases"):
            spec = meta.spec_of(obj)
            times = {
                name: _micro_time(f"spec.{name}", spec[name]) for name in ("acquireTime", "renewTime") if name in spec
            }
            return {**obj, "spec": {**spec, **times}} if times else obj
        case ("", "events") if obj.get("eventTime") is not None:
            return {**obj, "eventTime": _micro_time("eventTime", obj["eventTime"])}
        case _:
            return obj


def _secret(obj: dict[str, Any]) -> dict[str, Any]:
    data = dict(obj.get("data") or {})
    for key, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise BadRequest(f"Secret in version 'v1' cannot be handled: data.{key} is no base64") from None
    data |= {key: base64.b64encode(value.encode()).decode() for key, value in (obj.get("stringData") or {}).items()}
    rest = {name: value for name, value in obj.items() if name not in ("stringData", "data")}
    return {"type": "Opaque", **rest, **({"data": data} if data else {})}


def _micro_time(where: str, value: str) -> str:
    if not _MICRO_TIME.fullmatch(value):
        raise BadRequest(f"the time in {where} cannot be read: {value!r} has no six fractional digits and a zone")
    try:
        return meta.format_micro_time(meta.parse_time(value))
    except ValueError as error:
        raise BadRequest(f"the time in {where} cannot be read: {error}") from None


def violations(info: TypeInfo, obj: Object, before: Object | None) -> Iterator[Cause]:
    """What is wrong with an object of a built-in kind."""
    match info.key:
        case ("coordination.k8s.io", "leases"):
            yield from _lease_violations(meta.spec_of(obj))
        case ("", "events"):
            yield from _event_violations(info, obj)
        case ("", "configmaps") | ("", "secrets"):
            yield from _data_violations(obj, before)
        case ("", "pods") if not meta.spec_of(obj).get("containers"):
            yield Cause("spec.containers", "FieldValueRequired", "Required value")


def _lease_violations(spec: Mapping[str, Any]) -> Iterator[Cause]:
    if (duration := spec.get("leaseDurationSeconds")) is not None and duration <= 0:
        yield Cause("spec.leaseDurationSeconds", "FieldValueInvalid", "Invalid value: must be greater than 0")
    if (spec.get("leaseTransitions") or 0) < 0:
        yield Cause("spec.leaseTransitions", "FieldValueInvalid", "Invalid value: must be greater than or equal to 0")


def _event_violations(info: TypeInfo, obj: Object) -> Iterator[Cause]:
    if not info.renamed:
        namespace = (obj.get("involvedObject") or {}).get("namespace", "")
        if namespace and namespace != meta.namespace_of(obj):
            text = "Invalid value: does not match event.namespace"
            yield Cause("involvedObject.namespace", "FieldValueInvalid", text)
        return
    for name in ("eventTime", "reportingController", "reportingInstance", "action", "reason"):
        if not obj.get(name):
            yield Cause(name, "FieldValueRequired", "Required value")
    if len(str(obj.get("note") or "").encode()) > _MAX_NOTE:
        yield Cause("message", "FieldValueInvalid", f"Invalid value: can have at most {_MAX_NOTE} characters")
    if obj.get("type") not in ("Normal", "Warning"):
        yield Cause("type", "FieldValueInvalid", f"Invalid value: has invalid value: {obj.get('type')}")


def _data_violations(obj: Object, before: Object | None) -> Iterator[Cause]:
    for name in ("data", "binaryData"):
        for key in obj.get(name) or {}:
            if not _DATA_KEY.fullmatch(key):
                yield Cause(f"{name}[{key}]", "FieldValueInvalid", f"Invalid value: {key!r}: no valid config key")
    if before is not None and before.get("immutable") is True:
        for name in ("immutable", "data", "binaryData"):
            if obj.get(name) != before.get(name):
                text = "Forbidden: field is immutable when `immutable` is set"
                yield Cause(name, "FieldValueForbidden", text)
