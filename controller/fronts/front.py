"""What a front is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from controller.dialects import Dialect
from controller.meta import Object, Resource


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """A kind that users write.

    ``model`` gives the Model document that an object stands for, with the object's metadata and status; it is total. ``path`` turns the path
    of a field of that Model into the path of the object's field. ``schema`` is the object's own. ``dialect`` is the only one its children
    can be in, None where there is a choice. ``backend_statuses`` says whether the status may list the backends.
    """

    resource: Resource
    model: Callable[[Object], Object]
    path: Callable[[str], str]
    schema: Callable[[], dict[str, Any]]
    dialect: Dialect | None = None
    backend_statuses: bool = True


def front_of(document: Object, fronts: Iterable[Front]) -> Front | None:
    """The front that an object from outside belongs to, by its apiVersion and kind."""
    named = (document.get("apiVersion"), document.get("kind"))
    return next((front for front in fronts if named == (front.resource.api_version, front.resource.kind)), None)
