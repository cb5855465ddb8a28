"""Requests as calls of the registry: which one a method and a path mean, and the answer."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import bodies, documents, lists, openapi, queries, reviews
from controller.envtest.embedded.deletion import DeleteOptions
from controller.envtest.embedded.faults import Faults
from controller.envtest.embedded.inputs import delete_options_of, object_of, sender_of, write_options_of
from controller.envtest.embedded.paths import NoPage, Target, target_of
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.representations import Representation, answer, not_allowed, refusal, with_warnings
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.storage import Entry
from controller.envtest.embedded.streams import WatchStreams
from controller.envtest.embedded.subresource_handlers import SubresourceHandlers, patched
from controller.envtest.embedded.watches import Watchers
from controller.envtest.embedded.writes import Written
from controller.meta.errors import (
    BadRequest,
    Cause,
    NotImplementedByServer,
    RequestEntityTooLarge,
    StatusError,
    Timeout,
)

Publish = Callable[[Entry | None], None]
_FUTURE_SECONDS = 3.0
_POLL = 0.02


class Handlers:
    """Answers every request."""

    def __init__(self, registry: Registry, watchers: Watchers, publish: Publish, faults: Faults) -> None:
        self._registry = registry
        self._storage = registry.storage
        self._publish = publish
        self._subresources = SubresourceHandlers(registry, publish)
        self._streams = WatchStreams(watchers, faults)

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
        if (page := self._page(request, parts)) is not None:
            return page
        target = target_of(parts, self._registry.types)
        response = await self._handle_target(request, target)
        if target.info.warning and not response.prepared:
            with_warnings(response, [target.info.warning])
        return response

    async def _handle_target(self, request: web.Request, target: Target) -> web.StreamResponse:
        if target.subresource:
            return await self._subresources.handle(request, target)
        if target.is_object:
            return await self._handle_object(request, target)
        return await self._handle_collection(request, target)

    def _page(self, request: web.Request, parts: list[str]) -> web.Response | None:
        """The page at a path beside the resources; None where there is none."""
        if parts and parts[0] in documents.HEALTH:
            return web.Response(text=documents.health(parts[0], verbose="verbose" in request.query))
        if parts == ["metrics"]:
            return web.Response(text=documents.metrics(self._storage))
        if parts == ["openapi", "v2"] and openapi.wants_protobuf(request.headers.get("Accept", "")):
            return web.Response(body=openapi.SWAGGER_PROTOBUF, headers={"Content-Type": openapi.V2_PROTOBUF})
        document = documents.document(parts, self._registry.types)
        return None if document is None else answer(document)

    async def _handle_collection(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, namespace = target.info, target.key.namespace
        if request.method == "POST" and "list" not in info.verbs:
            return await self._review(request, target)
        if request.method in ("GET", "HEAD") and "list" in info.verbs:
            if target.watch or queries.is_true(request.query, "watch"):
                return await self._streams.watch(request, target)
            return await self._list(request, info, namespace)
        if info.namespaced and not namespace:
            if info.custom:
                raise NoPage
            raise not_allowed()
        if request.method == "POST":
            options = write_options_of(request)
            result = self._registry.create(info, namespace, await object_of(request), options)
            return self._written(request, info, result)
        if request.method == "DELETE" and "deletecollection" in info.verbs:
            return await self._delete_collection(request, info, namespace)
        if info.custom and request.method in ("PUT", "PATCH"):
            raise BadRequest("name must be provided")
        raise not_allowed()

    async def _review(self, request: web.Request, target: Target) -> web.StreamResponse:
        info = target.info
        body = (await object_of(request)).value
        user = sender_of(request)
        if info.kind == "Binding":
            raise NotImplementedByServer("bindings are created at pods/NAME/binding")
        result = reviews.reviewed(info.kind, body, target.key.namespace, user, self._storage)
        given = body.get("metadata") if isinstance(body, dict) else None
        metadata = {**(given or {}), "creationTimestamp": meta.format_time(time.time())}
        return answer({"kind": info.kind, "apiVersion": info.api_version, "metadata": metadata, **result}, 201)

    async def _handle_object(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key = target.info, target.key
        if request.method in ("GET", "HEAD"):
            if target.watch:
                return await self._streams.watch(request, target)
            await self._reach(queries.read_version(request.query.get("resourceVersion", "")))
            shape = Representation.of(request)
            return shape.answer(shape.one(info, self._registry.get(info, key)))
        if request.method == "DELETE":
            return await self._delete(request, info, target, await delete_options_of(request))
        if request.method == "PUT":
            result = self._registry.replace(info, key, await object_of(request), write_options_of(request))
            return self._written(request, info, result)
        if request.method == "PATCH":
            return self._written(request, info, await patched(request, target, self._registry))
        raise not_allowed()

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
        options = await delete_options_of(request)
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
