"""Control planes for tests: ``Environment`` starts the embedded API server or a real one, installs CRDs and hands out clients.

The embedded one starts in milliseconds and works with stock kubectl. The real one is the truth: one conformance suite runs on both.
"""

from controller.envtest.binaries import ControlPlaneError as ControlPlaneError
from controller.envtest.binaries import real_assets as real_assets
from controller.envtest.embedded.cel import can_evaluate_rules as can_evaluate_rules
from controller.envtest.embedded.fault_rules import ANYTHING as ANYTHING
from controller.envtest.embedded.fault_rules import matching as matching
from controller.envtest.embedded.faults import Faults as Faults
from controller.envtest.environment import Environment as Environment
from controller.envtest.environment import install_crds as install_crds
from controller.envtest.environment import write_kubeconfig as write_kubeconfig
