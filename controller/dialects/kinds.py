"""The facts about each kind of child that a plan needs. A kind has a ``Role``, and everything outside of this package asks for roles.

Sources of the rows: the CRDs of the children (which fields are immutable, what refers to what) and the fields that users and other
controllers are promised to keep.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from controller.meta import Object, Resource

Path = tuple[str, ...]


class Role(StrEnum):
    """The purpose of a kind of child. A SCALER says which workloads an autoscaler scales; a scaler may refer to a POLICY."""

    SERVER = "server"
    WORKLOAD = "workload"
    POLICY = "policy"
    SCALER = "scaler"
    ROUTE = "route"


class ChildKey(NamedTuple):
    """A child within the Model's namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class Scaled(NamedTuple):
    """A number that an autoscaler owns: the replicas of a workload, or with a ``role`` the instances of that role in each of them."""

    workload: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Fields:
    """A set of fields below ``spec``: everything under the paths ``within``, without the paths ``outside``.

    The paths ``if_desired`` belong to the set where the desired object has them; otherwise another writer owns them.
    """

    within: tuple[Path, ...] = ((),)
    outside: tuple[Path, ...] = ()
    if_desired: tuple[Path, ...] = ()

    def wanted_by(self, desired: Mapping[str, Any]) -> "Fields":
        """The set for this desired ``spec``."""
        more = tuple(path for path in self.if_desired if _at(desired, path) is not _ABSENT)
        return Fields((*self.within, *more), self.outside) if more else self

    def of(self, spec: Mapping[str, Any], *, outside: Collection[Path] = ()) -> dict[str, Any]:
        """The part of ``spec`` that is in the set, also without the paths of the argument. ``spec`` is not changed."""
        found: dict[str, Any] = {}
        for path in self.within:
            found = dict(spec) if not path else _with(found, path, _at(spec, path))
        for path in (*self.outside, *outside):
            found = _without(found, path)
        return found


_ABSENT: Any = object()


def _at(value: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(value, Mapping) or key not in value:
            return _ABSENT
        value = value[key]
    return value


def _with(value: dict[str, Any], path: Path, item: Any) -> dict[str, Any]:
    if item is _ABSENT:
        return value
    head, *rest = path
    return {**value, head: _with(value.get(head, {}), tuple(rest), item) if rest else item}


def _without(value: dict[str, Any], path: Path) -> dict[str, Any]:
    head, *rest = path
    if head not in value or (rest and not isinstance(value[head], Mapping)):
        return value
    if rest:
        return {**value, head: _without(dict(value[head]), tuple(rest))}
    return {key: item for key, item in value.items() if key != head}


def with_value(spec: Mapping[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A ``spec`` with another value at a path. Only what lies on the way is copied."""
    return _with(dict(spec), path, value)


def value_at(spec: Mapping[str, Any], path: Path) -> Any:
    """The value at a path below ``spec``; None where it is absent."""
    found = _at(spec, path)
    return None if found is _ABSENT else found


def _nothing(_: Object) -> Iterable[ChildKey]:
    return ()


def _nothing_scaled(_: Object) -> Iterable[Scaled]:
    return ()


def _healthy(_: Object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class ChildKind:
    """One row of the table.

    ``owned`` are the fields of ``spec`` that the controller writes; the others belong to users and other controllers. A change of an
    ``immutable`` field needs a deletion and a creation. ``template`` and ``replicas`` are the paths of the pod template, which may be held,
    and of the number of replicas, which an autoscaler may own. ``settings`` are fields of a role that are not part of the template, because
    another value restarts nothing: ``replicas``, which an autoscaler may own too, and fields that belong to others. ``needs`` gives the children that must be written before a desired one,
    ``names`` those that a live one refers to, which therefore must not be deleted before it, ``scales`` what a scaler scales. ``heal`` is the
    patch that repairs a live object beyond the owned fields, None where nothing is to repair. ``passed_on`` are annotations of the Model that
    its children of this kind get too, because the controller of the kind reads them there.
    """

    role: Role
    resource: Resource
    owned: Fields = Fields()
    immutable: tuple[Path, ...] = ()
    template: Path | None = None
    replicas: Path | None = None
    settings: frozenset[str] = frozenset()
    passed_on: tuple[str, ...] = ()
    needs: Callable[[Object], Iterable[ChildKey]] = _nothing
    names: Callable[[Object], Iterable[ChildKey]] = _nothing
    scales: Callable[[Object], Iterable[Scaled]] = _nothing_scaled
    heal: Callable[[Object], Mapping[str, Any] | None] = _healthy

    def without_settings_of_others(self, spec: Mapping[str, Any]) -> Mapping[str, Any]:
        """A ``spec`` without the fields of roles that belong to others."""
        others = self.settings - {"replicas"}
        roles = value_at(spec, self.template) if self.template and others else None
        if self.template is None or not isinstance(roles, list) or not all(isinstance(role, Mapping) for role in roles):
            return spec
        ours = [{key: item for key, item in role.items() if key not in others} for role in roles]
        return with_value(spec, self.template, ours)

    @property
    def instances(self) -> bool:
        """Whether a new number of instances of a role restarts nothing."""
        return "replicas" in self.settings
