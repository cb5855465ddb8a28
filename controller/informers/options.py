"""Settings of an informer: what it holds and how its reflectors behave."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from controller.meta import Object, Resource

Transform = Callable[[dict[str, Any]], Object]
Keep = Callable[[Object], bool]


@dataclass(frozen=True, slots=True)
class CacheOptions:
    """Which objects of a resource an informer holds, and in which form. Hashable: equal options are one informer.

    Which objects (the scope):

    - ``namespaces``: None is the default of the factory or manager, ``()`` is all namespaces. Order and repetitions do not count.
    - ``label_selector`` and ``field_selector``: in the API's text form; the server selects.
    - ``metadata_only``: ask the server for metadata alone (PartialObjectMetadata).
    - ``keep``: called with each object that arrives; what it returns false for is treated as if the server had not selected it. For
      what no selector can say; the server still sends all. Where it raises, the object is let in.

    In which form:

    - ``transform``: called with a shallow copy of each object and its metadata before it is stored; returns what is stored.
    - ``managed_fields``: leave ``managedFields`` in, for the transform or for readers; without it they go before anything else.
    - ``compact``: keep the objects as compressed JSON and decode one when it is read.
    """

    namespaces: Iterable[str] | None = None
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False
    keep: Keep | None = None
    transform: Transform | None = None
    compact: bool = False
    managed_fields: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.namespaces, str):
            raise ValueError(f"namespaces is a sequence of names, got the text {self.namespaces!r}")
        if self.namespaces is not None:
            object.__setattr__(self, "namespaces", tuple(sorted(set(self.namespaces))))

    @property
    def scope(self) -> "CacheOptions":
        """The same without the form: which objects there are."""
        return replace(self, transform=None, compact=False, managed_fields=False)

    def name(self, resource: Resource, namespace: str = "") -> str:
        """Tells the list-and-watches of a resource apart in metrics: ``pods``, ``pods/team-a``, ``pods?app=web``."""
        selectors = "&".join(filter(None, (self.label_selector, self.field_selector, "metadata" * self.metadata_only)))
        where = f"/{namespace}" if namespace else ""
        return f"{resource.key}{where}?{selectors}" if selectors else f"{resource.key}{where}"

    def in_namespaces(self, namespaces: Iterable[str]) -> "CacheOptions":
        """The same, limited to these namespaces where it leaves the choice open."""
        return self if self.namespaces is not None else replace(self, namespaces=namespaces)


@dataclass(frozen=True, slots=True)
class ReflectorOptions:
    """Timing of lists and watches, in seconds.

    ``watch_timeout`` is the longest time asked for one watch; each watch asks for a random time between its half and the whole.
    ``relist_interval`` is the time between two full lists, give or take a tenth: a safety net that repairs what a watch missed. It
    tells handlers of nothing that did not change.
    """

    watch_timeout: float = 300.0
    relist_interval: float = 14400.0
