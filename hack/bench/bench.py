"""What a workload is given, and what it gives back."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from itertools import count

from controller.client import Client
from controller.envtest import Environment
from hack.bench.contenders import Contender
from hack.bench.driver import Audit


@dataclass(slots=True)
class Bench:
    """A running control plane, an administrator's client, and the sizes asked for."""

    environment: Environment
    client: Client
    models: int
    audit: Audit
    _numbers: count = field(default_factory=count)

    def namespace(self, what: str) -> str:
        """A new name."""
        return f"bench-{what}-{next(self._numbers)}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round of a workload: figures by their name with its unit."""

    workload: str
    contender: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Workload:
    """``run`` takes one contender through one round; the docstring of its module says what is measured."""

    name: str
    title: str
    contenders: tuple[Contender, ...]
    run: Callable[[Bench, Contender], Awaitable[Mapping[str, float]]]
    rounds: int | None = None
