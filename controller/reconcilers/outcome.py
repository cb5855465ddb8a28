"""What came of a pass, as values."""

from dataclasses import dataclass, field

from controller.meta.errors import ApiError, StatusError, is_transient, reason_of


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that went wrong with one child. ``transient`` ones are worth a condition only when they last."""

    kind: str
    name: str
    what: str
    error: str
    reason: str = "ChildApplyFailed"
    transient: bool = False
    identity: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """One line for the condition."""
        return f"{self.kind} {self.name}: {self.what}: {self.error}"

    @classmethod
    def of(cls, kind: str, name: str, what: str, error: ApiError) -> "Problem":
        """The problem that a failed call is."""
        code = ""
        causes: tuple[str, ...] = ()
        if isinstance(error, StatusError):
            code, causes = str(error.http_code), tuple(sorted(cause.field for cause in error.causes))
        return cls(
            kind,
            name,
            what,
            " ".join(str(error).split()),
            transient=is_transient(error),
            identity=(kind, name, what, code, reason_of(error), *causes),
        )


@dataclass(slots=True)
class Outcome:
    """The writes of a pass and what went wrong. ``waiting`` names children that could not be written yet, without anybody's fault."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every desired child is as desired."""
        return not self.problems and not self.waiting
