"""Tools for testing controllers: virtual time, a clock that a test moves, waiting for states, and faults between client and server.

``controller.envtest`` has the API servers to test against.
"""

from controller.envtest.embedded.fault_rules import SeenRequest as SeenRequest
from controller.envtest.embedded.fault_rules import matching as matching
from controller.testing.clock import FakeClock as FakeClock
from controller.testing.faults import FaultProxy as FaultProxy
from controller.testing.faults import event_of as event_of
from controller.testing.virtual_time import VirtualTimeLoop as VirtualTimeLoop
from controller.testing.virtual_time import run_in_virtual_time as run_in_virtual_time
from controller.testing.waiting import eventually as eventually
