"""The bodies of PATCH requests as functions from the current object to the new one. Pure."""

from collections.abc import Callable
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import TypeInfo
from controller.meta.errors import BadRequest, NotImplementedByServer, UnsupportedMediaType

_JSON = "application/json-patch+json"
_MERGE = "application/merge-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"
_APPLY = ("application/apply-patch+yaml", "application/apply-patch+cbor")


def patch_of(info: TypeInfo, content_type: str, body: Any) -> Callable[[dict[str, Any]], Any]:
    """What a patch does. Raises BadRequest for one of the wrong form, UnsupportedMediaType, and NotImplementedByServer."""
    if content_type in _APPLY:
        raise NotImplementedByServer("server-side apply is not implemented by the embedded API server")
    if content_type == _JSON:
        if not isinstance(body, list) or not all(isinstance(operation, dict) for operation in body):
            raise BadRequest("error decoding patch: a JSON patch is a list of operations")
        return lambda current: meta.json_patch(current, body)
    if content_type == _MERGE or (content_type == _STRATEGIC and not info.custom):
        if not isinstance(body, dict):
            raise BadRequest("error decoding patch: a merge patch is an object")
        if content_type == _STRATEGIC and not _is_plain(body):
            raise NotImplementedByServer(
                "strategic merge of lists and directives is not implemented by the embedded API server"
            )
        return lambda current: meta.merge_patch(current, body)
    raise UnsupportedMediaType(f"the body of the request was in an unknown format: {content_type}")


def _is_plain(patch: Any) -> bool:
    """Whether a strategic merge patch means the same as a merge patch: it holds neither lists nor directives."""
    stack = [patch]
    while stack:
        value = stack.pop()
        if isinstance(value, list) or (isinstance(value, dict) and any(key.startswith("$") for key in value)):
            return False
        stack.extend(value.values() if isinstance(value, dict) else ())
    return True
