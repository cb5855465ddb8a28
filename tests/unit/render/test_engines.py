"""The registry of backend types: one entry for each type that the CRD admits, and everything that a user reads about them."""

from pathlib import Path

import pytest

from controller.api.documents import load_documents
from controller.api.model import WORKER_TYPES, WORKERS_OF
from controller.api.samples import sample_paths
from controller.render.engines import ENGINES, NOT_SUPPORTED
from controller.validation import validate
from tests.support.factories import a_backend, a_model, a_worker

ROOT = Path(__file__).parents[3]


def test_the_registry_is_the_enum_of_the_crd() -> None:
    """Each type is rendered or refused, and none is both."""
    assert sorted([*ENGINES, *NOT_SUPPORTED]) == sorted(WORKERS_OF)
    for name, engine in ENGINES.items():
        assert engine.traits.backend_type == name
        assert engine.traits.worker_types == WORKERS_OF[name]
        assert set(engine.traits.worker_types) <= set(WORKER_TYPES)
        assert set(engine.traits.named_by) <= set(engine.traits.worker_types)


@pytest.mark.parametrize("name", ENGINES)
def test_the_workers_of_a_type_are_those_of_its_traits(name: str) -> None:
    """Each once; one worker more is refused, and the message says what is wanted."""
    types = ENGINES[name].traits.worker_types
    workers = [a_worker(type=type_) for type_ in types]
    assert validate(a_model("chat", a_backend(type=name, workers=workers))) == []
    (finding,) = validate(a_model("chat", a_backend(type=name, workers=[*workers, a_worker(type=types[0])])))
    assert finding.path == "spec.backends[0].workers"
    assert finding.message.endswith(ENGINES[name].traits.workers_sentence)


@pytest.mark.parametrize("name", NOT_SUPPORTED)
def test_a_refused_type_says_why(name: str) -> None:
    """With the reason of the registry and the types that are supported."""
    worker = a_worker(type="prefill" if name.endswith("Disaggregated") else "server")
    (finding,) = validate(a_model("chat", a_backend(type=name, workers=[worker])))
    assert NOT_SUPPORTED[name] in finding.message
    assert all(supported in finding.message for supported in ENGINES)


@pytest.mark.parametrize("name", ENGINES)
def test_a_type_is_documented_and_has_a_sample(name: str) -> None:
    """In the field reference, in the page about conversion, in a how-to page, and as a Model that users can apply."""
    for page in ("docs/reference/model.md", "docs/conversion.md"):
        assert f"`{name}`" in (ROOT / page).read_text(encoding="utf-8")
    how_tos = [page.read_text(encoding="utf-8") for page in (ROOT / "docs/how-to").glob("*.md")]
    assert any(f"type: {name}\n" in text for text in how_tos)
    samples = [document for path in sample_paths() for document in load_documents(path.read_bytes(), path.name)]
    assert any(backend["type"] == name for sample in samples for backend in sample["spec"]["backends"])
