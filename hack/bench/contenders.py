"""Who does the work: an ideal writer, this controller, or a kopf operator. Each is a process of its own with a namespace of its own."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from controller.dialects import E4FB6663, V1, Dialect
from controller.envtest import Environment
from hack.bench.processes import Process


@dataclass(frozen=True, slots=True)
class Contender:
    """``agents`` are how its requests begin their User-Agent; ``waits`` says that it starts at a word, so that its start-up costs nothing; in
    ``folder`` it is started, which is the top of this repository unless given. It writes the children of ``dialect``.
    """

    name: str
    agents: tuple[str, ...]
    command: Callable[[Environment, str], Sequence[str]]
    waits: bool = False
    folder: Path | None = None
    dialect: Dialect = E4FB6663

    async def start(self, environment: Environment, namespace: str) -> Process:
        """The process at work in this namespace."""
        return await Process.start(self.command(environment, namespace), folder=self.folder)


def _ideal(environment: Environment, namespace: str) -> Sequence[str]:
    return (sys.executable, "-m", "hack.bench.ideal_writer", str(environment.kubeconfig), namespace)


def _ours(environment: Environment, namespace: str, dialect: Dialect = E4FB6663) -> Sequence[str]:
    return (
        *(sys.executable, "-m", "controller", "run", "--kubeconfig", str(environment.kubeconfig)),
        *("--namespace", namespace, "--metrics-bind-address", "0", "--health-probe-bind-address", "0"),
        *("--log-level", "error", "--families", dialect.name),
    )


def _kopf(environment: Environment, namespace: str) -> Sequence[str]:
    return (sys.executable, "-m", "hack.bench.kopf_operator", str(environment.kubeconfig), namespace)


IDEAL = Contender("ideal", ("bench-ideal",), _ideal, waits=True)
OURS = Contender("ours", ("model-controller/",), _ours)
TODAYS = Contender(f"ours-{V1.name}", OURS.agents, partial(_ours, dialect=V1), dialect=V1)
"""This controller on today's family of the API."""
KOPF = Contender("kopf", ("kopf/", "bench-kopf"), _kopf)


def other(checkout: Path) -> Contender:
    """Another version of this controller, from its checkout, run by the same interpreter."""
    return Contender("other", OURS.agents, _ours, folder=checkout)


CONTENDERS = {contender.name: contender for contender in (IDEAL, OURS, TODAYS, KOPF)}


def installed(contender: Contender) -> bool:
    """Whether the packages that it needs are there."""
    return contender is not KOPF or importlib.util.find_spec("kopf") is not None
