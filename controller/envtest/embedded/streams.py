"""Watches over HTTP: one line of JSON an event."""

import contextlib
from collections.abc import Iterable
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
            async for batch in events:
                if not self._faults.touch_events:
                    await response.write(b"".join(self._lines.line(shape, info, *event) for event in batch))
                elif not await self._send_hurt(request, response, [_event(shape, info, *event) for event in batch]):
                    break
        return response

    async def _send_hurt(
        self, request: web.Request, response: web.StreamResponse, events: Iterable[dict[str, Any]]
    ) -> bool:
        """Writes the events as faults leave them; whether the watch goes on."""
        for event in events:
            if not await self._send(request, response, event):
                return False
        return True

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
    return jsonio.dumps(_event(shape, info, type_, obj)) + b"\n"


def _event(shape: Representation, info: TypeInfo, type_: str, obj: Object) -> dict[str, Any]:
    """One event as it is shown; bookmarks and errors have a form of their own."""
    return {"type": type_, "object": obj if type_ in ("BOOKMARK", "ERROR") else shape.one(info, obj)}
