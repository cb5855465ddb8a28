"""The public surface of the framework's rooms is what their __all__ says."""

import importlib

import pytest


@pytest.mark.parametrize("room", ["controller.workqueue", "controller.metrics", "controller.runtime"])
def test_all_names_exactly_what_the_room_offers(room: str):
    """Every public name that is no module, and no other."""
    module = importlib.import_module(room)
    offered = {
        name for name, value in vars(module).items() if not name.startswith("_") and type(value).__name__ != "module"
    }
    assert isinstance(module.__all__, tuple)
    assert set(module.__all__) == offered
