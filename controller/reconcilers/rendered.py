"""The result of reading a Model's spec, computed once for each generation: the parsed Model, the findings and the children."""

from dataclasses import dataclass, replace
from typing import Any

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.model import Model
from controller.fronts import Front
from controller.informers.compact import Stored, opened, pack
from controller.meta import NamespacedName, Object
from controller.render import RenderOptions, render
from controller.validation import Finding, ValidationOptions, validate


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


@dataclass(frozen=True, slots=True)
class _Kept:
    """The cached part of a generation. A Model at rest needs neither its object nor its children, except as compressed JSON."""

    version: object
    rendered: Rendered
    children: Stored

    @classmethod
    def of(cls, version: object, rendered: Rendered) -> "_Kept":
        return cls(
            version,
            replace(rendered, model=_about(rendered, {}), children=()),
            pack({"items": list(rendered.children)}),
        )

    def open(self, model: Object) -> Rendered:
        return replace(
            self.rendered, model=_about(self.rendered, model), children=tuple(opened(self.children)["items"])
        )


def _about(rendered: Rendered, obj: Object) -> Model | None:
    return rendered.model.with_object(obj) if rendered.model is not None else None


class Renderer:
    """Validates, parses and renders each generation of a Model once, and keeps the result for as long as the Model exists."""

    def __init__(
        self, front: Front, hostpath_prefixes: tuple[str, ...], kubernetes: tuple[int, int] | None = None
    ) -> None:
        self._front = front
        self._kubernetes = kubernetes
        self._hostpath_prefixes = hostpath_prefixes
        self._kept: dict[NamespacedName, _Kept] = {}

    def rendered(self, stored: Object, options: RenderOptions) -> Rendered:
        """The desired state of this generation of an object of the front, with these operator's options."""
        model = self._front.model(stored)
        key = meta.key_of(model)
        version = (meta.uid_of(model), meta.generation_of(model), meta.annotations_of(model).get(REFRESH), options)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version:
            return kept.open(model)
        rendered = self._render(stored, options)
        self._kept[key] = _Kept.of(version, rendered)
        return rendered

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._kept.pop(model, None)

    def _render(self, stored: Object, options: RenderOptions) -> Rendered:
        validation = ValidationOptions(self._hostpath_prefixes, options.dialect, self._kubernetes)
        findings = tuple(validate(stored, validation, self._front))
        if blocking := tuple(finding for finding in findings if finding.terminal):
            return Rendered(findings, blocking, None, ())
        parsed = Model.from_object(self._front.model(stored), self._front.resource)
        return Rendered(findings, (), parsed, render(parsed, options))
