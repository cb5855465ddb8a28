"""What a Model's spec asks for: the findings, and of a valid one the children."""

from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from controller import meta
from controller.api.annotations import REFRESH
from controller.api.model import Model
from controller.meta import Object
from controller.render import RenderOptions, render
from controller.validation import Finding, ValidationOptions, validate

_BURST = 128


@dataclass(frozen=True, slots=True)
class Desired:
    """``blocking`` are the findings that keep anything from being written; then there are no children."""

    findings: tuple[Finding, ...]
    blocking: tuple[Finding, ...]
    children: tuple[dict[str, Any], ...]


class Renderer:
    """Validates and renders each generation once, for as long as a burst of passes lasts."""

    def __init__(self, validation: ValidationOptions) -> None:
        self._validation = validation
        self._recent: LRUCache[object, Desired] = LRUCache(_BURST)

    def desired(self, model: Object, options: RenderOptions) -> Desired:
        """What this generation of the Model asks for. The children are shared: whoever wants to change one makes a copy."""
        key = (meta.uid_of(model), meta.generation_of(model), meta.annotations_of(model).get(REFRESH), options)
        found: Desired | None = self._recent.get(key)
        if found is None:
            findings = tuple(validate(model, self._validation))
            blocking = tuple(finding for finding in findings if finding.terminal)
            children = () if blocking else tuple(render(Model.from_object(model), options))
            found = self._recent[key] = Desired(findings, blocking, children)
        return found
