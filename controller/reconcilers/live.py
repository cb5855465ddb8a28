"""The snapshot of a pass, read from live lists instead of informers: for ``diff``."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from controller.api.kinds import POD
from controller.client import Client
from controller.dialects import Dialect
from controller.informers import IndexFunction, Lister
from controller.informers.store import Indexer
from controller.meta import Object, Resource
from controller.meta.errors import Forbidden, NotFound
from controller.reconcilers.observe import Observer, indexers
from controller.reconcilers.pods import BY_WORKLOAD, slim, workload_of_pod


@dataclass(frozen=True, slots=True)
class LiveChildren:
    """The children of a namespace and their pods.

    ``missing`` are the kinds that the cluster does not have. ``blind``: the pods may not be read, so it looks as if there were none.
    """

    observer: Observer
    missing: tuple[Resource, ...]
    blind: bool = False


async def read_children(client: Client, namespace: str, dialect: Dialect) -> LiveChildren:
    """Lists every kind of child in a namespace, and the pods. Raises ApiError; a kind that is not installed has no objects."""
    resources = dialect.children
    *lists, pods = await asyncio.gather(
        *(_list(client, resource, namespace) for resource in resources), _pods(client, namespace, dialect)
    )
    found = dict(zip(resources, lists, strict=True))
    missing = tuple(resource for resource, objects in found.items() if objects is None)
    children = {resource: objects or () for resource, objects in found.items()}
    return LiveChildren(observer_of(dialect, children, pods or ()), missing, blind=pods is None)


async def _list(client: Client, resource: Resource, namespace: str) -> Sequence[Object] | None:
    try:
        return (await client.list_all(resource, namespace)).items
    except NotFound:
        return None


async def _pods(client: Client, namespace: str, dialect: Dialect) -> Sequence[Object] | None:
    """The pods of all workloads, as the caches keep them; None where they may not be read."""
    try:
        page = await client.list_all(POD, namespace, label_selector=dialect.pod_keys.name)
    except Forbidden:
        return None
    return [slim(dict(pod)) for pod in page.items]


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
