"""Which Models need attention, each with its reason: the series that alerts name Models by. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from controller import meta
from controller.meta import Object
from controller.reconcilers import reasons

MOST_SERIES = 200
"""Bounds the number of series when everything fails at once."""


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """A condition of a Model that is not as it should be. ``served`` says whether the Model was Active before."""

    namespace: str
    name: str
    condition: str
    reason: str
    served: bool


def unhealthy(models: Iterable[Object]) -> list[Unhealthy]:
    """Models that are not Active though they should be, and Models that have failed; those that served before come first."""
    found = (problem for model in models for problem in _problems(model))
    ranked = sorted(found, key=lambda problem: (not problem.served, problem.namespace, problem.name, problem.condition))
    return list(islice(ranked, MOST_SERIES))


def _problems(model: Object) -> Iterator[Unhealthy]:
    conditions = meta.conditions_of(model)
    active, failed, initialized = (
        meta.find_condition(conditions, type_) or {} for type_ in (reasons.ACTIVE, reasons.FAILED, reasons.INITIALIZED)
    )
    namespace, name = meta.namespace_of(model), meta.name_of(model)
    served = _served_before(active, initialized)
    if active.get("status") != "True" and active.get("reason") != reasons.SCALED_TO_ZERO.reason:
        yield Unhealthy(namespace, name, reasons.ACTIVE, str(active.get("reason", "")), served)
    if failed.get("status") == "True":
        yield Unhealthy(namespace, name, reasons.FAILED, str(failed.get("reason", "")), served)


def _served_before(active: Object, initialized: Object) -> bool:
    """Whether the Model is Active or was.

    The first pass writes both conditions at once. From then on ``Active`` stays False, with its first time, until the first pods are
    ready, and ``Initialized`` becomes True before that. So a False that is younger than ``Initialized`` follows a True.
    """
    times = [str(condition.get("lastTransitionTime", "")) for condition in (active, initialized)]
    return active.get("status") == "True" or (all(times) and times[0] > times[1])
