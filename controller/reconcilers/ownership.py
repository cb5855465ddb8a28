"""The owner of a live object that has a wanted name. Pure."""

from enum import StrEnum

from controller import meta
from controller.api.model import Model
from controller.dialects import Dialect
from controller.meta import Object, Resource


class Ownership(StrEnum):
    """The relation of an object to a Model, by its owner references and labels.

    OURS: the Model is its controller. ADOPTABLE: nothing controls it, and it points to this very Model by an owner reference or by the uid
    label, or it has no owner and carries our labels. LEFTOVER: it belongs to a deleted Model of the same name, and the garbage collector will
    take it. FOREIGN: everything else.
    """

    OURS = "ours"
    ADOPTABLE = "adoptable"
    LEFTOVER = "leftover"
    FOREIGN = "foreign"


def ownership(live: Object, model: Model, dialect: Dialect) -> Ownership:
    """The relation of ``live`` to the Model; by uid, never by name alone."""
    uid, name, owner, keys = model.uid, model.name, model.resource, dialect.keys
    controller = meta.controller_of(live)
    if controller is not None:
        if controller.get("uid") == uid:
            return Ownership.OURS
        return Ownership.LEFTOVER if _is_named(controller, owner, name) else Ownership.FOREIGN
    references, labels = meta.owner_references_of(live), meta.labels_of(live)
    if any(reference.get("uid") == uid for reference in references) or labels.get(keys.model_uid) == uid:
        return Ownership.ADOPTABLE
    if any(_is_named(reference, owner, name) for reference in references):
        return Ownership.LEFTOVER
    if not references and labels.get(keys.managed_by) == dialect.manager and labels.get(keys.model_name) == name:
        return Ownership.ADOPTABLE
    return Ownership.FOREIGN


def _is_named(reference: Object, owner: Resource, name: str) -> bool:
    group = str(reference.get("apiVersion")).partition("/")[0]
    return (group, reference.get("kind"), reference.get("name")) == (owner.group, owner.kind, name)
