"""One file per backend type: a backend as the workload that runs it."""

from collections.abc import Callable

from controller.api import derived
from controller.api.model import Backend, Model
from controller.dialects import Workload
from controller.render.engines import vllm, vllm_disaggregated
from controller.render.pods import RenderOptions

ENGINES: dict[str, Callable[[Model, Backend, RenderOptions], Workload]] = {
    derived.VLLM: vllm.workload,
    derived.VLLM_DISAGGREGATED: vllm_disaggregated.workload,
}
