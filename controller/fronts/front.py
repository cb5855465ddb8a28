"""The front: a kind that users write."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from controller.dialects import Dialect
from controller.meta import Object, Resource


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """A kind that users write.

    ``model`` gives the object with the spec of the Model that it stands for; it is total. ``path`` turns the path
    of a field of that Model into the path of the object's field. ``schema`` is the object's own. ``dialect`` is the only one its children
    can be in, None where there is a choice. ``adapters`` says whether it can have adapters, which then are nobody else's. ``status_fields`` are those that the status may have, None for all.
    """

    resource: Resource
    model: Callable[[Object], Object]
    path: Callable[[str], str]
    schema: Callable[[], dict[str, Any]]
    dialect: Dialect | None = None
    adapters: bool = True
    status_fields: tuple[str, ...] | None = None

    def status(self, whole: dict[str, Any]) -> dict[str, Any]:
        """A Model's status as this kind can hold it: more would be dropped, and differ in every pass."""
        known = self.status_fields
        return whole if known is None else {key: value for key, value in whole.items() if key in known}


def front_of(document: Object, fronts: Iterable[Front]) -> Front | None:
    """The front that an object from outside belongs to, by its apiVersion and kind."""
    named = (document.get("apiVersion"), document.get("kind"))
    return next((front for front in fronts if named == (front.resource.api_version, front.resource.kind)), None)
