"""What came of a pass, as values."""

from dataclasses import dataclass, field

from controller.meta.errors import AlreadyExists, ApiError, Conflict, StatusError, is_transient, reason_of
from controller.reconcilers.reasons import CHILD_APPLY_FAILED
from controller.runtime import redact


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong with one child. ``transient`` ones are worth a condition only when they last."""

    kind: str
    name: str
    what: str
    error: str
    reason: str = CHILD_APPLY_FAILED.reason
    transient: bool = False

    @property
    def line(self) -> str:
        """One line for the condition, without what looks like a secret: servers like to quote what they were given."""
        return f"{self.kind} {self.name}: {self.what}" + (f": {redact(self.error)}" if self.error else "")

    @classmethod
    def of(cls, kind: str, name: str, what: str, error: ApiError) -> "Problem":
        """The problem that a failed call is."""
        said = " ".join(str(error).split())
        if isinstance(error, StatusError):
            said = f"{error.http_code} {reason_of(error)}: {said}"
        return cls(kind, name, what, said, transient=is_transient(error) or isinstance(error, Conflict | AlreadyExists))


@dataclass(slots=True)
class Outcome:
    """The writes of a pass and what went wrong.

    ``versions`` holds the resourceVersion of what was written, by kind and name, None for what was deleted. ``waiting`` names children that could not be written yet, without anybody's fault; ``namespace_ends`` says that nothing can be created
    any more.
    """

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    newly_held: list[str] = field(default_factory=list)
    namespace_ends: bool = False
    versions: dict[tuple[str, str], str | None] = field(default_factory=dict)

    def settled(self, kind: str) -> bool:
        """Whether every desired child of this kind is as desired."""
        return not any(line.startswith(f"{kind} ") for line in self.waiting) and not any(
            problem.kind == kind for problem in self.problems
        )

    @property
    def complete(self) -> bool:
        """Whether every desired child is as desired."""
        return not self.problems and not self.waiting
