"""A verb, a resource and its parameters as an HTTP request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from controller.meta import Object, Resource, jsonio, name_of

MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_JSON = "application/json"
_METADATA_OBJECT = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
_METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What is sent: ``target`` is the escaped path with its query; ``repeatable`` says that sending it twice does no harm."""

    method: str
    target: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    repeatable: bool = False

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


def get(resource: Resource, name: str, namespace: str | None, *, metadata_only: bool = False) -> HttpRequest:
    """Read one object."""
    accept = _METADATA_OBJECT if metadata_only else _JSON
    return HttpRequest("GET", _target(resource.path(namespace, name), {}), headers={"Accept": accept}, repeatable=True)


def list_(
    resource: Resource, namespace: str | None, *, metadata_only: bool = False, **query: str | int | bool | None
) -> HttpRequest:
    """Read a collection; the query parameters carry the API's own names."""
    accept = _METADATA_LIST if metadata_only else _JSON
    return HttpRequest("GET", _target(resource.path(namespace), query), headers={"Accept": accept}, repeatable=True)


def watch(
    resource: Resource, namespace: str | None, *, metadata_only: bool = False, **query: str | int | bool | None
) -> HttpRequest:
    """Follow a collection; bookmarks are always asked for."""
    accept = _METADATA_OBJECT if metadata_only else _JSON
    target = _target(resource.path(namespace), {"watch": True, "allowWatchBookmarks": True, **query})
    return HttpRequest("GET", target, headers={"Accept": accept})


def create(resource: Resource, obj: Object, namespace: str | None, field_manager: str) -> HttpRequest:
    """Create an object. Not repeatable: a lost answer leaves open whether it exists."""
    target = _target(resource.path(namespace), {"fieldManager": field_manager})
    return HttpRequest("POST", target, jsonio.dumps(obj), _json_headers())


def replace(
    resource: Resource, obj: Object, namespace: str | None, subresource: str, field_manager: str
) -> HttpRequest:
    """Replace an object whole; repeatable when it carries the version it replaces."""
    target = _target(resource.path(namespace, name_of(obj), subresource), {"fieldManager": field_manager})
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
    target = _target(resource.path(namespace, name, subresource), query)
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
    guards = {key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value}
    options: dict[str, Any] = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if guards:
        options["preconditions"] = guards
    if propagation:
        options["propagationPolicy"] = propagation
    target = _target(resource.path(namespace, name), {})
    return HttpRequest("DELETE", target, jsonio.dumps(options), _json_headers(), repeatable=bool(uid))


def raw(method: str, path: str, body: bytes | None, content_type: str | None, query: Mapping[str, str]) -> HttpRequest:
    """Anything else."""
    headers = {"Accept": _JSON, **({"Content-Type": content_type or _JSON} if body is not None else {})}
    return HttpRequest(method, _target(path, query), body, headers, repeatable=method == "GET")


def apply_body(obj: Any) -> bytes:
    """The body of a server-side apply: the server reads it as YAML, so everything a YAML reader could trip over is ``\\uXXXX``.

    Characters beyond the basic plane stay as they are: their surrogate escapes would be refused.
    """
    text = jsonio.dumps(obj).decode()
    return "".join(
        character if " " <= character <= "~" or character > "\uffff" else f"\\u{ord(character):04x}"
        for character in text
    ).encode()


def _json_headers() -> dict[str, str]:
    return {"Accept": _JSON, "Content-Type": _JSON}
