"""Virtual time as a fixture, for tests of awaiting shells."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from controller.testing import run_in_virtual_time


@pytest.fixture
def virtual_time() -> Callable[[Coroutine[Any, Any, None]], None]:
    """Runs a coroutine to its end on a loop of its own whose clock starts at 0 and jumps to the next timer whenever all wait."""
    return run_in_virtual_time
