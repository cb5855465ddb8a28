"""Objects of a custom type instead of mappings: msgspec structs, dataclasses or pydantic models, for clients and listers."""

import builtins
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from controller import meta
from controller.client.client import Client
from controller.meta import LabelSelector, Object, Resource

T = TypeVar("T")


class _Lister(Protocol):
    """The part of a lister that is used here."""

    def get(self, name: str, namespace: str | None = None) -> Object | None:
        """The object of this name, or None."""

    def list(self, namespace: str | None = None, selector: LabelSelector | None = None) -> Iterable[Object]:
        """All objects, or some."""

    def by_index(self, index: str, value: str) -> Iterable[Object]:
        """The objects filed under a value."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A resource and the type of its objects.

    The type names the fields that the program reads and writes; others are ignored when an object is read, and are left alone when one
    is written, because only what changed is sent. It needs no default for ``status`` unless it is read.
    """

    resource: Resource
    type: type[T]

    def read(self, obj: Object) -> T:
        """The object as an instance. Raises ValueError, with object and field, for one that does not fit the type."""
        try:
            return self._convert()(obj)
        except (msgspec.ValidationError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(f"{self.resource.kind} {meta.key_of(obj)}: {reason}") from None

    def _convert(self) -> Callable[[Object], T]:
        validate: Callable[[Object], T] | None = getattr(self.type, "model_validate", None)
        return validate if validate is not None else lambda obj: msgspec.convert(obj, self.type)

    def write(self, value: T) -> dict[str, Any]:
        """The instance as an object, with ``apiVersion`` and ``kind``."""
        dump = getattr(value, "model_dump", None)
        content = dump(mode="json", by_alias=True) if dump is not None else msgspec.to_builtins(value)
        return {"apiVersion": self.resource.api_version, "kind": self.resource.kind, **content}


class TypedLister(Generic[T]):
    """A lister whose objects are instances; each read makes new ones, so they may be changed."""

    def __init__(self, lister: _Lister, kind: Kind[T]) -> None:
        self._lister = lister
        self._kind = kind

    def get(self, name: str, namespace: str | None = None) -> T | None:
        """The object of this name, or None. Raises ValueError as ``Kind.read``."""
        found = self._lister.get(name, namespace)
        return None if found is None else self._kind.read(found)

    def list(self, namespace: str | None = None, selector: LabelSelector | None = None) -> builtins.list[T]:
        """All objects, or those of a namespace, or those whose labels are selected. Raises ValueError as ``Kind.read``."""
        return [self._kind.read(obj) for obj in self._lister.list(namespace, selector)]

    def by_index(self, index: str, value: str) -> builtins.list[T]:
        """The objects filed under ``value`` in an index. Raises ValueError as ``Kind.read``."""
        return [self._kind.read(obj) for obj in self._lister.by_index(index, value)]


class TypedClient(Generic[T]):
    """A client whose objects are instances of one kind."""

    def __init__(self, client: Client, kind: Kind[T]) -> None:
        self._client = client
        self._kind = kind

    async def get(self, name: str, namespace: str | None = None) -> T:
        """The object of this name, from the server."""
        return self._kind.read(await self._client.get(self._kind.resource, name, namespace))

    async def create(self, value: T, *, namespace: str | None = None) -> T:
        """Creates the object."""
        answer = await self._client.create(self._kind.resource, self._kind.write(value), namespace=namespace)
        return self._kind.read(answer)

    async def patch(self, before: T, after: T, *, subresource: str = "") -> T:
        """Sends what differs between the two, as a merge patch with the resourceVersion of ``before`` if it has one.

        Fields that the type does not name are not touched. Sends nothing when nothing differs.
        """
        old, new = self._kind.write(before), self._kind.write(after)
        changes = _changes(old, new)
        if not changes:
            return after
        version = meta.resource_version_of(old)
        body = {
            **changes,
            "metadata": {**changes.get("metadata", {}), **({"resourceVersion": version} if version else {})},
        }
        answer = await self._client.patch(
            self._kind.resource,
            meta.name_of(old),
            body,
            namespace=meta.namespace_of(old) or None,
            subresource=subresource,
        )
        return self._kind.read(answer)


def _changes(old: Object, new: Object) -> dict[str, Any]:
    """The merge patch from one object to the other."""
    found: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            if part := _changes(before, value):
                found[key] = part
        elif not meta.equal_json(before, value):
            found[key] = value
    return found
