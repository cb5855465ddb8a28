"""The bodies of PATCH requests as functions from the current object to the new one. Pure."""

from collections.abc import Callable
from typing import Any

from controller import meta
from controller.envtest.embedded.apply.strategic import strategic_merge
from controller.envtest.embedded.resources import TypeInfo
from controller.meta.errors import BadRequest, UnsupportedMediaType

_JSON = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


def patch_of(info: TypeInfo, content_type: str, body: Any) -> Callable[[dict[str, Any]], Any]:
    """The change that a patch makes, as a function of the object. Raises BadRequest for one of the wrong form, and UnsupportedMediaType."""
    if content_type == _JSON:
        if not isinstance(body, list) or not all(isinstance(operation, dict) for operation in body):
            raise BadRequest("error decoding patch: a JSON patch is a list of operations")
        return lambda current: _json_patch(current, body)
    if content_type == _MERGE or (content_type == _STRATEGIC and not info.custom):
        if not isinstance(body, dict):
            raise BadRequest("error decoding patch: a merge patch is an object")
        if content_type == _STRATEGIC:
            return lambda current: strategic_merge(current, body, info.schema)
        return lambda current: meta.merge_patch(current, body)
    accepted = (_JSON, _MERGE, APPLY) if info.custom else (_JSON, _MERGE, _STRATEGIC, APPLY)
    text = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    raise UnsupportedMediaType(text)


def _json_patch(current: Any, operations: list[dict[str, Any]]) -> Any:
    """As Kubernetes' library does it: ``replace`` also sets a member that an object does not have. Raises PatchError."""
    for operation in operations:
        sets = operation.get("op") == "replace" and isinstance(_parent(current, operation.get("path")), dict)
        current = meta.json_patch(current, [{**operation, "op": "add"} if sets else operation])
    return current


def _parent(value: Any, path: Any) -> Any:
    """The container of the place that a JSON pointer names, or None."""
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    for part in path.split("/")[1:-1]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list):
            value = value[int(name)] if name.isdecimal() and int(name) < len(value) else None
        else:
            value = value.get(name) if isinstance(value, dict) else None
    return value


def unsupported(content_type: str) -> UnsupportedMediaType:
    """415: bodies of this type are not read here."""
    return UnsupportedMediaType(f"the body of the request was in an unknown format - {content_type}")
