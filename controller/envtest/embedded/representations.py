"""Bodies in and out: what a request carries, and an object, a list or an error in the form that was asked for."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiohttp import web

from controller.envtest.embedded import protobuf
from controller.envtest.embedded.registry import Written, unexplained
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.tables import metadata_only, table
from controller.meta import Object, jsonio
from controller.meta.errors import BadRequest, StatusError, UnsupportedMediaType, to_status

MAX_BODY = 3 * 1024 * 1024
_MAX_STORED = 3 * 512 * 1024
_FORMS = (None, "Table", "PartialObjectMetadata", "PartialObjectMetadataList")
_MAY_HOLD_FLOATS = re.compile(rb"\d(\.0|[eE])")


async def read_json(request: web.Request) -> Any:
    """The body of the request. Raises BadRequest."""
    data = await request.read()
    if len(data) > _MAX_STORED:
        raise unexplained("etcdserver: request is too large")
    try:
        value = jsonio.loads(data)
    except ValueError as error:
        raise BadRequest(f"the body of the request cannot be read: {error}") from None
    return _whole_numbers(value) if _MAY_HOLD_FLOATS.search(data) else value


async def read_object(request: web.Request) -> Any:
    """The object that the request carries. Raises UnsupportedMediaType for what is neither JSON nor protobuf that is known."""
    if request.content_type == protobuf.CONTENT_TYPE:
        try:
            return protobuf.decode(await request.read())
        except protobuf.ProtobufError as error:
            raise UnsupportedMediaType(f"the embedded API server prefers application/json: {error}") from None
    if request.headers.get("Content-Type") is not None and request.content_type != "application/json":
        raise UnsupportedMediaType("the embedded API server takes application/json only")
    return await read_json(request)


def _whole_numbers(value: Any) -> Any:
    """Kubernetes stores ``1.0`` as 1."""
    match value:
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)
        case dict():
            return {key: _whole_numbers(item) for key, item in value.items()}
        case list():
            return [_whole_numbers(item) for item in value]
        case _:
            return value


class NotAcceptable(StatusError):
    """406: the server cannot answer in the form that was asked for."""

    code = 406

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="NotAcceptable")


class Representation:
    """The form in which a client wants its answers: by the first clause of ``Accept`` that can be served."""

    def __init__(self, accept: str, include_object: str = "") -> None:
        self._form = _form(accept)
        self._include = include_object or "Metadata"
        if self._form == "Table" and self._include not in ("Metadata", "Object", "None"):
            raise BadRequest(f"includeObject: Invalid value: {self._include!r}")

    @classmethod
    def of(cls, request: web.Request) -> "Representation":
        """What this request asks for. Raises NotAcceptable, BadRequest."""
        return cls(request.headers.get("Accept", "*/*"), request.query.get("includeObject", ""))

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
        """A list of objects. The items of built-in kinds carry neither kind nor apiVersion."""
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
        return {"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": list(items)}


def _form(accept: str) -> str | None:
    for clause in accept.split(","):
        media, *parameters = (part.strip() for part in clause.split(";"))
        named = dict(parameter.partition("=")[::2] for parameter in parameters)
        form = named.get("as")
        if media in ("application/json", "application/*", "*/*") and form in _FORMS:
            return form
    raise NotAcceptable("only the following media types are accepted: application/json")


def _bare(obj: Object) -> Object:
    return {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}


def answer(body: Any, code: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(body=jsonio.dumps(body), status=code, content_type="application/json", headers=headers)


def written(request: web.Request, info: TypeInfo, result: Written) -> web.Response:
    """The answer to a create, an update or a patch; unknown fields that were dropped are warned about."""
    is_new = result.entry is not None and result.entry.before is None
    code = 201 if is_new or request.method == "POST" else 200
    response = answer(Representation.of(request).one(info, result.object), code)
    if request.query.get("fieldValidation", "Warn") == "Warn":
        for where in result.dropped:
            response.headers.add("Warning", f'299 - "unknown field \\"{where}\\""')
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
