"""Owner references: who controls an object. At most one reference of an object has ``controller: true``."""

from typing import Any

from controller.meta.objects import Object, Resource, name_of, owner_references_of, uid_of


def controller_of(obj: Object) -> Object | None:
    """The owner reference of the controller, or None."""
    return next((reference for reference in owner_references_of(obj) if reference.get("controller") is True), None)


def is_controlled_by(obj: Object, uid: str) -> bool:
    """Whether the object's controller has this uid. An empty uid controls nothing."""
    controller = controller_of(obj)
    return bool(uid) and controller is not None and controller.get("uid") == uid


def controller_reference(owner: Object, resource: Resource) -> dict[str, Any]:
    """The reference that makes ``owner``, an object of ``resource``, the controller of another object in its namespace.

    ``blockOwnerDeletion`` is set: a foreground deletion of the owner waits for the dependent.
    """
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": name_of(owner),
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }
