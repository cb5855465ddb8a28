"""Requests as they are on the wire, for tests that no polite client could send."""

import asyncio
import contextlib
import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp

MERGE = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"

Object = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is the decoded JSON, or the text where it is none."""

    code: int
    body: Any
    warnings: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """Code and reason, as in ``409 Conflict``; the code alone where there is no reason."""
        is_status = isinstance(self.body, dict) and self.body.get("kind") == "Status"
        reason = self.body.get("reason", "") if is_status else ""
        return f"{self.code} {reason}".strip()

    @property
    def details(self) -> Object:
        """What a Status says it is about, without its causes."""
        return {name: value for name, value in self.body["details"].items() if name != "causes"}

    @property
    def causes(self) -> set[tuple[str, str]]:
        """Reason and field of each cause of a Status; fields without the indexes and keys in brackets."""
        return {
            (cause["reason"], re.sub(r"\[[^\]]*\]", "", cause.get("field", "")))
            for cause in self.body["details"].get("causes", ())
        }


def content(obj: Object) -> Object:
    """The object without what every control plane chooses for itself: names of managers, times, uids and versions."""
    chosen = ("managedFields", "creationTimestamp", "uid", "resourceVersion", "deletionTimestamp")
    metadata = {name: value for name, value in obj["metadata"].items() if name not in chosen}
    return {**obj, "metadata": metadata}


def version(obj: Object) -> int:
    """The resourceVersion as the number that it is."""
    return int(obj["metadata"]["resourceVersion"])


class Watch:
    """An open watch."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def next(self) -> tuple[str, Object]:
        """Type and object of the next event."""
        async with asyncio.timeout(20):
            line = await self._response.content.readline()
        assert line, "the watch has ended"
        event = json.loads(line)
        return event["type"], event["object"]

    async def rest(self) -> list[tuple[str, Object]]:
        """All events until the server ends the watch."""
        async with asyncio.timeout(20):
            lines = (await self._response.content.read()).splitlines()
        return [(event["type"], event["object"]) for event in map(json.loads, lines)]


class Api:
    """A control plane's HTTP interface."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        **query: str | int,
    ) -> Answer:
        """Sends a request; ``body`` is JSON, or bytes that are sent as they are."""
        headers = {"Accept": accept}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if data is not None:
            headers["Content-Type"] = content_type
        async with self._session.request(
            method,
            self._url + path,
            data=None if data is None else io.BytesIO(data),
            headers=headers,
            params=query,
            ssl=False,
        ) as response:
            raw = await response.text()
            decoded = json.loads(raw) if raw.startswith("{") else raw
            return Answer(response.status, decoded, tuple(response.headers.getall("Warning", ())))

    async def get(self, path: str, **query: Any) -> Answer:
        """Reads."""
        return await self.request("GET", path, **query)

    async def post(self, path: str, body: Any, **query: Any) -> Answer:
        """Creates."""
        return await self.request("POST", path, body, **query)

    async def put(self, path: str, body: Any, **query: Any) -> Answer:
        """Replaces."""
        return await self.request("PUT", path, body, **query)

    async def patch(self, path: str, body: Any, content_type: str = MERGE, **query: Any) -> Answer:
        """Patches, by a merge patch unless told otherwise."""
        return await self.request("PATCH", path, body, content_type=content_type, **query)

    async def delete(self, path: str, body: Any = None, **query: Any) -> Answer:
        """Deletes."""
        return await self.request("DELETE", path, body, **query)

    @contextlib.asynccontextmanager
    async def watch(self, path: str, *, accept: str = "application/json", **query: str | int) -> AsyncIterator[Watch]:
        """A watch that the server has accepted."""
        params = {"watch": "true", "timeoutSeconds": "30", **query}
        headers = {"Accept": accept}
        async with self._session.get(self._url + path, params=params, headers=headers, ssl=False) as response:
            assert response.status == 200, await response.text()
            yield Watch(response)
