"""The embedded API server: real HTTP on loopback over the storage, one asyncio task per request.

What it does not do, it refuses: server-side apply, strategic merge patches with lists or directives, and foreground deletion answer with an error
that says so. CEL rules of CRDs are stored and not enforced; everybody is admitted.
"""

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import views
from controller.envtest.embedded.collector import Collector
from controller.envtest.embedded.crds import BUILT_IN, CRD, established, types_of
from controller.envtest.embedded.registry import Registry, TypeInfo
from controller.envtest.embedded.storage import Compacted, Entry, Storage
from controller.meta import FieldSelector, LabelSelector, NamespacedName, Object, jsonio
from controller.meta.errors import (
    BadRequest,
    Cause,
    Gone,
    Invalid,
    NotImplementedByServer,
    StatusError,
    Timeout,
    UnsupportedMediaType,
    to_status,
)

_BOOKMARK_SECONDS = 60.0
_FUTURE_SECONDS = 3.0
_MAX_BODY = 3 * 1024 * 1024
_INITIAL_END = "k8s.io/initial-events-end"


class _Selection:
    """Which objects of a resource a request is about."""

    def __init__(self, info: TypeInfo, namespace: str, query: Mapping[str, str]) -> None:
        try:
            self.labels = LabelSelector.parse(query.get("labelSelector", ""))
            self.fields = FieldSelector.parse(query.get("fieldSelector", ""))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        self.info = info
        self.namespace = namespace

    def matches(self, obj: Object | None) -> bool:
        """Whether the object is among them."""
        if obj is None or (self.namespace and meta.namespace_of(obj) != self.namespace):
            return False
        return self.labels.matches(meta.labels_of(obj)) and self.fields.matches(obj)


class EmbeddedServer:
    """An API server in this process. ``crds`` are installed before it serves; a ``port`` of 0 picks a free one."""

    def __init__(self, crds: Iterable[Object] = (), port: int = 0) -> None:
        self.storage = Storage()
        self.registry = Registry(self.storage, lambda: meta.format_time(time.time()), lambda: str(uuid.uuid4()))
        self._port = port
        self._watchers: dict[asyncio.Queue[Entry | None], TypeInfo] = {}
        self._collector = Collector(self.registry, self._publish)
        self._runner: web.AppRunner | None = None
        self._collecting: asyncio.Task[None] | None = None
        self.url = ""
        for info in BUILT_IN:
            self._serve(info)
        for name in ("default", "kube-system"):
            body = {"metadata": {"name": name}, "status": {"phase": "Active"}}
            self.registry.create(self._type("", "v1", "namespaces"), "", body)
        for crd in crds:
            self._install(self.registry.create(CRD, "", dict(crd))[0])

    async def start(self) -> None:
        """Serves until ``stop``. Raises OSError when the port is taken."""
        application = web.Application(client_max_size=_MAX_BODY, middlewares=[_errors_as_status])
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._collecting = asyncio.create_task(self._collector.run())

    async def stop(self) -> None:
        """Ends all watches and closes the port."""
        for queue in list(self._watchers):
            queue.put_nowait(None)
        if self._collecting is not None:
            self._collecting.cancel()
            await asyncio.gather(self._collecting, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def _type(self, group: str, version: str, plural: str) -> TypeInfo:
        info = self.registry.types.get((group, version, plural))
        if info is None:
            raise web.HTTPNotFound(text="404 page not found\n")
        return info

    def _serve(self, info: TypeInfo) -> None:
        self.registry.types[info.group, info.version, info.plural] = info

    def _install(self, crd: Object) -> None:
        for info in types_of(crd):
            self._serve(info)
        if not meta.conditions_of(crd):
            status = established(crd, meta.format_time(time.time()))
            key = NamespacedName("", meta.name_of(crd))
            self._publish(self.storage.put(CRD.key, key, {**crd, "status": status}))

    def _publish(self, entry: Entry | None) -> None:
        """Tells everybody who follows the resource, and does what the change asks of the server itself."""
        if entry is None:
            return
        for queue, info in list(self._watchers.items()):
            if info.key == entry.resource:
                queue.put_nowait(entry)
        if entry.resource == CRD.key:
            self._follow_crd(entry)
        self._collector.saw(entry)

    def _follow_crd(self, entry: Entry) -> None:
        if entry.after is not None:
            if entry.before is None or meta.spec_of(entry.before) != meta.spec_of(entry.after):
                self._install(entry.after)
            return
        for info in types_of(entry.object):
            for obj in self.storage.list(info.key):
                self._publish(self.storage.remove(info.key, meta.key_of(obj)))
            self.registry.types.pop((info.group, info.version, info.plural), None)
            for queue in [queue for queue, watched in self._watchers.items() if watched.key == info.key]:
                queue.put_nowait(None)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        static = self._static(parts)
        if static is not None:
            return web.json_response(static, dumps=_dumps)
        if parts and parts[0] == "api" and len(parts) > 2:
            group, version, rest = "", parts[1], parts[2:]
        elif parts and parts[0] == "apis" and len(parts) > 3:
            group, version, rest = parts[1], parts[2], parts[3:]
        elif parts in (["healthz"], ["readyz"], ["livez"]):
            return web.Response(text="ok")
        else:
            raise web.HTTPNotFound(text="404 page not found\n")
        namespace = ""
        if len(rest) >= 3 and rest[0] == "namespaces" and (group, version, rest[2]) in self.registry.types:
            namespace, rest = rest[1], rest[2:]
        info = self._type(group, version, rest[0])
        name, subresource = (rest[1:2] or [""])[0], (rest[2:3] or [""])[0]
        if len(rest) > 3 or (subresource and not (subresource == "status" and info.has_status)):
            raise web.HTTPNotFound(text="404 page not found\n")
        return await self._dispatch(request, info, namespace, name, subresource == "status")

    def _static(self, parts: list[str]) -> Object | None:
        types = self.registry.types.values()
        match parts:
            case ["version"]:
                return views.VERSION
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
            case ["apis"]:
                return views.api_groups(types)
            case ["api", version]:
                return views.api_resources(types, "", version)
            case ["apis", group]:
                return views.api_group(types, group)
            case ["apis", group, version]:
                return views.api_resources(types, group, version)
            case ["openapi", "v3"]:
                return views.openapi_index(types)
            case ["openapi", "v3", "api", version]:
                return views.openapi_document(types, "", version)
            case ["openapi", "v3", "apis", group, version]:
                return views.openapi_document(types, group, version)
            case _:
                return None

    async def _dispatch(
        self, request: web.Request, info: TypeInfo, namespace: str, name: str, status: bool
    ) -> web.StreamResponse:
        match request.method, bool(name):
            case "GET", False if request.query.get("watch") in ("true", "1"):
                return await self._watch(request, info, namespace)
            case "GET", False:
                return await self._list(request, info, namespace)
            case "GET", True:
                found = self.registry.get(info, NamespacedName(namespace, name))
                return self._answer(request, info, found)
            case "POST", False:
                body = await _body(request)
                flags = _flags(request)
                obj, dropped, entry = self.registry.create(info, namespace, body, **flags)
                self._publish(entry)
                return self._answer(request, info, self._latest(info, obj, entry), 201, dropped)
            case "PUT", True:
                body = await _body(request)
                key = NamespacedName(namespace, name)
                obj, dropped, entry = self.registry.replace(info, key, body, status=status, **_flags(request))
                self._publish(entry)
                return self._answer(request, info, obj, 200, dropped)
            case "PATCH", True:
                return await self._patch(request, info, NamespacedName(namespace, name), status)
            case "DELETE", True:
                return await self._delete(request, info, NamespacedName(namespace, name))
            case "DELETE", False:
                return await self._delete_all(request, info, namespace)
            case _:
                raise web.HTTPMethodNotAllowed(request.method, ["GET"])

    def _latest(self, info: TypeInfo, obj: dict[str, Any], entry: Entry | None) -> dict[str, Any]:
        """What is stored by now: a new CRD has its status at once."""
        return (entry and self.storage.get(info.key, meta.key_of(obj))) or obj

    async def _patch(
        self, request: web.Request, info: TypeInfo, key: NamespacedName, status: bool
    ) -> web.StreamResponse:
        kind = request.content_type
        if kind == "application/apply-patch+yaml":
            raise NotImplementedByServer("server-side apply is not implemented by the embedded API server")
        patch = await _body(request)
        if kind == "application/json-patch+json":
            if not isinstance(patch, list):
                raise BadRequest("a JSON patch is a list of operations")

            def change(current: dict[str, Any]) -> Any:
                return meta.json_patch(current, patch)
        elif kind == "application/merge-patch+json" or (
            kind == "application/strategic-merge-patch+json" and _is_plain(info, patch)
        ):
            if not isinstance(patch, dict):
                raise BadRequest("a merge patch is an object")

            def change(current: dict[str, Any]) -> Any:
                return meta.merge_patch(current, patch)
        else:
            raise UnsupportedMediaType(f"the body of the request was in an unsupported format: {kind}")
        obj, dropped, entry = self.registry.patch(info, key, change, status=status, **_flags(request))
        self._publish(entry)
        return self._answer(request, info, obj, 200, dropped)

    async def _delete(self, request: web.Request, info: TypeInfo, key: NamespacedName) -> web.StreamResponse:
        options = await _body(request) if request.can_read_body else {}
        options = options if isinstance(options, dict) else {}
        policy = options.get("propagationPolicy") or request.query.get("propagationPolicy") or "Background"
        if policy != "Background":
            raise NotImplementedByServer(f"propagationPolicy {policy} is not implemented by the embedded API server")
        last, entry = self.registry.delete(info, key, options.get("preconditions") or {}, **_dry(request))
        self._publish(entry)
        if entry is not None and entry.after is None and (info.schema is not None or info.key == CRD.key):
            details = {"name": key.name, "group": info.group, "kind": info.plural, "uid": meta.uid_of(last)}
            status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
            return web.json_response(status, dumps=_dumps)
        return self._answer(request, info, last)

    async def _delete_all(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        selection = _Selection(info, namespace, request.query)
        removed = [obj for obj in self.storage.list(info.key, namespace) if selection.matches(obj)]
        for obj in removed:
            self._publish(self.registry.delete(info, meta.key_of(obj), {})[1])
        return self._answer_list(request, info, removed, {"resourceVersion": str(self.storage.revision)})

    async def _list(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        query = request.query
        selection = _Selection(info, namespace, query)
        revision, after = await self._list_revision(query)
        objects = [obj for obj in self._snapshot(info, revision) if selection.matches(obj)]
        objects.sort(key=meta.key_of)
        if after:
            objects = [obj for obj in objects if list(meta.key_of(obj)) > after]
        list_metadata: dict[str, Any] = {"resourceVersion": str(revision)}
        limit = int(query.get("limit") or 0)
        if limit and len(objects) > limit:
            list_metadata |= {
                "continue": _token(revision, list(meta.key_of(objects[limit - 1]))),
                "remainingItemCount": len(objects) - limit,
            }
            objects = objects[:limit]
        return self._answer_list(request, info, objects, list_metadata)

    async def _list_revision(self, query: Mapping[str, str]) -> tuple[int, list[str]]:
        """The revision to list at, and the key after which a continued list goes on."""
        version, match = query.get("resourceVersion", ""), query.get("resourceVersionMatch", "")
        if token := query.get("continue"):
            revision, after = _read_token(token)
            if revision < self.storage.compacted:
                error = Gone("the provided continue parameter is too old", reason="Expired")
                error.status = {"metadata": {"continue": _token(self.storage.revision, after)}}
                raise error
            return revision, after
        if match and not version:
            raise Invalid("resourceVersionMatch is forbidden unless resourceVersion is provided")
        wanted = _version(version)
        if wanted > self.storage.revision:
            await asyncio.sleep(_FUTURE_SECONDS)
            cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
            raise Timeout(
                f"Too large resource version: {wanted}, current: {self.storage.revision}",
                causes=(cause,),
                retry_after=1,
            )
        if match == "Exact":
            if wanted < self.storage.compacted:
                raise Gone(f"The resourceVersion for the provided list is too old: {wanted}", reason="Expired")
            return wanted, []
        return self.storage.revision, []

    def _snapshot(self, info: TypeInfo, revision: int) -> list[dict[str, Any]]:
        """All objects of a resource as they were at a revision."""
        state = {meta.key_of(obj): obj for obj in self.storage.list(info.key)}
        if revision < self.storage.revision:
            for entry in reversed(list(self.storage.since(revision, info.key))):
                if entry.before is None:
                    state.pop(entry.key, None)
                else:
                    state[entry.key] = entry.before
        return list(state.values())

    async def _watch(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        query = request.query
        selection = _Selection(info, namespace, query)
        initial = query.get("sendInitialEvents") == "true"
        if initial != (query.get("resourceVersionMatch") == "NotOlderThan"):
            raise Invalid("sendInitialEvents and resourceVersionMatch=NotOlderThan belong together")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        queue: asyncio.Queue[Entry | None] = asyncio.Queue()
        backlog, failure = self._backlog(info, query.get("resourceVersion", ""), initial)
        self._watchers[queue] = info
        try:
            await response.prepare(request)
            if failure is not None:
                await response.write(_event("ERROR", to_status(failure)))
                return response
            stream = self._events(request, selection, backlog, queue, initial)
            async for line in stream:
                await response.write(line)
        except ConnectionResetError:
            pass
        finally:
            self._watchers.pop(queue, None)
        return response

    def _backlog(self, info: TypeInfo, version: str, initial: bool) -> tuple[list[Entry], StatusError | None]:
        """What comes before the live events: everything there is, or what happened since a version."""
        since = _version(version)
        if initial or not since:
            objects = self.storage.list(info.key)
            return [
                Entry(int(meta.resource_version_of(o)), info.key, meta.key_of(o), None, o, o) for o in objects
            ], None
        try:
            return list(self.storage.since(since, info.key)), None
        except Compacted as error:
            return [], Gone(f"too old resource version: {since} ({error.oldest})", reason="Expired")

    async def _events(
        self,
        request: web.Request,
        selection: _Selection,
        backlog: list[Entry],
        queue: asyncio.Queue[Entry | None],
        initial: bool,
    ) -> AsyncIterator[bytes]:
        info, query = selection.info, request.query
        bookmarks = query.get("allowWatchBookmarks") == "true"
        for entry in backlog:
            if line := self._line(request, selection, entry):
                yield line
        if initial:
            yield _event("BOOKMARK", _bookmark(info, self.storage.revision, {_INITIAL_END: "true"}))
        window = float(query.get("timeoutSeconds") or 0) or 1800.0
        end = time.monotonic() + window
        next_bookmark = min(time.monotonic() + _BOOKMARK_SECONDS, max(end - 2, time.monotonic()))
        silent = _version(query.get("resourceVersion", "")) > self.storage.revision
        while (left := end - time.monotonic()) > 0:
            pause = min(left, max(0.0, next_bookmark - time.monotonic())) if bookmarks and not silent else left
            try:
                entry_ = await asyncio.wait_for(queue.get(), pause + 0.001)
            except TimeoutError:
                if bookmarks and not silent and time.monotonic() >= next_bookmark:
                    yield _event("BOOKMARK", _bookmark(info, self.storage.revision, {}))
                    next_bookmark = min(time.monotonic() + _BOOKMARK_SECONDS, end - 2)
                    next_bookmark = next_bookmark if next_bookmark > time.monotonic() else end + 1
                continue
            if entry_ is None:
                return
            if not silent and (line := self._line(request, selection, entry_)):
                yield line

    def _line(self, request: web.Request, selection: _Selection, entry: Entry) -> bytes | None:
        was, is_ = selection.matches(entry.before), selection.matches(entry.after)
        if not was and not is_:
            return None
        type_ = "ADDED" if not was else "MODIFIED" if is_ else "DELETED"
        obj = entry.object
        if not is_ and entry.after is not None and entry.before is not None:
            metadata = {**entry.before["metadata"], "resourceVersion": str(entry.revision)}
            obj = {**entry.before, "metadata": metadata}
        return _event(type_, self._shown(request, selection.info, obj))

    def _shown(self, request: web.Request, info: TypeInfo, obj: dict[str, Any]) -> Object:
        accept = request.headers.get("Accept", "")
        if "as=Table" in accept:
            return views.table(info, [obj], {"resourceVersion": meta.resource_version_of(obj)})
        if "as=PartialObjectMetadata" in accept:
            return views.metadata_only(obj)
        return {**obj, "apiVersion": info.api_version, "kind": info.kind}

    def _answer(
        self, request: web.Request, info: TypeInfo, obj: dict[str, Any], code: int = 200, dropped: Iterable[str] = ()
    ) -> web.Response:
        response = web.Response(
            body=jsonio.dumps(self._shown(request, info, obj)), status=code, content_type="application/json"
        )
        if request.query.get("fieldValidation", "Warn") == "Warn":
            for where in dropped:
                response.headers.add("Warning", f'299 - "unknown field \\"{where}\\""')
        return response

    def _answer_list(
        self, request: web.Request, info: TypeInfo, objects: list[dict[str, Any]], list_metadata: Object
    ) -> web.Response:
        accept = request.headers.get("Accept", "")
        if "as=Table" in accept:
            body: Object = views.table(info, objects, list_metadata)
        elif "as=PartialObjectMetadataList" in accept:
            items = [views.metadata_only(obj) for obj in objects]
            body = {
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": list_metadata,
                "items": items,
            }
        else:
            body = {"kind": info.list_kind, "apiVersion": info.api_version, "metadata": list_metadata, "items": objects}
        return web.Response(body=jsonio.dumps(body), content_type="application/json")


def _dumps(value: Any) -> str:
    return jsonio.dumps(value).decode()


def _event(type_: str, obj: Object) -> bytes:
    return jsonio.dumps({"type": type_, "object": obj}) + b"\n"


def _bookmark(info: TypeInfo, revision: int, annotations: Object) -> dict[str, Any]:
    metadata: dict[str, Any] = {"resourceVersion": str(revision), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    return {"kind": info.kind, "apiVersion": info.api_version, "metadata": metadata}


def _token(revision: int, after: list[str]) -> str:
    return base64.urlsafe_b64encode(jsonio.dumps([revision, after])).decode()


def _read_token(token: str) -> tuple[int, list[str]]:
    try:
        revision, after = jsonio.loads(base64.urlsafe_b64decode(token))
    except (ValueError, TypeError):
        raise BadRequest("continue key is not valid") from None
    return revision, after


def _version(text: str) -> int:
    if not text.isascii() or (text and not text.isdigit()):
        raise Invalid(f'invalid resource version "{text[:64]}"')
    return int(text or 0)


def _flags(request: web.Request) -> dict[str, bool]:
    return {"strict": request.query.get("fieldValidation") == "Strict", **_dry(request)}


def _dry(request: web.Request) -> dict[str, bool]:
    return {"dry_run": request.query.get("dryRun") == "All"}


def _is_plain(info: TypeInfo, patch: Any) -> bool:
    """Whether a strategic merge patch means the same as a merge patch: a built-in kind, and neither lists nor directives."""
    if info.schema is not None:
        return False
    stack = [patch]
    while stack:
        value = stack.pop()
        if isinstance(value, list) or (isinstance(value, dict) and any(key.startswith("$") for key in value)):
            return False
        stack.extend(value.values() if isinstance(value, dict) else ())
    return True


async def _body(request: web.Request) -> Any:
    data = await request.read()
    if "yaml" in request.content_type:
        raise UnsupportedMediaType("the embedded API server takes JSON only")
    if "protobuf" in request.content_type:
        raise UnsupportedMediaType("the embedded API server takes JSON only")
    try:
        return jsonio.loads(data)
    except ValueError as error:
        raise BadRequest(f"the body of the request cannot be read: {error}") from None


@web.middleware
async def _errors_as_status(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refusals become Status bodies."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except StatusError as error:
        body = to_status(error)
        if extra := error.status.get("metadata"):
            body["metadata"] = extra
        headers = {"Retry-After": str(int(error.retry_after))} if error.retry_after else {}
        return web.Response(
            body=jsonio.dumps(body), status=error.http_code, content_type="application/json", headers=headers
        )
    except web.HTTPRequestEntityTooLarge:
        body = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "reason": "RequestEntityTooLarge",
        }
        return web.json_response({**body, "message": "the request is too large", "code": 413}, status=413)
