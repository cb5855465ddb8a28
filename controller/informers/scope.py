"""Which objects an informer holds, and the form in which it holds them. Pure."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from controller import meta
from controller.informers.options import CacheOptions
from controller.meta import FieldSelector, LabelSelector, Object, Resource

Selector = TypeVar("Selector")


class Scope:
    """The resource and options of an informer, applied to objects that did not come from its own list or watch."""

    def __init__(self, resource: Resource, options: CacheOptions) -> None:
        self._resource = resource
        self._options = options
        self._labels = _parsed(LabelSelector.parse, options.label_selector)
        self._fields = _parsed(FieldSelector.parse, options.field_selector)

    def keeps(self, obj: Object) -> bool:
        """Whether ``keep`` lets the object in; raises what it raises."""
        return self._options.keep is None or bool(self._options.keep(obj))

    def selects(self, obj: Object) -> bool:
        """Whether the selectors select the object. False where a selector cannot be read here: then the watch decides alone."""
        if self._labels is None or self._fields is None:
            return False
        return self._labels.matches(meta.labels_of(obj)) and self._fields.matches(obj)

    @property
    def is_readable(self) -> bool:
        """Whether both selectors can be evaluated here."""
        return self._labels is not None and self._fields is not None

    def shape(self, obj: dict[str, Any]) -> Object:
        """The object as it is stored: without ``managedFields`` and only metadata under its own kind, as the options say, then transformed.

        Takes over ``obj``. Raises what the transform raises, and TypeError or ValueError for a result that is not this object.
        """
        metadata = obj.get("metadata")
        if not self._options.managed_fields and isinstance(metadata, dict) and "managedFields" in metadata:
            obj = {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
        if self._options.metadata_only:
            kind = {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
            obj = {**kind, "metadata": obj.get("metadata", {})}
        if self._options.transform is None:
            return obj
        copied = {**obj, "metadata": dict(meta.metadata_of(obj))} if "metadata" in obj else dict(obj)
        return _same(obj, self._options.transform(copied))


def _same(obj: Object, transformed: object) -> Object:
    """The result of a transform. Raises TypeError or ValueError unless it is the same object in the same version."""
    if not isinstance(transformed, Mapping):
        raise TypeError(f"a transform returns an object, got {type(transformed).__name__}")
    for part in (meta.key_of, meta.uid_of, meta.resource_version_of):
        if part(obj) != part(transformed):
            raise ValueError("a transform keeps name, namespace, uid and resourceVersion")
    return transformed


def _parsed(parse: Callable[[str], Selector], text: str) -> Selector | None:
    try:
        return parse(text)
    except ValueError:
        return None
