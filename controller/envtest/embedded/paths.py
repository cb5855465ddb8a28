"""The target of a request's path: a resource, one object of it, or a subresource. Pure."""

from dataclasses import dataclass

from controller.envtest.embedded.resources import ServedTypes, TypeInfo
from controller.meta import NamespacedName
from controller.meta.errors import NotFound


class NoPage(Exception):
    """404 with the text that Kubernetes answers where no API is."""


@dataclass(frozen=True, slots=True)
class Target:
    """A resource, perhaps in one namespace, and perhaps one object of it or a subresource. ``watch`` is the deprecated path for watches."""

    info: TypeInfo
    key: NamespacedName
    subresource: str = ""
    rest: str = ""
    watch: bool = False

    @property
    def is_object(self) -> bool:
        """Whether one object is named."""
        return bool(self.key.name)


def target_of(parts: list[str], types: ServedTypes) -> Target:
    """The target that the parts of a path name. Raises NoPage where no API is, NotFound where an API has no such resource."""
    match parts:
        case ["api", version, first, *rest]:
            group = ""
        case ["apis", group, version, first, *rest]:
            pass
        case _:
            raise NoPage
    watch = first == "watch" and bool(rest)
    if watch:
        first, rest = rest[0], rest[1:]
    namespace, plural = "", first
    if first == "namespaces" and len(rest) >= 2 and types.find(group, version, rest[1]):
        namespace, plural, rest = rest[0], rest[1], rest[2:]
    info = types.find(group, version, plural)
    if info is None:
        raise (
            no_resource()
            if any((one.group, one.version) == (group, version) and not one.custom for one in types)
            else NoPage
        )
    name, subresource, *further = (*rest, "", "") if len(rest) < 2 else rest
    if bool(namespace) != info.namespaced and (name or namespace):
        raise NoPage if info.custom else no_resource()
    if subresource and (subresource not in info.subresources or (any(further) and subresource != "proxy")):
        raise no_resource()
    return Target(info, NamespacedName(namespace, name), subresource, "/".join(further), watch)


def no_resource() -> NotFound:
    """404: the API has no such resource."""
    return NotFound("the server could not find the requested resource")
