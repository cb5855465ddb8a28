"""From the body of a request to an object of the kind: its fields, its kind, its name and its namespace are checked. Pure."""

from typing import Any

from controller import meta
from controller.envtest.embedded.builtin import catalog, typed
from controller.envtest.embedded.refusals import about
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.writes import Body, WriteOptions
from controller.meta import NamespacedName, Object, schema
from controller.meta.errors import BadRequest, Cause, Invalid

_MOST_SHOWN = 10


def read(info: TypeInfo, body: Body, options: WriteOptions) -> tuple[dict[str, Any], list[str]]:
    """The object without unknown fields, and warnings about them.

    Raises BadRequest when the body is not an object of this kind, or when Strict validation finds unknown or duplicate fields.
    """
    value = body.value
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict | None):
        raise BadRequest(f"the object provided is unrecognized (must be of type {info.kind})")
    problems = typed.Problems()
    if info.custom:
        obj = _custom(info, value, problems)
    else:
        obj = typed.read({**value, "apiVersion": None, "kind": None}, info.schema, problems)
        obj = {"apiVersion": value.get("apiVersion") or info.api_version, "kind": value.get("kind") or info.kind, **obj}
    strict = [f'duplicate field "{where}"' for where in body.duplicates]
    strict += [f'unknown field "{where}"' for where in problems.unknown]
    prefix = f'{info.kind} in version "{info.version}" cannot be handled as a {info.kind}'
    if problems.wrong:
        raise BadRequest(f"{prefix}: {', '.join(problems.wrong[:_MOST_SHOWN])}")
    if strict and options.field_validation == "Strict":
        raise BadRequest(f"{prefix}: strict decoding error: {', '.join(strict)}")
    return obj, strict if options.field_validation == "Warn" else []


def problems_of(info: TypeInfo, value: dict[str, Any]) -> typed.Problems:
    """The fields that the kind does not have, and those whose values cannot be read."""
    problems = typed.Problems()
    if info.custom:
        _custom(info, value, problems)
    else:
        typed.read({**value, "apiVersion": None, "kind": None}, info.schema, problems)
    return problems


def _custom(info: TypeInfo, value: dict[str, Any], problems: typed.Problems) -> dict[str, Any]:
    obj: dict[str, Any]
    obj, dropped = schema.prune(value, info.schema)
    problems.unknown += dropped
    given = value.get("metadata") or {}
    obj["metadata"] = typed.read(given, catalog.definition(catalog.OBJECT_META), problems, "metadata")
    return obj


def check_kind(info: TypeInfo, obj: Object) -> None:
    """Raises BadRequest or Invalid for an object of another kind or version."""
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    if not kind or not api_version:
        raise BadRequest(f"the object provided is unrecognized (must be of type {info.kind}): 'Kind' is missing")
    if api_version != info.api_version:
        text = (
            f"the API version in the data ({api_version}) does not match the expected API version ({info.api_version})"
        )
        raise BadRequest(text)
    if kind == info.kind:
        return
    if not info.custom:
        raise BadRequest(f"{kind} in version {info.version!r} cannot be handled as a {info.kind}")
    cause = Cause("kind", "FieldValueInvalid", f"Invalid value: {kind!r}: must be {info.kind}")
    name = meta.name_of(obj)
    raise about(Invalid(f'{kind}.{info.group} "{name}" is invalid', causes=(cause,)), info, name)


def check_identity(info: TypeInfo, key: NamespacedName, obj: Object) -> None:
    """Raises BadRequest for an object of another name or namespace than the request's."""
    name = meta.name_of(obj)
    if not name:
        raise unnamed(key)
    if name != key.name:
        raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({key.name})")
    in_namespace(info, meta.metadata_of(obj), key.namespace)


def unnamed(key: NamespacedName) -> BadRequest:
    """400: the object in the body has no name."""
    return BadRequest(f"the name of the object ({key.name} based on URL) was undeterminable: name must be provided")


def in_namespace(info: TypeInfo, given: Object, namespace: str) -> dict[str, Any]:
    """The metadata with the request's namespace. Raises BadRequest when it names another one."""
    if not info.namespaced:
        return {name: value for name, value in given.items() if name != "namespace"}
    if (given.get("namespace") or namespace) != namespace:
        raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
    return {**given, "namespace": namespace}
