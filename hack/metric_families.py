"""The metric families that ``model-controller run`` exposes, read from their definitions."""

import re
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from controller.dialects import DIALECTS
from controller.metrics import Metrics
from controller.reconcilers.metrics import ModelMetrics

_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
_SELECTOR = re.compile(r"\b([a-z_:][a-z0-9_:]*)\{")


@dataclass(frozen=True, slots=True)
class Family:
    """One family. ``name`` is what a query says; of a histogram, what its series begin with."""

    name: str
    type: str
    labels: tuple[str, ...]
    text: str
    series: tuple[str, ...]


def families() -> list[Family]:
    """All families of the framework and of the Model controller, by name."""
    registry = CollectorRegistry()
    Metrics.on(registry)
    ModelMetrics(registry, list, DIALECTS.values())
    found = []
    for collector in registry._collector_to_names:  # noqa: SLF001 - the labels of a family without series are found nowhere else
        for metric in collector.collect():
            labels = getattr(collector, "_labelnames", None) or getattr(metric, "_labelnames", ())
            suffixes = _SUFFIXES[metric.type]
            name = metric.name + (suffixes[0] if metric.type == "counter" else "")
            series = tuple(metric.name + suffix for suffix in suffixes)
            found.append(Family(name, metric.type, tuple(labels), metric.documentation, series))
    return sorted(found, key=lambda family: family.name)


def selected(expression: str) -> list[str]:
    """The series that a PromQL expression selects, in the order in which it names them; each must be followed by a brace."""
    return _SELECTOR.findall(expression)
