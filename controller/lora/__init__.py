"""LoRA adapters of running engines: which adapters a pod has, and loading and unloading them.

The entry point is ``AdapterSync.sync(model, pods) -> AdapterReport``: it starts the calls and returns at once. When the calls to a pod have ended,
the handlers are called with the Model's key, so that it is reconciled again.
"""

from controller.lora.state import AdapterFailure as AdapterFailure
from controller.lora.state import AdapterReport as AdapterReport
from controller.lora.state import AdapterShare as AdapterShare
from controller.lora.state import MovedAdapter as MovedAdapter
from controller.lora.sync import AdapterSync as AdapterSync
