"""The controller's own families: Models counted from the store at scrape time, writes by kind and action."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.api.kinds import ALL_CHILDREN
from controller.dialects import E4FB6663
from controller.informers import Lister
from controller.informers.store import Indexer
from controller.reconcilers.metrics import ModelMetrics
from tests.support.factories import a_model

STATUSES = ("True", "False", "Unknown")


@pytest.fixture
def store() -> Indexer:
    return Indexer()


@pytest.fixture
def registry(store: Indexer) -> CollectorRegistry:
    registry = CollectorRegistry()
    ModelMetrics(registry, lambda: [Lister({"": store})], [E4FB6663])
    return registry


def a_model_that_says(name: str, version: int = 1, **conditions: tuple[str, str]) -> dict[str, Any]:
    model = a_model(name)
    model["metadata"]["resourceVersion"] = str(version)
    model["status"] = {
        "conditions": [
            {"type": type_, "status": status, "reason": reason} for type_, (status, reason) in conditions.items()
        ]
    }
    return model


def models(registry: CollectorRegistry, condition: str) -> dict[str, float | None]:
    return {
        status: registry.get_sample_value("model_controller_models", {"condition": condition, "status": status})
        for status in STATUSES
    }


def test_models_are_counted_by_what_each_condition_says(store: Indexer, registry: CollectorRegistry) -> None:
    """A Model without the condition, or with a status nobody defined, counts as Unknown."""
    store.apply("ADDED", a_model_that_says("a", Active=("True", "ModelAvailable"), Failed=("False", "ModelHealthy")))
    store.apply("ADDED", a_model_that_says("b", Active=("False", "ModelProcessing"), Failed=("True", "InvalidSpec")))
    store.apply("ADDED", a_model_that_says("c", Active=("Perhaps", "Odd")))
    assert models(registry, "Active") == {"True": 1, "False": 1, "Unknown": 1}
    assert models(registry, "Failed") == {"True": 1, "False": 1, "Unknown": 1}
    assert models(registry, "Initialized") == {"True": 0, "False": 0, "Unknown": 3}


def test_a_scrape_sees_the_store_as_it_is_now(store: Indexer, registry: CollectorRegistry) -> None:
    """Nothing is counted by hand, so nothing can drift."""
    assert models(registry, "Active") == {"True": 0, "False": 0, "Unknown": 0}
    store.apply("ADDED", a_model_that_says("a", Active=("False", "ModelProcessing")))
    assert models(registry, "Active") == {"True": 0, "False": 1, "Unknown": 0}
    ready = a_model_that_says("a", 2, Active=("True", "ModelAvailable"))
    store.apply("MODIFIED", ready)
    assert models(registry, "Active") == {"True": 1, "False": 0, "Unknown": 0}
    store.apply("DELETED", ready)
    assert models(registry, "Active") == {"True": 0, "False": 0, "Unknown": 0}


def test_models_scaled_to_zero_are_told_apart_from_those_that_should_serve(
    store: Indexer, registry: CollectorRegistry
) -> None:
    """They are not Active either, and nobody should be woken up for them."""
    store.apply("ADDED", a_model_that_says("a", Active=("False", "ScaledToZero")))
    store.apply("ADDED", a_model_that_says("b", Active=("False", "ModelProcessing")))
    assert registry.get_sample_value("model_controller_models_idle") == 1
    assert models(registry, "Active")["False"] == 2


def test_a_model_that_is_not_active_has_a_series_with_its_name(store: Indexer, registry: CollectorRegistry) -> None:
    """So that an alert can say which; the series ends when the Model is well."""
    store.apply("ADDED", a_model_that_says("b", Active=("False", "ModelProcessing")))
    labels = {"model": "b", "condition": "Active", "reason": "ModelProcessing", "served": "false"}
    labels["model_namespace"] = a_model("b")["metadata"]["namespace"]
    assert registry.get_sample_value("model_controller_unhealthy_models", labels) == 1
    store.apply("MODIFIED", a_model_that_says("b", 2, Active=("True", "ModelAvailable")))
    assert registry.get_sample_value("model_controller_unhealthy_models", labels) is None


@pytest.mark.parametrize("kind", [resource.kind for resource in ALL_CHILDREN])
@pytest.mark.parametrize("action", ["create", "update", "delete"])
def test_every_series_of_writes_exists_before_the_first_write(
    registry: CollectorRegistry, kind: str, action: str
) -> None:
    """A rate over the first write is then not lost."""
    labels = {"kind": kind, "action": action}
    assert registry.get_sample_value("model_controller_child_writes_total", labels) == 0
