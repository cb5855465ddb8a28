"""What a Model's spec asks for, computed once for each generation: the parsed Model, the findings and the children."""

from dataclasses import dataclass, replace
from typing import Any

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.model import Model
from controller.informers.compact import Stored, opened, pack
from controller.meta import NamespacedName, Object
from controller.render import RenderOptions, render
from controller.validation import Finding, ValidationOptions, validate


@dataclass(frozen=True, slots=True)
class Rendered:
    """The spec as the controller understands it.

    ``blocking`` are the findings for which nothing is written; then there is no ``model`` and no children. The children must not be
    changed. ``model.object`` is the object that was rendered, whose status may be old.
    """

    findings: tuple[Finding, ...]
    blocking: tuple[Finding, ...]
    model: Model | None
    children: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is kept of a generation: its children as compressed JSON, since a Model that is at rest does not need them."""

    version: object
    rendered: Rendered
    children: Stored

    def open(self) -> Rendered:
        return replace(self.rendered, children=tuple(opened(self.children)["items"]))


class Renderer:
    """Validates, parses and renders each generation of a Model once, and keeps the result for as long as the Model exists."""

    def __init__(self, validation: ValidationOptions) -> None:
        self._validation = validation
        self._kept: dict[NamespacedName, _Kept] = {}

    def rendered(self, model: Object, options: RenderOptions) -> Rendered:
        """What this generation of the Model asks for, with these operator's options."""
        key = meta.key_of(model)
        version = (meta.uid_of(model), meta.generation_of(model), meta.annotations_of(model).get(REFRESH), options)
        kept = self._kept.get(key)
        if kept is not None and kept.version == version:
            return kept.open()
        rendered = self._render(model, options)
        self._kept[key] = _Kept(version, replace(rendered, children=()), pack({"items": list(rendered.children)}))
        return rendered

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._kept.pop(model, None)

    def _render(self, model: Object, options: RenderOptions) -> Rendered:
        findings = tuple(validate(model, self._validation))
        if blocking := tuple(finding for finding in findings if finding.terminal):
            return Rendered(findings, blocking, None, ())
        parsed = Model.from_object(model)
        return Rendered(findings, (), parsed, render(parsed, options))
