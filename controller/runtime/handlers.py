"""Whom a change concerns: functions from a Delta to Requests. Pure and quick; they run between two events of a watch.

A change is mapped from the object before and after it, so that a former owner hears of its loss. Tombstones carry the last known object
and are mapped like any deletion.
"""

from collections.abc import Callable, Iterable

from controller.informers import Delta
from controller.meta import Object, Resource, controller_of, key_of, namespace_of, owner_references_of
from controller.runtime.reconcile import Request

Handler = Callable[[Delta], Iterable[Request]]


def _versions(delta: Delta) -> list[Object]:
    return [obj for obj in (delta.new, delta.old) if obj is not None]


def enqueue_object(delta: Delta) -> Iterable[Request]:
    """The object itself."""
    return (key_of(delta.object),)


def enqueue_mapped(fn: Callable[[Object], Iterable[Request]]) -> Handler:
    """Whatever ``fn`` says of the object, before and after the change, each once."""

    def handler(delta: Delta) -> Iterable[Request]:
        return dict.fromkeys(request for obj in _versions(delta) for request in fn(obj))

    return handler


def enqueue_owner(resource: Resource, *, only_controller: bool = True) -> Handler:
    """The owners of this group and kind, before and after the change; with ``only_controller`` the controlling one alone."""

    def owners(obj: Object) -> Iterable[Request]:
        controller = controller_of(obj)
        references = owner_references_of(obj) if not only_controller else () if controller is None else (controller,)
        namespace = namespace_of(obj) if resource.namespaced else ""
        for reference in references:
            name = reference.get("name")
            if _names(reference, resource) and isinstance(name, str) and name:
                yield Request(namespace, name)

    return enqueue_mapped(owners)


def _names(reference: Object, resource: Resource) -> bool:
    group, slash, _ = str(reference.get("apiVersion")).rpartition("/")
    return reference.get("kind") == resource.kind and (group if slash else "") == resource.group
