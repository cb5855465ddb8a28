"""A client over the world in memory, for tests of what is written without an API server."""

from collections.abc import Callable
from typing import Any

from controller import meta
from controller.dialects import ChildKey
from controller.meta import Object, Resource
from controller.meta.errors import ApiError, status_error
from tests.support.worlds import World


class Store:
    """An informer that records the writes that it gets."""

    def record(self, obj: Object) -> None:
        """Taken."""

    def record_deletion(self, obj: Object) -> None:
        """Taken."""


class Server:
    """A client over a world; ``refusals`` gives an error for a call, by (verb, kind, name)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.calls: list[tuple[str, str, str]] = []
        self.refusals: dict[tuple[str, str, str], ApiError] = {}
        self.before: Callable[[tuple[str, str, str]], None] = lambda _: None

    def _call(self, verb: str, resource: Resource, name: str) -> ChildKey:
        call = (verb, resource.kind, name)
        self.before(call)
        self.calls.append(call)
        if call in self.refusals:
            raise self.refusals[call]
        return ChildKey(resource.kind, name)

    async def get(self, resource: Resource, name: str, namespace: str) -> Object:
        key = self._call("get", resource, name)
        if key not in self.world.children:
            raise status_error(404, "not found")
        return self.world.children[key]

    async def create(self, resource: Resource, obj: dict[str, Any]) -> Object:
        key = self._call("create", resource, meta.name_of(obj))
        if key in self.world.children:
            raise status_error(409, {"reason": "AlreadyExists"})
        return self.world.put(obj)

    async def patch(self, resource: Resource, name: str, patch: dict[str, Any], *, namespace: str) -> Object:
        key = self._call("patch", resource, name)
        live = self.world.children.get(key)
        if live is None:
            raise status_error(404, "not found")
        version = patch["metadata"].get("resourceVersion")
        if version is not None and version != meta.resource_version_of(live):
            raise status_error(409, {"reason": "Conflict"})
        return self.world.put(meta.merge_patch(live, patch))

    async def delete(self, resource: Resource, name: str, **_: Any) -> Object:
        key = self._call("delete", resource, name)
        if key not in self.world.children:
            raise status_error(404, "not found")
        return self.world.children.pop(key)
