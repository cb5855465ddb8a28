"""The families of the API that this cluster has, and which of them a Model's children are in."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller import meta
from controller.api.annotations import DIALECT
from controller.dialects import DIALECTS, ChildKey, Dialect, unknown_dialect
from controller.fronts import Front
from controller.informers import BY_OWNER, Lister, SharedInformer
from controller.meta import Object, Resource
from controller.reconcilers.apply import Applier
from controller.reconcilers.observe import Observer


@dataclass(frozen=True, slots=True)
class Family:
    """A dialect at work: the caches of its children and of their pods, and what reads and writes them."""

    dialect: Dialect
    children: Mapping[Resource, SharedInformer]
    pods: SharedInformer
    observer: Observer
    applier: Applier

    @property
    def informers(self) -> tuple[SharedInformer, ...]:
        """All of its caches."""
        return (*self.children.values(), self.pods)

    @property
    def is_ready(self) -> bool:
        """Whether its caches show what exists."""
        return all(informer.has_synced for informer in self.informers)

    def has_workloads_of(self, model: Object) -> bool:
        """Whether a workload of this dialect belongs to the Model."""
        workloads = self.children[self.dialect.workload].lister
        return bool(workloads.versions(BY_OWNER, meta.uid_of(model)))


class UnknownDialect(Exception):
    """The Model names a dialect that does not exist; the message says which do."""


class Families:
    """The families that were found so far. One that is found stays.

    A Model's dialect is decided once: by its front, or its annotation, or the workloads that it has, or else the oldest family there is.
    """

    def __init__(self) -> None:
        self._found: dict[str, Family] = {}
        self._missing: dict[str, tuple[Resource, ...]] = {}

    def __iter__(self) -> Iterator[Family]:
        return iter(tuple(self._found.values()))

    def add(self, family: Family) -> None:
        """A family whose kinds the cluster has."""
        self._found[family.dialect.name] = family
        self._missing.pop(family.dialect.name, None)

    def note_missing(self, dialect: Dialect, resources: tuple[Resource, ...]) -> None:
        """A family that cannot be served as long as these kinds do not exist or may not be read."""
        self._missing[dialect.name] = resources

    def missing(self, model: Object, front: Front) -> Mapping[str, tuple[Resource, ...]]:
        """The kinds that this Model's children lack, by dialect; nothing once a dialect that they may be in is there."""
        named = _named(model, front)
        if named:
            return {named: self._missing[named]} if named in self._missing else {}
        return {} if self._found else dict(self._missing)

    @property
    def are_several(self) -> bool:
        """Whether there is a choice."""
        return len(self._found) > 1

    def routes(self) -> Iterable[Lister]:
        """The routes of every family: they share one router."""
        return [family.children[family.dialect.route].lister for family in self]

    def of(self, model: Object, front: Front) -> Family | None:
        """The family of a Model's children; None while it is not there or not ready. Raises UnknownDialect."""
        named = _named(model, front)
        if named:
            if (message := unknown_dialect(named)) is not None:
                raise UnknownDialect(message)
            family = self._found.get(named)
            return family if family is not None and family.is_ready else None
        if not self._found or not all(family.is_ready for family in self):
            return None
        found = [self._found[name] for name in DIALECTS if name in self._found]
        return next((family for family in found if family.has_workloads_of(model)), found[0])

    def others(self, family: Family) -> list[Family]:
        """Every other family that is ready."""
        return [other for other in self if other is not family and other.is_ready]

    def versions(self, model: Object) -> dict[tuple[str, ChildKey], str | None]:
        """The resourceVersion of everything that a pass for this Model looks at, in any family."""
        return {
            (family.dialect.name, key): version
            for family in self
            for key, version in family.observer.versions(model).items()
        }


def _named(model: Object, front: Front) -> str | None:
    """The dialect that the front or the Model's annotation prescribes, if any."""
    return front.dialect.name if front.dialect else meta.annotations_of(model).get(DIALECT)
