"""Requests for subresources: parts of objects, scales, evictions, bindings and tokens."""

import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import bodies, evictions, queries, subresources
from controller.envtest.embedded.inputs import object_of, write_options_of
from controller.envtest.embedded.parts import PARTS
from controller.envtest.embedded.patches import APPLY, patch_of
from controller.envtest.embedded.paths import Target
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.representations import Representation, answer, not_allowed, with_warnings
from controller.envtest.embedded.storage import Entry
from controller.envtest.embedded.writes import Body, WriteOptions, Written
from controller.meta.errors import BadRequest, NotImplementedByServer

Publish = Callable[[Entry | None], None]
_SUCCESS = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


class SubresourceHandlers:
    """Answers every request for a subresource."""

    def __init__(self, registry: Registry, publish: Publish) -> None:
        self._registry = registry
        self._publish = publish

    async def handle(self, request: web.Request, target: Target) -> web.StreamResponse:
        """A request for any of them. Raises StatusError."""
        info, key, name = target.info, target.key, target.subresource
        if name in PARTS:
            return await self._part(request, target)
        if name == "scale":
            return await self._scale(request, target)
        current = self._registry.get(info, key)
        if name in ("log", "exec", "attach", "portforward") and not meta.spec_of(current).get("nodeName"):
            if name == "log":
                return web.Response(text="")
            raise BadRequest(f"pod {key.name} does not have a host assigned")
        if request.method != "POST" or name not in ("binding", "eviction", "token"):
            raise NotImplementedByServer(f"{info.plural}/{name} is not implemented by the embedded API server")
        body = (await object_of(request)).value
        if name == "token":
            return answer(subresources.token(current, body, time.time()), 201)
        if name == "eviction":
            return self._evict(target, body, queries.write_options(request.query))
        pod = subresources.bound(current, body, meta.format_time(time.time()))
        self._publish(self._registry.storage.put(info.key, key, info.stored(pod)))
        return answer(_SUCCESS, 201)

    async def _part(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key, shape = target.info, target.key, Representation.of(request)
        if request.method in ("GET", "HEAD"):
            return shape.answer(shape.one(info, self._registry.get(info, key)))
        if request.method == "PUT":
            options, body = write_options_of(request), await object_of(request)
            result = self._registry.replace(info, key, body, options, subresource=target.subresource)
        elif request.method == "PATCH":
            result = await patched(request, target, self._registry)
        else:
            raise not_allowed()
        self._publish(result.entry)
        return with_warnings(shape.answer(shape.one(info, result.object)), result.warnings)

    async def _scale(self, request: web.Request, target: Target) -> web.StreamResponse:
        info, key = target.info, target.key
        shape = Representation.of(request)
        if request.method in ("GET", "HEAD"):
            current = self._registry.get(info, key)
            return shape.answer(shape.one(subresources.SCALES, subresources.scale_of(info, current)))
        if request.method not in ("PUT", "PATCH"):
            raise not_allowed()
        result = await self._scaled(request, target)
        self._publish(result.entry)
        return shape.answer(shape.one(subresources.SCALES, subresources.scale_of(info, result.object)))

    async def _scaled(self, request: web.Request, target: Target) -> Written:
        info, key = target.info, target.key
        if request.method == "PATCH" and request.content_type == APPLY:
            scale = bodies.read_yaml(await request.read()).value
            applied = subresources.applied_scale(info, key, scale)
            return self._registry.apply(
                info, key, Body(applied), queries.apply_options(request.query), subresource="scale"
            )
        current = self._registry.get(info, key)
        if request.method == "PUT":
            wanted = (await object_of(request)).value
        else:
            patch = bodies.read_json(await request.read())
            change = patch_of(subresources.SCALES, request.content_type, patch.value)
            wanted = change(subresources.scale_of(info, current))
        changed = subresources.scaled(info, current, wanted)
        return self._registry.update(info, key, changed, write_options_of(request), subresource="scale")

    def _evict(self, target: Target, body: Any, options: WriteOptions) -> web.Response:
        pod = self._registry.get(target.info, target.key)
        evictions.check(pod, self._registry.storage.list(evictions.BUDGETS, target.key.namespace))
        asked = body.get("deleteOptions") if isinstance(body, dict) else None
        deletion = queries.delete_options({"dryRun": "All"} if options.dry_run else {}, asked or {})
        self._publish(self._registry.delete(target.info, target.key, deletion).entry)
        return answer(_SUCCESS, 201)


async def patched(request: web.Request, target: Target, registry: Registry) -> Written:
    """The result of a PATCH of an object or of a part of it, by the type of its body. Raises StatusError."""
    info, key, subresource = target.info, target.key, target.subresource
    if request.content_type == APPLY:
        body = bodies.read_yaml(await request.read())
        return registry.apply(info, key, body, queries.apply_options(request.query), subresource=subresource)
    patch = bodies.read_json(await request.read())
    change = patch_of(info, request.content_type, patch.value)
    options = write_options_of(request)
    return registry.patch(info, key, change, options, subresource=subresource, duplicates=patch.duplicates)
