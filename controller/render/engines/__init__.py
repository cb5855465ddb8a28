"""One file per backend type: a backend as the ``spec`` of its ModelInfer."""

from collections.abc import Callable
from typing import Any

from controller.api import derived
from controller.api.model import Backend, Model
from controller.render.engines import vllm, vllm_disaggregated
from controller.render.pods import RenderOptions

ENGINES: dict[str, Callable[[Model, Backend, RenderOptions], dict[str, Any]]] = {
    derived.VLLM: vllm.spec,
    derived.VLLM_DISAGGREGATED: vllm_disaggregated.spec,
}
