"""A clock that a test moves."""

import pytest

from controller.testing import FakeClock


def test_it_stands_still_until_it_is_advanced():
    """And never goes back."""
    clock = FakeClock(100)
    assert (clock(), clock()) == (100, 100)
    assert clock.advance(2.5) == 102.5
    assert clock() == 102.5
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance(-1)
