"""Answers: an object, a list or an error in the form that was asked for."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import yaml
from aiohttp import web

from controller.envtest.embedded.refusals import unexplained
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.tables import metadata_only, table
from controller.meta import Object, jsonio
from controller.meta.errors import BadRequest, MethodNotAllowed, StatusError, to_status

_FORMS = (None, "Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_MEDIA = {"application/json": "json", "application/*": "json", "*/*": "json", "application/yaml": "yaml"}


class NotAcceptable(StatusError):
    """406: the server cannot answer in the form that was asked for."""

    code = 406

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="NotAcceptable")


class Representation:
    """The form in which a client wants its answers: by the first clause of ``Accept`` that can be served."""

    def __init__(self, accept: str, include_object: str = "") -> None:
        self.media, self._form = _accepted(accept)
        self._include = include_object or "Metadata"
        if self._form == "Table" and self._include not in ("Metadata", "Object", "None"):
            raise BadRequest(f"includeObject: Invalid value: {self._include!r}")

    @classmethod
    def of(cls, request: web.Request) -> "Representation":
        """The representation that this request asks for. Raises NotAcceptable, BadRequest."""
        return cls(request.headers.get("Accept") or "*/*", request.query.get("includeObject", ""))

    @property
    def form(self) -> str:
        """``Table`` or the like; empty where objects are shown as they are."""
        return self._form or ""

    def one(self, info: TypeInfo, obj: Object) -> Object:
        """One object."""
        match self._form:
            case "Table":
                version = {"resourceVersion": obj["metadata"].get("resourceVersion", "")}
                return table(info, [obj], version, time.time(), self._include)
            case "PartialObjectMetadata":
                return metadata_only(obj)
            case "PartialObjectMetadataList":
                raise unexplained("content is not a list")
            case _:
                return obj

    def many(self, info: TypeInfo, objects: Sequence[Object], metadata: Object) -> Object:
        """A list of objects. The items of built-in kinds carry neither kind nor apiVersion.

        Lists of custom kinds always have ``continue``, as in Kubernetes.
        """
        match self._form:
            case "Table":
                return table(info, objects, metadata, time.time(), self._include)
            case "PartialObjectMetadataList":
                kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
                items: Iterable[Object] = [metadata_only(obj) for obj in objects]
            case "PartialObjectMetadata":
                raise NotAcceptable("you requested PartialObjectMetadata, but the requested object is a list")
            case _:
                kind, api_version = info.list_kind, info.api_version
                items = objects if info.custom else map(_bare, objects)
                if info.custom:
                    metadata = {"continue": "", **metadata}
        found = list(items)
        is_null = self._form == "PartialObjectMetadataList" and not found  # As Go encodes a list that was never filled.
        return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": None if is_null else found}

    def answer(self, body: Any, code: int = 200) -> web.Response:
        """The body in the encoding that was asked for."""
        if self.media == "yaml":
            text = yaml.safe_dump(body, sort_keys=False, allow_unicode=True)
            return web.Response(body=text.encode(), status=code, content_type="application/yaml")
        return answer(body, code)


def _accepted(accept: str) -> tuple[str, str | None]:
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        named = dict(parameter.partition("=")[::2] for parameter in parameters)
        form = named.get("as")
        if media in _MEDIA and form in _FORMS:
            return _MEDIA[media], form
    raise NotAcceptable("only the following media types are accepted: application/json, application/yaml")


def _bare(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}


def answer(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(body=jsonio.dumps(body), status=code, content_type="application/json", headers=headers)


_R = TypeVar("_R", bound=web.StreamResponse)


def with_warnings(response: _R, warnings: Iterable[str]) -> _R:
    """The answer with a ``Warning`` header for each sentence."""
    for text in warnings:
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')
    return response


def refusal(error: StatusError) -> web.Response:
    """The error as a Status."""
    body = to_status(error)
    if not error.reason:
        del body["reason"]
    if extra := error.status.get("metadata"):
        body["metadata"] = extra
    headers = {"Retry-After": str(int(error.retry_after))} if error.retry_after else None
    return answer(body, error.http_code, headers)


def not_allowed() -> MethodNotAllowed:
    """405: the resource has no such method."""
    return MethodNotAllowed("the server does not allow this method on the requested resource")
