"""The resources that the embedded server serves: the description of one resource, and the set of all that are served. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
NAMESPACES: ResourceKey = ("", "namespaces")
SERVICES: ResourceKey = ("", "services")
CLUSTER_ROLES: ResourceKey = ("rbac.authorization.k8s.io", "clusterroles")
PODS: ResourceKey = ("", "pods")
CRDS: ResourceKey = ("apiextensions.k8s.io", "customresourcedefinitions")


@dataclass(frozen=True, slots=True)
class Subresource:
    """A subresource that is served: ``api_version`` and ``kind`` of its body, and its verbs."""

    name: str
    kind: str
    api_version: str = ""
    verbs: tuple[str, ...] = ("get", "patch", "update")


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """Where a resource keeps its replicas and the selector of its pods, as dotted paths."""

    spec: str = "spec.replicas"
    status: str = "status.replicas"
    selector: str = "spec.selector"


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One served resource in one version.

    ``custom`` marks resources that a CRD defines. ``selectable`` are the fields that a field selector may name beside
    name and namespace. ``stored_as`` names the resource whose storage is shared, ``renamed`` its names of this version's fields.
    ``warning`` is sent with every answer about a deprecated version.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    schema: Mapping[str, Any]
    namespaced: bool = True
    custom: bool = False
    has_generation: bool = False
    unconditional_update: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    verbs: tuple[str, ...] = ALL_VERBS
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Object, ...] = ()
    selectable: tuple[str, ...] = ()
    subresources: Mapping[str, Subresource] = field(default_factory=dict)
    scale: ScalePaths | None = None
    stored_as: ResourceKey | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    warning: str = ""

    @property
    def key(self) -> ResourceKey:
        """Where its objects are stored."""
        return self.stored_as or (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group``, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def has_status(self) -> bool:
        """Whether the status is a subresource."""
        return "status" in self.subresources

    def shown(self, stored: Object) -> dict[str, Any]:
        """A stored object in this version."""
        names = {theirs: ours for ours, theirs in self.renamed.items()}
        fields = {names.get(name, name): value for name, value in stored.items()} if names else stored
        return {**fields, "apiVersion": self.api_version, "kind": self.kind}

    def stored(self, shown: Object) -> dict[str, Any]:
        """An object of this version as it is stored."""
        return {self.renamed.get(name, name): value for name, value in shown.items()}


class ServedTypes:
    """The resources that are served right now."""

    def __init__(self, infos: Iterable[TypeInfo] = ()) -> None:
        self._infos: dict[tuple[str, str, str], TypeInfo] = {}
        for info in infos:
            self.add(info)

    def __iter__(self) -> Iterator[TypeInfo]:
        return iter(self._infos.values())

    def add(self, info: TypeInfo) -> None:
        """Serves a resource, in place of an earlier description of it."""
        self._infos[info.group, info.version, info.plural] = info

    def remove(self, info: TypeInfo) -> None:
        """Serves a resource no longer."""
        self._infos.pop((info.group, info.version, info.plural), None)

    def find(self, group: str, version: str, plural: str) -> TypeInfo | None:
        """The resource of this name, or None."""
        return self._infos.get((group, version, plural))

    def by_key(self, key: ResourceKey) -> TypeInfo | None:
        """Any version of the resource that is stored under this key."""
        return next((info for info in self if info.key == key), None)

    def of_kind(self, group: str, kind: str) -> TypeInfo | None:
        """Any version of the resource of this kind."""
        return next((info for info in self if info.kind == kind and info.group == group), None)

    def namespaced(self) -> list[TypeInfo]:
        """One version of each namespaced resource that stores objects."""
        found = {info.key: info for info in self if info.namespaced and "list" in info.verbs}
        return list(found.values())
