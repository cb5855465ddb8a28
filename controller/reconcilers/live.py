"""The snapshot of a pass, read from live lists instead of informers: for ``diff``."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.client import Client
from controller.dialects import Dialect
from controller.informers import IndexFunction, Lister
from controller.informers.store import Indexer
from controller.meta import Object, Resource
from controller.meta.errors import NotFound
from controller.reconcilers.observe import Observer, indexers
from controller.reconcilers.pods import BY_WORKLOAD, workload_of_pod


@dataclass(frozen=True, slots=True)
class LiveChildren:
    """The children of a namespace; ``missing`` are the kinds that the cluster does not have."""

    observer: Observer
    missing: tuple[Resource, ...]


async def read_children(client: Client, namespace: str, dialect: Dialect) -> LiveChildren:
    """Lists every kind of child in a namespace. Raises ApiError; a kind that is not installed has no objects."""
    resources = dialect.children
    lists = await asyncio.gather(*(_list(client, resource, namespace) for resource in resources))
    found = dict(zip(resources, lists, strict=True))
    missing = tuple(resource for resource, objects in found.items() if objects is None)
    children = {resource: objects or () for resource, objects in found.items()}
    return LiveChildren(observer_of(dialect, children), missing)


async def _list(client: Client, resource: Resource, namespace: str) -> Sequence[Object] | None:
    try:
        return (await client.list_all(resource, namespace)).items
    except NotFound:
        return None


def observer_of(
    dialect: Dialect, children: Mapping[Resource, Iterable[Object]], pods: Iterable[Object] = ()
) -> Observer:
    """An observer of exactly these children, for every kind of child of the dialect, and pods."""
    listers = {resource: _lister(objects, indexers(resource, dialect)) for resource, objects in children.items()}
    return Observer(dialect, listers, _lister(pods, {BY_WORKLOAD: workload_of_pod(dialect)}))


def _lister(objects: Iterable[Object], functions: Mapping[str, IndexFunction]) -> Lister:
    store = Indexer()
    for name, function in functions.items():
        store.add_index(name, function)
    for obj in objects:
        store.apply("ADDED", obj)
    return Lister({"": store})
