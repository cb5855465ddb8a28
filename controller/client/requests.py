"""A verb, a resource and its parameters as an HTTP request. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from controller.meta import Object, Resource, jsonio, name_of
from controller.meta.errors import InvalidRequest

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_JSON = "application/json"
_UNSAFE = re.compile("[^ -~\U00010000-\U0010ffff]")
_METADATA_OBJECT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request, ready to be sent.

    ``target`` is the escaped path with its query. ``repeatable`` says that sending it twice does no harm, ``collection`` that the answer
    may be large.
    """

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False
    collection: bool = False

    @property
    def mutating(self) -> bool:
        """Whether it changes something on the server."""
        return self.method != "GET"


def _target(path: str, query: Mapping[str, str | int | bool | None]) -> str:
    given = {key: _word(value) for key, value in query.items() if value not in (None, "", 0, False)}
    escaped = quote(path, safe="/:-._~")
    return f"{escaped}?{urlencode(given)}" if given else escaped


def _word(value: str | int | bool | None) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _object_path(resource: Resource, namespace: str | None, name: str, subresource: str = "") -> str:
    """The path of one object. Raises InvalidRequest for what would address something else, such as the whole collection."""
    if not name:
        raise InvalidRequest(f"a request for a single {resource.key} needs a name")
    _check_namespace(resource, namespace)
    for part in (name, subresource):
        _check_segment(resource, part)
    return resource.path(namespace, name, subresource)


def _collection_path(resource: Resource, namespace: str | None) -> str:
    _check_segment(resource, namespace or "")
    return resource.path(namespace)


def _check_namespace(resource: Resource, namespace: str | None) -> None:
    if resource.namespaced and not namespace:
        raise InvalidRequest(f"a request for a single {resource.key} needs a namespace")
    _check_segment(resource, namespace or "")


def _check_segment(resource: Resource, text: str) -> None:
    """The rule of client-go's ``IsValidPathSegmentName``."""
    if text in (".", "..") or "/" in text or "%" in text:
        raise InvalidRequest(f"{text[:64]!r} cannot be a name in a request for {resource.key}")


def get(resource: Resource, name: str, namespace: str | None, *, metadata_only: bool = False) -> HttpRequest:
    """Read one object."""
    accept = _METADATA_OBJECT if metadata_only else _JSON
    return HttpRequest(
        "GET", _target(_object_path(resource, namespace, name), {}), headers={"Accept": accept}, repeatable=True
    )


def list_(
    resource: Resource, namespace: str | None, *, metadata_only: bool = False, **query: str | int | bool | None
) -> HttpRequest:
    """Read a collection; the query parameters carry the API's own names."""
    accept = _METADATA_LIST if metadata_only else _JSON
    target = _target(_collection_path(resource, namespace), query)
    return HttpRequest("GET", target, headers={"Accept": accept}, repeatable=True, collection=True)


def watch(
    resource: Resource, namespace: str | None, *, metadata_only: bool = False, **query: str | int | bool | None
) -> HttpRequest:
    """Follow a collection; bookmarks are always asked for."""
    accept = _METADATA_OBJECT if metadata_only else _JSON
    target = _target(_collection_path(resource, namespace), {"watch": True, "allowWatchBookmarks": True, **query})
    return HttpRequest("GET", target, headers={"Accept": accept})


def create(resource: Resource, obj: Object, namespace: str | None, field_manager: str) -> HttpRequest:
    """Create an object. Not repeatable: a lost answer leaves open whether it exists."""
    _check_namespace(resource, namespace)
    target = _target(_collection_path(resource, namespace), {"fieldManager": field_manager})
    return HttpRequest("POST", target, jsonio.dumps(obj), _json_headers())


def replace(
    resource: Resource, obj: Object, namespace: str | None, subresource: str, field_manager: str
) -> HttpRequest:
    """Replace an object whole; repeatable when it carries the version it replaces."""
    target = _target(_object_path(resource, namespace, name_of(obj), subresource), {"fieldManager": field_manager})
    guarded = bool(obj.get("metadata", {}).get("resourceVersion"))
    return HttpRequest("PUT", target, jsonio.dumps(obj), _json_headers(), repeatable=guarded)


def patch(
    resource: Resource,
    name: str,
    body: Any,
    *,
    namespace: str | None,
    subresource: str,
    content_type: str,
    field_manager: str,
    force: bool = False,
) -> HttpRequest:
    """Change an object by a patch of the given type. A merge patch or an apply is repeatable, a JSON patch is not."""
    query: dict[str, str | int | bool | None] = {"fieldManager": field_manager, "force": force}
    target = _target(_object_path(resource, namespace, name, subresource), query)
    headers = {"Accept": _JSON, "Content-Type": content_type}
    encoded = apply_body(body) if content_type == APPLY_PATCH else jsonio.dumps(body)
    return HttpRequest("PATCH", target, encoded, headers, repeatable=content_type != JSON_PATCH)


def delete(
    resource: Resource,
    name: str,
    namespace: str | None,
    *,
    uid: str | None,
    resource_version: str | None,
    propagation: str | None,
) -> HttpRequest:
    """Delete an object, only if its uid and version are these where given."""
    if uid == "" or resource_version == "":
        raise InvalidRequest(f"a deletion of {resource.key} has an empty precondition")
    guards = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if guards:
        options["preconditions"] = guards
    if propagation:
        options["propagationPolicy"] = propagation
    target = _target(_object_path(resource, namespace, name), {})
    return HttpRequest("DELETE", target, jsonio.dumps(options), _json_headers(), repeatable=bool(uid))


def raw(method: str, path: str, body: bytes | None, content_type: str | None, query: Mapping[str, str]) -> HttpRequest:
    """Anything else."""
    headers = {"Accept": _JSON, **({"Content-Type": content_type or _JSON} if body is not None else {})}
    return HttpRequest(method, _target(path, query), body, headers, repeatable=method == "GET")


def apply_body(obj: Any) -> bytes:
    """The body of a server-side apply: the server reads it as YAML, so everything a YAML reader could trip over is ``\\uXXXX``.

    Characters beyond the basic plane stay as they are: their surrogate escapes would be refused.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", jsonio.dumps(obj).decode()).encode()


def _json_headers() -> dict[str, str]:
    return {"Accept": _JSON, "Content-Type": _JSON}
