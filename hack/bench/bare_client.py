"""The least that a process needs to talk to an API server: aiohttp and a token. Independent of the controller's own client on purpose."""

import asyncio
import json
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from controller.api.kinds import ALL_CHILDREN, MODEL
from controller.api.model import Model
from controller.render import RenderOptions, render
from hack.bench.objects import a_model

_NAME, _UID = "name-of-the-model", "00000000-0000-0000-0000-00000000beef"


@dataclass(frozen=True, slots=True)
class Access:
    """What a kubeconfig of an ``Environment`` says."""

    server: str
    token: str
    ca_file: str | None

    @classmethod
    def read(cls, kubeconfig: Path) -> "Access":
        """Of its only cluster and user."""
        config = json.loads(kubeconfig.read_bytes())
        cluster = config["clusters"][0]["cluster"]
        return cls(cluster["server"], config["users"][0]["user"]["token"], cluster.get("certificate-authority"))


class BareClient:
    """Sends JSON; an answer of 400 or more raises."""

    def __init__(self, kubeconfig: Path, agent: str) -> None:
        access = Access.read(kubeconfig)
        self.base = access.server
        verify = ssl.create_default_context(cafile=access.ca_file) if access.ca_file else True
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=verify),
            headers={"Authorization": f"Bearer {access.token}", "User-Agent": agent, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None),
            raise_for_status=True,
        )

    async def send(self, method: str, path: str, body: bytes | None, content_type: str = "application/json") -> bytes:
        """The answer's body."""
        headers = {"Content-Type": content_type}
        async with self._session.request(method, self.base + path, data=body, headers=headers) as answer:
            return await answer.read()

    async def watch(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Every event of a collection, what is there already first; again from the start when the server ends the watch."""
        while True:
            async with self._session.get(f"{self.base}{path}?watch=1") as answer:
                rest = b""
                async for chunk in answer.content.iter_any():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield json.loads(line)

    async def close(self) -> None:
        """Closes the connections."""
        await self._session.close()


class Templates:
    """The three children of a bench Model as text, in which name and uid are put in: nothing is rendered at run time."""

    def __init__(self, namespace: str) -> None:
        model = a_model(_NAME)
        model["metadata"] |= {"namespace": namespace, "uid": _UID, "generation": 1}
        paths = {resource.kind: resource.path(namespace) for resource in ALL_CHILDREN}
        self._children = [
            (paths[child["kind"]], json.dumps(child)) for child in render(Model.from_object(model), RenderOptions())
        ]

    def children(self, name: str, uid: str) -> list[tuple[str, bytes]]:
        """Path and body of each child to be created, in order."""
        return [(path, text.replace(_NAME, name).replace(_UID, uid).encode()) for path, text in self._children]


def model_path(namespace: str, name: str = "", subresource: str = "") -> str:
    """The path of a Model, or of all of a namespace."""
    return MODEL.path(namespace, name, subresource) if name else MODEL.path(namespace)


async def line_of_input() -> None:
    """Returns at the signal to start."""
    await asyncio.to_thread(sys.stdin.readline)
