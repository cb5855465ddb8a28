"""Maps a change to the keys to reconcile: functions from a Delta to Requests. Pure and quick; they run between two events of a watch.

The object is mapped as it was before and as it is after the change, so that a former owner is enqueued too. Tombstones carry the last
known object and are mapped like any other deletion.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from controller.informers import Delta
from controller.meta import Object, Resource, controller_of, key_of, namespace_of, owner_references_of
from controller.runtime.reconcile import Request


class PrioritizedRequest(NamedTuple):
    """A request and the queue priority that its handler chose: higher runs first, live changes have 0."""

    request: Request
    priority: int


Handler = Callable[[Delta], Iterable[Request | PrioritizedRequest]]
"""Maps a change to requests. A plain Request has priority 0, or LOW_PRIORITY if the change comes from an initial list or a resync."""


def enqueue_object(delta: Delta) -> Iterable[Request]:
    """The changed object itself."""
    return (key_of(delta.object),)


def enqueue_mapped(fn: Callable[[Object], Iterable[Request]]) -> Handler:
    """The requests that ``fn`` returns for the object before and after the change, each once."""

    def handler(delta: Delta) -> Iterable[Request]:
        return dict.fromkeys(request for obj in _states(delta) for request in fn(obj))

    handler.__qualname__ = _name(fn)
    return handler


def enqueue_owner(resource: Resource, *, only_controller: bool = True) -> Handler:
    """The owners of this group and kind, before and after the change; with ``only_controller``, only the controlling owner."""

    def owners(obj: Object) -> Iterator[Request]:
        controller = controller_of(obj)
        references = owner_references_of(obj) if not only_controller else () if controller is None else (controller,)
        namespace = namespace_of(obj) if resource.namespaced else ""
        for reference in references:
            name = reference.get("name")
            if _refers_to(reference, resource) and isinstance(name, str) and name:
                yield Request(namespace, name)

    return enqueue_mapped(owners)


def with_priority(handler: Handler, priority: int | Callable[[Delta], int]) -> Handler:
    """The same requests at this priority, or at the one that a function computes from the change. This includes initial lists."""

    def prioritized(delta: Delta) -> Iterator[PrioritizedRequest]:
        chosen = priority if isinstance(priority, int) else priority(delta)
        for each in handler(delta):
            yield PrioritizedRequest(each.request if isinstance(each, PrioritizedRequest) else each, chosen)

    prioritized.__qualname__ = _name(handler)
    return prioritized


def _states(delta: Delta) -> list[Object]:
    return [obj for obj in (delta.new, delta.old) if obj is not None]


def _refers_to(reference: Object, resource: Resource) -> bool:
    group, slash, _ = str(reference.get("apiVersion")).rpartition("/")
    return reference.get("kind") == resource.kind and (group if slash else "") == resource.group


def _name(function: Callable[..., object]) -> str:
    """The function's own name, for logs: a wrapper has the name of the function that it wraps."""
    return str(getattr(function, "__qualname__", type(function).__qualname__))
