"""The result of a pass, as the values that a status is composed of."""

from dataclasses import dataclass, field

from controller.lora import AdapterReport
from controller.meta import NamespacedName
from controller.reconcilers.backends import BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.steps import Wait


@dataclass(frozen=True, slots=True)
class RouteView:
    """The route of a Model: its name, and the names in requests that it answers.

    ``conflicts`` are routes of others that answer one of these names too; the router keeps one of them.
    """

    name: str
    model_name: str
    adapters: tuple[str, ...] = ()
    conflicts: tuple[NamespacedName, ...] = ()


@dataclass(frozen=True, slots=True)
class PassResult:
    """The result of a pass.

    ``applied``: every desired child of this generation is as desired; else ``waiting`` are those that could not be written yet. ``valid``:
    the spec could be rendered. ``paused``: nothing was written.
    """

    backends: tuple[BackendView, ...] = ()
    problems: tuple[Problem, ...] = ()
    adapters: AdapterReport = field(default_factory=AdapterReport)
    applied: bool = True
    valid: bool = True
    paused: bool = False
    waiting: tuple[Wait, ...] = ()
    route: RouteView | None = None
