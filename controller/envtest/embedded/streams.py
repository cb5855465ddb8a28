"""Watches over HTTP: one line of JSON an event."""

import contextlib
from typing import Any

from aiohttp import web

from controller import meta
from controller.envtest.embedded import queries
from controller.envtest.embedded.faults import Faults
from controller.envtest.embedded.paths import Target
from controller.envtest.embedded.representations import Representation, with_warnings
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.watches import Watchers
from controller.meta import Object, jsonio


class WatchStreams:
    """Answers watches, as faults leave them."""

    def __init__(self, watchers: Watchers, faults: Faults) -> None:
        self._watchers = watchers
        self._faults = faults
        self._lines = EventLines()

    async def watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        """The stream of a watch of a resource or of one object. Raises BadRequest, Invalid and NotAcceptable before it begins."""
        info = target.info
        query = dict(request.query)
        if target.key.name:
            query["fieldSelector"] = f"metadata.name={target.key.name}"
        selection = queries.Selection(info, target.key.namespace, query)
        options = queries.WatchOptions.parse(request.query)
        shape = Representation.of(request)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        with_warnings(response, [info.warning] if info.warning else [])
        response.enable_chunked_encoding()
        async with contextlib.aclosing(self._watchers.events(selection, options)) as events:
            await response.prepare(request)
            async for type_, obj in events:
                if not self._faults.touch_events:
                    await response.write(self._lines.line(shape, info, type_, obj))
                elif not await self._send(
                    request, response, {"type": type_, "object": _shown(shape, info, type_, obj)}
                ):
                    break
        return response

    async def _send(self, request: web.Request, response: web.StreamResponse, event: dict[str, Any]) -> bool:
        """Writes one event as faults leave it; whether the watch goes on."""
        seen, torn = await self._faults.event(request, event)
        if seen is None:
            return True
        line = jsonio.dumps(seen) + b"\n"
        await response.write(line[: len(line) // 2] if torn else line)
        if torn and request.transport is not None:
            request.transport.close()
        return not torn


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
