"""The engine's own HTTP port and its runtime sidecar: which LoRA adapters a pod has, loading and unloading them."""

from controller.serving.adapters import LOAD_SECONDS as LOAD_SECONDS
from controller.serving.adapters import AdapterRuntime as AdapterRuntime
from controller.serving.adapters import LoadedAdapter as LoadedAdapter
from controller.serving.adapters import ServingError as ServingError
from controller.serving.plan import Step as Step
from controller.serving.plan import WantedAdapter as WantedAdapter
from controller.serving.plan import plan as plan
