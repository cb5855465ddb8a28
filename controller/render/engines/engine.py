"""The protocol of a backend type, as the rest of the product uses it."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from controller.api.findings import Finding
from controller.dialects import Workload
from controller.render.facts import BackendFacts, EngineTraits, PortUse, WorkerFacts
from controller.render.pods import RenderOptions


class Engine(Protocol):
    """One backend type. Every method is pure, and total over facts of any Model that parses."""

    @property
    def traits(self) -> EngineTraits:
        """The differences of this type from other types."""

    def command(self, facts: BackendFacts, worker: WorkerFacts) -> list[str]:
        """The engine container's command, as Kubernetes takes it: a ``$`` of the Model is written ``$$``."""

    def workload(self, facts: BackendFacts, options: RenderOptions) -> Workload:
        """The workload of the backend, before a dialect spells it."""

    def ports(self, facts: BackendFacts, worker: WorkerFacts) -> Iterable[PortUse]:
        """The ports that the engine of this worker opens beside that of its API."""

    def kv_connector(self, facts: BackendFacts) -> str | None:
        """The ModelServer's ``kvConnector.type``; None without one."""

    def findings(self, facts: BackendFacts, path: str) -> Iterator[Finding]:
        """Findings by the rules of this type alone; ``path`` is the backend's place in the Model."""
