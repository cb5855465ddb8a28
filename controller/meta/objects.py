"""Kubernetes objects as plain JSON mappings: what identifies them, and short ways to their common parts.

An ``Object`` is what the API server sent, read-only by convention. Accessors never raise on an object that lacks the part asked
for, or holds another type there: they return the empty value, because anything can be stored under a schema that is not ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

Object = Mapping[str, Any]

UNDECODABLE = "undecodable"
"""Key of a stand-in object whose body could not be decoded; the value is the reason. Its metadata is real."""

_EMPTY: Mapping[str, Any] = {}


class NamespacedName(NamedTuple):
    """Namespace (empty for cluster-scoped objects) and name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


@dataclass(frozen=True, slots=True)
class Resource:
    """A REST resource together with the kind of its objects."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version in the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """``plural.group``, the way kubectl and CRDs name a resource."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str | None = None, name: str | None = None, subresource: str = "") -> str:
        """The URL path, unescaped: of the collection without ``name``; across namespaces without ``namespace``."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(parts)


def _mapping(obj: object, key: str) -> Object:
    value = obj.get(key) if type(obj) is dict or isinstance(obj, Mapping) else None
    if type(value) is dict:
        return value
    return value if value is not None and isinstance(value, Mapping) else _EMPTY


def _text(obj: object, key: str) -> str:
    value = obj.get(key) if type(obj) is dict or isinstance(obj, Mapping) else None
    return value if isinstance(value, str) else ""


def metadata_of(obj: Object) -> Object:
    """``metadata``, empty where absent."""
    if type(obj) is dict and type(value := obj.get("metadata")) is dict:
        return value
    return _mapping(obj, "metadata")


def spec_of(obj: Object) -> Object:
    """``spec``, empty where absent."""
    return _mapping(obj, "spec")


def status_of(obj: Object) -> Object:
    """``status``, empty where absent."""
    return _mapping(obj, "status")


def name_of(obj: Object) -> str:
    """``metadata.name``, else empty."""
    return _text(metadata_of(obj), "name")


def namespace_of(obj: Object) -> str:
    """``metadata.namespace``, else empty."""
    return _text(metadata_of(obj), "namespace")


def key_of(obj: Object) -> NamespacedName:
    """Namespace and name."""
    return NamespacedName(namespace_of(obj), name_of(obj))


def uid_of(obj: Object) -> str:
    """``metadata.uid``, else empty."""
    return _text(metadata_of(obj), "uid")


def resource_version_of(obj: Object) -> str:
    """``metadata.resourceVersion``, else empty."""
    return _text(metadata_of(obj), "resourceVersion")


def generation_of(obj: Object) -> int:
    """``metadata.generation``, else 0."""
    value = metadata_of(obj).get("generation")
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def labels_of(obj: Object) -> Mapping[str, str]:
    """``metadata.labels``, else empty."""
    return _mapping(metadata_of(obj), "labels")


def annotations_of(obj: Object) -> Mapping[str, str]:
    """``metadata.annotations``, else empty."""
    return _mapping(metadata_of(obj), "annotations")


def owner_references_of(obj: Object) -> tuple[Object, ...]:
    """The well-formed entries of ``metadata.ownerReferences``, in order."""
    references = metadata_of(obj).get("ownerReferences")
    if not isinstance(references, list | tuple):
        return ()
    return tuple(reference for reference in references if isinstance(reference, Mapping))


def is_deleting(obj: Object) -> bool:
    """Whether ``metadata.deletionTimestamp`` is set."""
    return bool(metadata_of(obj).get("deletionTimestamp"))
