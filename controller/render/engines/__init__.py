"""The backend types: one file each, and this registry of them.

To add one, write a class that fulfils ``Engine`` and put it into ``ENGINES``. Its name has to be in ``WORKERS_OF``, which makes the
CRD's enum.
"""

from collections.abc import Mapping

from controller.api.model import Backend, Model
from controller.render.engines.engine import Engine as Engine
from controller.render.engines.sglang import SGLang
from controller.render.engines.sglang_disaggregated import SGLangDisaggregated
from controller.render.engines.vllm import VLLM
from controller.render.engines.vllm_disaggregated import VLLMDisaggregated
from controller.render.facts import BackendFacts as BackendFacts
from controller.render.facts import EngineTraits
from controller.render.facts import WorkerFacts as WorkerFacts

ENGINES: Mapping[str, Engine] = {
    engine.traits.backend_type: engine for engine in (VLLM(), VLLMDisaggregated(), SGLang(), SGLangDisaggregated())
}
NOT_SUPPORTED: Mapping[str, str] = {
    "MindIE": "is not implemented: a ModelServer cannot name this engine",
    "MindIEDisaggregated": "is not implemented: a ModelServer cannot name this engine",
}
"""The types of the CRD's enum that are refused, and why."""


def backend_facts(model: Model, backend: Backend) -> BackendFacts:
    """The facts of one backend; of a type that is not supported, as if it had the defaults of every engine."""
    engine = ENGINES.get(backend.type)
    return BackendFacts.of(model, backend, engine.traits if engine else EngineTraits(backend.type))
