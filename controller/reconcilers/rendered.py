"""The result of reading a Model's spec, computed once for each generation: the parsed Model, the findings and the children."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.model import Model
from controller.fronts import Front
from controller.informers.compact import Recent, Stored
from controller.meta import NamespacedName, Object
from controller.render import RenderOptions, render
from controller.validation import Finding, ValidationOptions, examine

_ITEMS = "items"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The spec as the controller understands it.

    ``blocking`` are the findings for which nothing is written; then there is no ``model`` and no children. The children must not be
    changed. ``model.object`` is the object that was asked about.
    """

    findings: tuple[Finding, ...]
    blocking: tuple[Finding, ...]
    model: Model | None
    children: tuple[dict[str, Any], ...]


class _Kept(NamedTuple):
    """The cached part of a generation, beside its children. The parsed spec is not cached: it is larger than the JSON it is read from."""

    version: object
    findings: tuple[Finding, ...]
    blocking: tuple[Finding, ...]


class Renderer:
    """Validates and renders each generation of a Model once, and keeps the result for as long as the Model exists, as compressed JSON."""

    def __init__(
        self, front: Front, hostpath_prefixes: tuple[str, ...], kubernetes: tuple[int, int] | None = None
    ) -> None:
        self._front = front
        self._kubernetes = kubernetes
        self._hostpath_prefixes = hostpath_prefixes
        self._kept: dict[NamespacedName, _Kept] = {}
        self._children: dict[NamespacedName, Stored] = {}
        self._recent = Recent(self._children)

    def rendered(self, stored: Object, options: RenderOptions) -> Rendered:
        """The desired state of this generation of an object of the front, with these operator's options."""
        model = self._front.model(stored)
        key = meta.key_of(model)
        given, dialect = meta.annotations_of(model), options.dialect
        read = (REFRESH, *dialect.kind(dialect.workload.kind).passed_on)
        version = (meta.uid_of(model), meta.generation_of(model), *map(given.get, read), options)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version:
            parsed = None if kept.blocking else Model.from_object(model, self._front.resource)
            return Rendered(kept.findings, kept.blocking, parsed, tuple(self._recent.read(key)[_ITEMS]))
        rendered = self._render(stored, options)
        self._recent.forget(key)
        self._recent.put(key, {_ITEMS: rendered.children})
        self._kept[key] = _Kept(version, rendered.findings, rendered.blocking)
        return rendered

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._kept.pop(model, None)
        self._recent.forget(model)
        self._children.pop(model, None)

    def _render(self, stored: Object, options: RenderOptions) -> Rendered:
        validation = ValidationOptions(self._hostpath_prefixes, options.dialect, self._kubernetes)
        found, model, backends = examine(stored, validation, self._front)
        findings = tuple(found)
        if blocking := tuple(finding for finding in findings if finding.terminal):
            return Rendered(findings, blocking, None, ())
        assert model is not None, "a spec that is missing is a terminal finding"
        return Rendered(findings, (), model, render(model, options, backends))
