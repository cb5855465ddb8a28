"""The outcome of applying a plan, as values: writes, steps that wait, and problems."""

from dataclasses import dataclass, field
from enum import StrEnum

from controller.dialects import ChildKey
from controller.meta import Object, Resource
from controller.meta.errors import AlreadyExists, ApiError, Conflict, StatusError, is_transient, reason_of
from controller.reconcilers.reasons import CHILD_APPLY_FAILED, RIVAL_CONTROLLER
from controller.reconcilers.steps import Wait


class Operation(StrEnum):
    """An operation on a child."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Write:
    """A write that succeeded; ``fields`` are those that an update changed."""

    operation: Operation
    kind: str
    name: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong with one object.

    ``action`` is what was tried or which field is wrong, ``error`` says what happened in one sentence, perhaps in a server's words, and
    ``code`` is the HTTP code and reason of an API error. ``reason`` is the condition's. A ``transient`` problem is worth a condition only
    when it lasts.
    """

    kind: str
    name: str
    action: str
    error: str = ""
    reason: str = CHILD_APPLY_FAILED.reason
    code: str = ""
    transient: bool = False

    @property
    def identity(self) -> tuple[str, ...]:
        """Equal for two reports of the same problem, though the server's words vary."""
        return (self.kind, self.name, self.action, self.reason, self.code or self.error)

    @classmethod
    def from_error(cls, kind: str, name: str, action: str, error: ApiError) -> "Problem":
        """The problem of a failed API call."""
        code = f"{error.http_code} {reason_of(error)}" if isinstance(error, StatusError) else ""
        transient = is_transient(error) or isinstance(error, Conflict | AlreadyExists)
        return cls(kind, name, action, " ".join(str(error).split()), code=code, transient=transient)

    @classmethod
    def not_installed(cls, resource: Resource, name: str, action: str) -> "Problem":
        """The problem of an object whose kind the API server does not have."""
        return cls(resource.kind, name, action, f"the CRD {resource.key} is not installed in this cluster")


@dataclass(slots=True)
class Outcome:
    """The outcome of a pass over the children.

    ``live`` has the objects that the API server answered with, None for deleted ones. ``held`` are the workloads whose pod template is kept,
    ``newly_held`` those that were marked in this pass. ``namespace_terminating``: nothing can be created in the namespace any more.
    """

    writes: list[Write] = field(default_factory=list)
    waiting: list[Wait] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    newly_held: list[str] = field(default_factory=list)
    live: dict[ChildKey, Object | None] = field(default_factory=dict)
    namespace_terminating: bool = False

    @property
    def left(self) -> list[Problem]:
        """The problems for which nothing is tried before a rival's pause is over."""
        return [problem for problem in self.problems if problem.reason == RIVAL_CONTROLLER.reason]

    @property
    def is_complete(self) -> bool:
        """Whether every desired child is as desired."""
        return not self.problems and not self.waiting

    def is_kind_complete(self, kind: str) -> bool:
        """Whether every desired child of this kind is as desired."""
        return kind not in {step.kind for step in self.waiting} | {problem.kind for problem in self.problems}
