"""Both control planes as parameters of a test."""

import pytest

PLANES = [
    pytest.param("embedded", id="embedded", marks=pytest.mark.xdist_group("embedded")),
    pytest.param(
        "real", id="real", marks=[pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)]
    ),
]
