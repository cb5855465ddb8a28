"""The embedded API server: real HTTP on loopback over the storage, one asyncio task per request.

What it does not do, it refuses with 501: server-side apply, strategic merge patches with lists or directives, foreground and orphan deletion,
conversion webhooks, and subresources other than status. CEL rules of CRDs are stored and not enforced; everybody is admitted.
"""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import discovery, lists, openapi, queries
from controller.envtest.embedded.collector import Collector
from controller.envtest.embedded.crds import established, types_of
from controller.envtest.embedded.patches import patch_of
from controller.envtest.embedded.registry import Registry, Written
from controller.envtest.embedded.representations import (
    MAX_BODY,
    Representation,
    answer,
    read_json,
    read_object,
    refusal,
    written,
)
from controller.envtest.embedded.resources import BUILT_IN, CRD, TypeInfo
from controller.envtest.embedded.storage import Entry, Storage
from controller.envtest.embedded.watches import Watchers
from controller.meta import NamespacedName, Object, jsonio
from controller.meta.errors import (
    BadRequest,
    Cause,
    MethodNotAllowed,
    NotFound,
    NotImplementedByServer,
    RequestEntityTooLarge,
    StatusError,
    Timeout,
)

_FUTURE_SECONDS = 3.0
_POLL = 0.02
_SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_BUILT_IN_GROUPS = {(info.group, info.version) for info in BUILT_IN}


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path names: a resource, perhaps in one namespace, and perhaps one object of it or its status."""

    info: TypeInfo
    key: NamespacedName
    status: bool

    @property
    def is_object(self) -> bool:
        return bool(self.key.name)


class EmbeddedServer:
    """An API server in this process. ``crds`` are installed before it serves; a ``port`` of 0 picks a free one."""

    def __init__(self, crds: Iterable[Object] = (), port: int = 0) -> None:
        self.storage = Storage()
        self.registry = Registry(self.storage, lambda: meta.format_time(time.time()), lambda: str(uuid.uuid4()))
        self.watchers = Watchers(self.storage)
        self.url = ""
        self._port = port
        self._collector = Collector(self.registry, self._publish)
        self._runner: web.AppRunner | None = None
        self._collecting: asyncio.Task[None] | None = None
        for info in BUILT_IN:
            self._serve(info)
        for name in _SYSTEM_NAMESPACES:
            self._create("namespaces", {"metadata": {"name": name}})
        for crd in crds:
            self._create(CRD.plural, crd)

    def _create(self, plural: str, obj: Object) -> None:
        info = next(info for info in BUILT_IN if info.plural == plural)
        self._publish(self.registry.create(info, "", dict(obj), queries.write_options({})).entry)

    async def start(self) -> None:
        """Serves until ``stop``; nobody can watch from before the start. Raises OSError when the port is taken."""
        self.storage.compact()
        application = web.Application(client_max_size=MAX_BODY, middlewares=[_errors_as_status])
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._collecting = asyncio.create_task(self._collector.run())

    async def stop(self) -> None:
        """Ends all watches and closes the port."""
        self.watchers.close()
        if self._collecting is not None:
            self._collecting.cancel()
            await asyncio.gather(self._collecting, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()

    def _serve(self, info: TypeInfo) -> None:
        self.registry.types[info.group, info.version, info.plural] = info

    def _publish(self, entry: Entry | None) -> None:
        """Tells everybody who follows the resource, and does what the change asks of the server itself."""
        if entry is None:
            return
        self.watchers.publish(entry)
        if entry.resource == CRD.key:
            self._follow_crd(entry)
        self._collector.saw(entry)

    def _follow_crd(self, entry: Entry) -> None:
        before = types_of(entry.before) if entry.before is not None else []
        after = types_of(entry.after) if entry.after is not None else []
        if before == after:
            return
        for info in before:
            self.registry.types.pop((info.group, info.version, info.plural), None)
        for info in after:
            self._serve(info)
        if entry.after is None:
            for resource in {info.key for info in before}:
                for obj in self.storage.list(resource):
                    self._publish(self.storage.remove(resource, meta.key_of(obj)))
        for resource in {info.key for info in (*before, *after)}:
            self.watchers.close(resource)
            self.storage.begin(resource)
        if entry.after is not None and not meta.conditions_of(entry.after):
            status = established(entry.after, meta.format_time(time.time()))
            self._publish(self.storage.put(CRD.key, entry.key, {**entry.after, "status": status}))

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        if parts in (["healthz"], ["readyz"], ["livez"]):
            return web.Response(text="ok")
        if (document := self._document(parts)) is not None:
            return answer(document)
        target = self._target(parts)
        if target.is_object:
            return await self._handle_object(request, target)
        return await self._handle_collection(request, target.info, target.key.namespace)

    def _document(self, parts: list[str]) -> Object | None:
        types = self.registry.types.values()
        match parts:
            case ["version"]:
                return discovery.VERSION
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
            case ["apis"]:
                return discovery.api_groups(types)
            case ["api", version]:
                return discovery.api_resources(types, "", version)
            case ["apis", group]:
                return discovery.api_group(types, group)
            case ["apis", group, version]:
                return discovery.api_resources(types, group, version)
            case ["openapi", "v3"]:
                return openapi.index(types)
            case ["openapi", "v3", "api", version]:
                return openapi.document(types, "", version)
            case ["openapi", "v3", "apis", group, version]:
                return openapi.document(types, group, version)
            case _:
                return None

    def _target(self, parts: list[str]) -> _Target:
        """What the path names. Raises NotFound, NotImplementedByServer, or HTTPNotFound with the text that Kubernetes has there."""
        match parts:
            case ["api", version, first, *rest]:
                group = ""
            case ["apis", group, version, first, *rest]:
                pass
            case _:
                raise _no_page()
        if first == "watch":
            raise NotImplementedByServer("watches by path are not implemented by the embedded API server")
        namespace, plural = "", first
        if first == "namespaces" and len(rest) >= 2 and (group, version, rest[1]) in self.registry.types:
            namespace, plural, rest = rest[0], rest[1], rest[2:]
        info = self.registry.types.get((group, version, plural))
        if info is None or len(rest) > 2:
            raise _no_resource() if (group, version) in _BUILT_IN_GROUPS else _no_page()
        name, subresource = (*rest, "", "")[:2]
        if bool(namespace) != info.namespaced and (name or namespace):
            raise _no_page() if info.custom else _no_resource()
        if subresource in info.refused:
            text = f"{info.plural}/{subresource} is not implemented by the embedded API server"
            raise NotImplementedByServer(text)
        if subresource and not (subresource == "status" and info.has_status):
            raise _no_resource()
        return _Target(info, NamespacedName(namespace, name), subresource == "status")

    async def _handle_collection(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        if request.method == "GET" and queries.is_true(request.query, "watch"):
            return await self._watch(request, info, namespace)
        if request.method == "GET":
            return await self._list(request, info, namespace)
        if info.namespaced and not namespace:
            raise _no_page() if info.custom else MethodNotAllowed("the server does not allow this method here")
        if request.method == "POST":
            options = queries.write_options(request.query)
            result = self.registry.create(info, namespace, await read_object(request), options)
            return self._written(request, info, result)
        if request.method == "DELETE" and info.collection_deletable:
            return await self._delete_collection(request, info, namespace)
        if info.custom and request.method in ("PUT", "PATCH"):
            raise BadRequest("name must be provided")
        raise MethodNotAllowed("the server does not allow this method on the requested resource")

    async def _handle_object(self, request: web.Request, target: _Target) -> web.StreamResponse:
        info, key = target.info, target.key
        if request.method == "GET":
            await self._reach(queries.read_version(request.query.get("resourceVersion", "")))
            return answer(Representation.of(request).one(info, self.registry.get(info, key)))
        if request.method == "DELETE" and not target.status:
            return await self._delete(request, info, key)
        if request.method == "PUT":
            options = queries.write_options(request.query)
            body = await read_object(request)
            return self._written(request, info, self.registry.replace(info, key, body, options, status=target.status))
        if request.method == "PATCH":
            options = queries.write_options(request.query)
            change = patch_of(info, request.content_type, await read_json(request))
            return self._written(request, info, self.registry.patch(info, key, change, options, status=target.status))
        raise MethodNotAllowed("the server does not allow this method on the requested resource")

    def _written(self, request: web.Request, info: TypeInfo, result: Written) -> web.Response:
        self._publish(result.entry)
        return written(request, info, result)

    async def _delete(self, request: web.Request, info: TypeInfo, key: NamespacedName) -> web.StreamResponse:
        options = await _delete_options(request)
        result = self.registry.delete(info, key, options.preconditions, dry_run=options.dry_run)
        self._publish(result.entry)
        if meta.is_deleting(result.object) or info.returns_deleted:
            return answer(Representation.of(request).one(info, result.object))
        details = {"name": key.name, "group": info.group, "kind": info.plural, "uid": meta.uid_of(result.object)}
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def _delete_collection(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        options = await _delete_options(request)
        selection = queries.Selection(info, namespace, request.query)
        page = lists.page(self.storage, selection, queries.ListOptions.parse(request.query))
        for obj in page.objects:
            self._publish(self.registry.delete(info, meta.key_of(obj), {}, dry_run=options.dry_run).entry)
        return self._listed(request, info, page)

    async def _list(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        selection = queries.Selection(info, namespace, request.query)
        options = queries.ListOptions.parse(request.query)
        await self._reach(options.version)
        return self._listed(request, info, lists.page(self.storage, selection, options))

    def _listed(self, request: web.Request, info: TypeInfo, page: lists.Page) -> web.Response:
        objects = [info.shown(obj) for obj in page.objects]
        return answer(Representation.of(request).many(info, objects, page.metadata))

    async def _reach(self, version: int) -> None:
        """Waits for a revision from the future. Raises Timeout when it does not come."""
        deadline = time.monotonic() + _FUTURE_SECONDS
        while version > self.storage.revision:
            if time.monotonic() > deadline:
                text = f"Too large resource version: {version}, current: {self.storage.revision}"
                cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
                raise Timeout(f"Timeout: {text}", causes=(cause,), retry_after=1)
            await asyncio.sleep(_POLL)

    async def _watch(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        selection = queries.Selection(info, namespace, request.query)
        options = queries.WatchOptions.parse(request.query)
        representation = Representation.of(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        async with contextlib.aclosing(self.watchers.events(selection, options)) as events:
            await response.prepare(request)
            async for type_, obj in events:
                shown = obj if type_ in ("BOOKMARK", "ERROR") else representation.one(info, obj)
                await response.write(jsonio.dumps({"type": type_, "object": shown}) + b"\n")
        return response


async def _delete_options(request: web.Request) -> queries.DeleteOptions:
    body: Any = await read_object(request) if request.can_read_body else {}
    options = queries.DeleteOptions.parse(request.query, body)
    if options.propagation != "Background":
        text = f"propagationPolicy {options.propagation} is not implemented by the embedded API server"
        raise NotImplementedByServer(text)
    return options


def _no_page() -> web.HTTPNotFound:
    return web.HTTPNotFound(text="404 page not found\n")


def _no_resource() -> NotFound:
    return NotFound("the server could not find the requested resource")


@web.middleware
async def _errors_as_status(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refusals become Status bodies."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except StatusError as error:
        return refusal(error)
    except web.HTTPRequestEntityTooLarge:
        return refusal(RequestEntityTooLarge(f"Request entity too large: limit is {MAX_BODY}"))
