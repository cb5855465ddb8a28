"""The steps of a plan, as values: what becomes of one child and why. They are compared and printed, and hold nothing that acts."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from controller.dialects import ChildKey
from controller.meta import Object


class Reason(StrEnum):
    """Why a step is as it is, for people."""

    MISSING = "missing"
    DIFFERS = "differs"
    IMMUTABLE = "a field that cannot be changed differs"
    UNWANTED = "no longer wanted"
    AS_DESIRED = "as desired"
    TEMPLATE_HELD = "the pod template is kept until the Model changes"
    DELETING = "is being deleted"
    NEEDS = "waits for other children"
    STILL_NAMED = "another child still refers to it"
    ADAPTERS = "adapters are being loaded into running engines"
    HANDOVER = "the old backends serve until a new one does"
    RIVAL = "another controller keeps changing it back"
    OLD_PODS = "the old pods are called until new ones are ready"
    NO_TARGET = "no backend that the route could send requests to"
    FOREIGN = "an object of this name exists and is not controlled by this Model"
    LEFTOVER = "an object of this name exists and belongs to a deleted Model of this name"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """The decision about one child. ``needs`` must succeed first; ``after`` must only be over."""

    kind: str
    name: str
    reason: Reason
    needs: tuple[ChildKey, ...] = ()
    after: tuple[ChildKey, ...] = ()

    @property
    def key(self) -> ChildKey:
        """The child."""
        return ChildKey(self.kind, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Create(_Step):
    """There is none: ``desired`` is created. ``keeper`` is the child that kept its foreign parts."""

    desired: dict[str, Any]
    keeper: ChildKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch(_Step):
    """``live`` gets a JSON merge patch, which changes these ``fields``. ``newly_held``: it marks a pod template as held."""

    live: Object
    desired: dict[str, Any]
    patch: dict[str, Any]
    fields: tuple[str, ...]
    newly_held: bool = False
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recreate(_Step):
    """``live`` is deleted and ``desired`` created, since these ``fields`` cannot be changed.

    ``desired`` has the foreign parts of ``live``, if it has any; then ``keeper`` gets the annotation ``kept`` until the new object exists.
    """

    live: Object
    desired: dict[str, Any]
    fields: tuple[str, ...]
    keeper: ChildKey | None = None
    kept: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete(_Step):
    """``live`` is deleted."""

    live: Object


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(_Step):
    """Nothing is written. ``held``: the pod template would be rendered differently and is kept."""

    live: Object
    held: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait(_Step):
    """Nothing can be written yet; a later pass plans again.

    ``needs`` are the children waited for, ``until`` when at the latest, in seconds since the epoch; None for no bound. ``usable``: the live
    object is good enough for those that need it.
    """

    live: Object | None
    until: float | None = None
    usable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(_Step):
    """The name is taken by an object that is not ours; it is not touched."""

    live: Object


Step: TypeAlias = Create | Patch | Recreate | Delete | Keep | Wait | Refuse
