"""Requests as calls of the registry: which one a method and a path mean, and the answer."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import bodies, discovery, lists, openapi, queries, reviews, subresources
from controller.envtest.embedded.apply import typed
from controller.envtest.embedded.deletion import DeleteOptions
from controller.envtest.embedded.faults import Faults
from controller.envtest.embedded.patches import APPLY, patch_of
from controller.envtest.embedded.paths import NoPage, Target, target_of
from controller.envtest.embedded.refusals import unexplained
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.representations import Representation, answer, refusal, with_warnings
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.storage import Entry
from controller.envtest.embedded.watches import Watchers
from controller.envtest.embedded.writes import Body, WriteOptions, Written
from controller.meta import Object, jsonio
from controller.meta.errors import (
    BadRequest,
    Cause,
    MethodNotAllowed,
    NotImplementedByServer,
    RequestEntityTooLarge,
    StatusError,
    Timeout,
    TooManyRequests,
)

Publish = Callable[[Entry | None], None]
_FUTURE_SECONDS = 3.0
_POLL = 0.02
_HEALTH = ("healthz", "livez", "readyz")
_PARTS_OF_OBJECTS = ("status", "finalize", "approval", "ephemeralcontainers", "resize")


class Handlers:
    """Answers every request."""

    def __init__(self, registry: Registry, watchers: Watchers, publish: Publish, faults: Faults) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._watchers = watchers
        self._publish = publish
        self._faults = faults
        self._lines = EventLines()

    @web.middleware
    async def errors(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Refusals become Status bodies."""
        try:
            response: web.StreamResponse = await handler(request)
            return response
        except NoPage:
            return web.Response(status=404, text="404 page not found\n")
        except StatusError as error:
            return refusal(error)
        except web.HTTPRequestEntityTooLarge:
            return refusal(RequestEntityTooLarge(f"Request entity too large: limit is {bodies.MAX_BODY}"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        parts = [part for part in request.path.split("/") if part]
        if parts and parts[0] in _HEALTH:
            return web.Response(text="ok")
        if parts == ["metrics"]:
            return web.Response(text=self._metrics())
        if parts == ["openapi", "v2"] and openapi.wants_protobuf(request.headers.get("Accept", "")):
            return web.Response(body=openapi.SWAGGER_PROTOBUF, headers={"Content-Type": openapi.V2_PROTOBUF})
        if (document := self._document(parts)) is not None:
            return answer(document)
        target = target_of(parts, self._registry.types)
        if target.subresource:
            return await self._handle_subresource(request, target)
        if target.is_object:
            return await self._handle_object(request, target)
        return await self._handle_collection(request, target)

    def _metrics(self) -> str:
        lines = [
            "# HELP apiserver_storage_objects [STABLE] Number of stored objects.",
            "# TYPE apiserver_storage_objects gauge",
        ]
        for group, plural in sorted(self._storage.resources()):
            name = f"{plural}.{group}" if group else plural
            lines.append(f'apiserver_storage_objects{{resource="{name}"}} {self._storage.count((group, plural))}')
        return "\n".join(lines) + "\n"

    def _document(self, parts: list[str]) -> Object | None:
        types = self._registry.types
        match parts:
            case []:
                return discovery.root(types)
            case ["version"]:
                return discovery.version()
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
            case ["openapi", "v2"]:
                return openapi.swagger(types)
            case ["openapi", "v3"]:
                return openapi.index(types)
            case ["openapi", "v3", "api", version]:
                return openapi.document(types, "", version)
            case ["openapi", "v3", "apis", group, version]:
                return openapi.document(types, group, version)
            case _:
                return None

    async def _handle_collection(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, namespace = target.info, target.key.namespace
        if request.method == "POST" and "list" not in info.verbs:
            return await self._review(request, target)
        if request.method in ("GET", "HEAD") and "list" in info.verbs:
            if target.watch or queries.is_true(request.query, "watch"):
                return await self._watch(request, target)
            return await self._list(request, info, namespace)
        if info.namespaced and not namespace:
            if info.custom:
                raise NoPage
            raise _not_allowed()
        if request.method == "POST":
            options = self._write_options(request)
            result = self._registry.create(info, namespace, await self._object(request), options)
            return self._written(request, info, result)
        if request.method == "DELETE" and "deletecollection" in info.verbs:
            return await self._delete_collection(request, info, namespace)
        if info.custom and request.method in ("PUT", "PATCH"):
            raise BadRequest("name must be provided")
        raise _not_allowed()

    async def _review(self, request: web.Request, target: Target) -> web.StreamResponse:
        info = target.info
        body = (await self._object(request)).value
        user = reviews.user_of(
            request.headers.get("Authorization", ""),
            request.headers.get("Impersonate-User", ""),
            request.headers.getall("Impersonate-Group", ()),
        )
        if info.kind == "Binding":
            raise NotImplementedByServer("bindings are created at pods/NAME/binding")
        result = reviews.reviewed(info.kind, body, target.key.namespace, user, self._storage)
        given = body.get("metadata") if isinstance(body, dict) else None
        return answer({"kind": info.kind, "apiVersion": info.api_version, "metadata": given or {}, **result}, 201)

    async def _handle_object(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key = target.info, target.key
        if request.method in ("GET", "HEAD"):
            if target.watch:
                return await self._watch(request, target)
            await self._reach(queries.read_version(request.query.get("resourceVersion", "")))
            shape = Representation.of(request)
            return shape.answer(shape.one(info, self._registry.get(info, key)))
        if request.method == "DELETE":
            return await self._delete(request, info, target, await self._delete_options(request))
        if request.method == "PUT":
            result = self._registry.replace(info, key, await self._object(request), self._write_options(request))
            return self._written(request, info, result)
        if request.method == "PATCH":
            return self._written(request, info, await self._patched(request, target))
        raise _not_allowed()

    async def _patched(self, request: web.Request, target: Target) -> Written:
        info, key = target.info, target.key
        subresource = target.subresource
        if request.content_type == APPLY:
            body = bodies.read_yaml(await request.read())
            options = queries.apply_options(request.query)
            try:
                return self._registry.apply(info, key, body, options, subresource=subresource)
            except typed.TypedError as error:
                raise unexplained(f"failed to create typed patch object: {error}") from None
        patch = bodies.read_json(await request.read())
        change = patch_of(info, request.content_type, patch.value)
        options = self._write_options(request)
        return self._registry.patch(info, key, change, options, subresource=subresource, duplicates=patch.duplicates)

    async def _handle_subresource(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key, name = target.info, target.key, target.subresource
        if name in _PARTS_OF_OBJECTS:
            return await self._handle_part(request, target)
        if name == "scale":
            return await self._scale(request, target)
        current = self._registry.get(info, key)
        if name in ("log", "exec", "attach", "portforward") and not meta.spec_of(current).get("nodeName"):
            raise BadRequest(f"pod {key.name} does not have a host assigned")
        if request.method != "POST" or name not in ("binding", "eviction", "token"):
            raise NotImplementedByServer(f"{info.plural}/{name} is not implemented by the embedded API server")
        body = (await self._object(request)).value
        if name == "token":
            return answer(subresources.token(current, body, time.time()), 201)
        if name == "eviction":
            return self._evict(target, body, queries.write_options(request.query))
        pod = subresources.bound(current, body, meta.format_time(time.time()))
        self._publish(self._storage.put(info.key, key, info.stored(pod)))
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    async def _handle_part(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key = target.info, target.key
        if request.method in ("GET", "HEAD"):
            shape = Representation.of(request)
            return shape.answer(shape.one(info, self._registry.get(info, key)))
        if request.method == "PUT":
            options = self._write_options(request)
            body = await self._object(request)
            result = self._registry.replace(info, key, body, options, subresource=target.subresource)
        elif request.method == "PATCH":
            result = await self._patched(request, target)
        else:
            raise _not_allowed()
        return self._written(request, info, result)

    async def _scale(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key = target.info, target.key
        current = self._registry.get(info, key)
        if request.method in ("GET", "HEAD"):
            return answer(subresources.scale_of(info, current))
        if request.method == "PUT":
            wanted = (await self._object(request)).value
        elif request.method == "PATCH":
            patch = bodies.read_json(await request.read())
            scale_info = self._registry.types.of_kind("apps", "Deployment") or info
            wanted = patch_of(scale_info, request.content_type, patch.value)(subresources.scale_of(info, current))
        else:
            raise _not_allowed()
        changed = subresources.scaled(info, current, wanted)
        result = self._registry.update(info, key, changed, self._write_options(request), subresource="scale")
        self._publish(result.entry)
        return answer(subresources.scale_of(info, result.object))

    def _evict(self, target: Target, body: Any, options: WriteOptions) -> web.Response:
        """Deletes the pod unless a disruption budget that selects it allows no disruption."""
        pod = self._registry.get(target.info, target.key)
        for budget in self._storage.list(("policy", "poddisruptionbudgets"), target.key.namespace):
            wanted = (meta.spec_of(budget).get("selector") or {}).get("matchLabels") or {}
            is_selected = wanted and wanted.items() <= dict(meta.labels_of(pod)).items()
            if is_selected and not meta.status_of(budget).get("disruptionsAllowed"):
                cause = Cause(
                    "",
                    "DisruptionBudget",
                    f"The disruption budget {meta.name_of(budget)} does not allow a disruption now",
                )
                raise TooManyRequests(
                    "Cannot evict pod as it would violate the pod's disruption budget.", causes=(cause,)
                )
        asked = body.get("deleteOptions") if isinstance(body, dict) else None
        deletion = queries.delete_options({"dryRun": "All"} if options.dry_run else {}, asked or {})
        self._publish(self._registry.delete(target.info, target.key, deletion).entry)
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}, 201)

    def _written(self, request: web.Request, info: TypeInfo, result: Written) -> web.Response:
        self._publish(result.entry)
        shape = Representation.of(request)
        is_new = result.created or (result.entry is not None and result.entry.before is None)
        code = 201 if is_new or request.method == "POST" else 200
        return with_warnings(shape.answer(shape.one(info, result.object), code), result.warnings)

    async def _delete(
        self, request: web.Request, info: TypeInfo, target: Target, options: DeleteOptions
    ) -> web.StreamResponse:
        key = target.key
        result = self._registry.delete(info, key, options)
        self._publish(result.entry)
        if meta.is_deleting(result.object) or info.returns_deleted:
            shape = Representation.of(request)
            return shape.answer(shape.one(info, result.object))
        named = {"name": key.name, "group": info.group, "kind": info.plural, "uid": meta.uid_of(result.object)}
        details = {name: value for name, value in named.items() if value}
        return answer({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})

    async def _delete_collection(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        options = await self._delete_options(request)
        selection = queries.Selection(info, namespace, request.query)
        page = lists.page(self._storage, selection, queries.ListOptions.parse(request.query))
        for obj in page.objects:
            self._publish(self._registry.delete(info, meta.key_of(obj), options).entry)
        return self._listed(request, info, page)

    async def _list(self, request: web.Request, info: TypeInfo, namespace: str) -> web.StreamResponse:
        selection = queries.Selection(info, namespace, request.query)
        options = queries.ListOptions.parse(request.query)
        await self._reach(options.version)
        return self._listed(request, info, lists.page(self._storage, selection, options))

    def _listed(self, request: web.Request, info: TypeInfo, page: lists.Page) -> web.Response:
        objects = [info.shown(obj) for obj in page.objects]
        shape = Representation.of(request)
        return shape.answer(shape.many(info, objects, page.metadata))

    async def _reach(self, version: int) -> None:
        """Waits for a revision from the future. Raises Timeout when it does not come."""
        deadline = time.monotonic() + _FUTURE_SECONDS
        while version > self._storage.revision:
            if time.monotonic() > deadline:
                text = f"Too large resource version: {version}, current: {self._storage.revision}"
                cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
                raise Timeout(f"Timeout: {text}", causes=(cause,), retry_after=1)
            await asyncio.sleep(_POLL)

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        info = target.info
        query = dict(request.query)
        if target.key.name:
            query["fieldSelector"] = f"metadata.name={target.key.name}"
        selection = queries.Selection(info, target.key.namespace, query)
        options = queries.WatchOptions.parse(request.query)
        representation = Representation.of(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        async with contextlib.aclosing(self._watchers.events(selection, options)) as events:
            await response.prepare(request)
            async for type_, obj in events:
                if not self._faults.touch_events:
                    await response.write(self._lines.line(representation, info, type_, obj))
                elif not await self._send(
                    request, response, {"type": type_, "object": _shown(representation, info, type_, obj)}
                ):
                    break
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, event: dict[str, Any]) -> bool:
        """Writes one event of a watch, as faults leave it; whether the watch goes on."""
        seen, torn = await self._faults.event(request, event)
        if seen is None:
            return True
        line = jsonio.dumps(seen) + b"\n"
        await response.write(line[: len(line) // 2] if torn else line)
        if torn and request.transport is not None:
            request.transport.close()
        return not torn

    async def _object(self, request: web.Request) -> Body:
        kind = request.content_type if "Content-Type" in request.headers else ""
        return bodies.read_object(await request.read(), kind)

    async def _delete_options(self, request: web.Request) -> DeleteOptions:
        body = await self._object(request) if request.can_read_body else Body({})
        return queries.delete_options(request.query, body.value)

    def _write_options(self, request: web.Request) -> WriteOptions:
        return queries.write_options(request.query, request.headers.get("User-Agent", ""))


class EventLines:
    """The lines of watch events, each encoded once for all watchers that see it alike."""

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._known: dict[tuple[str, ...], bytes] = {}

    def line(self, shape: Representation, info: TypeInfo, type_: str, obj: Object) -> bytes:
        """One event as it goes over the wire."""
        key = (shape.form, info.api_version, info.plural, type_, meta.resource_version_of(obj))
        if type_ in ("BOOKMARK", "ERROR") or shape.form == "Table" or not key[-1]:
            return _encoded(shape, info, type_, obj)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[key] = _encoded(shape, info, type_, obj)
        return found


def _encoded(shape: Representation, info: TypeInfo, type_: str, obj: Object) -> bytes:
    return jsonio.dumps({"type": type_, "object": _shown(shape, info, type_, obj)}) + b"\n"


def _shown(shape: Representation, info: TypeInfo, type_: str, obj: Object) -> Object:
    return obj if type_ in ("BOOKMARK", "ERROR") else shape.one(info, obj)


def _not_allowed() -> MethodNotAllowed:
    return MethodNotAllowed("the server does not allow this method on the requested resource")
