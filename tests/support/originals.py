"""Kthena's own CRDs, of every family, from folders beside the checkout or those that the environment names."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.dialects import E4FB6663, V1, Dialect

_BESIDE = Path(__file__).parents[3] / "shared"
_FOLDERS = {
    E4FB6663.name: ("MODEL_CONTROLLER_KTHENA_CRDS", _BESIDE / "kthena-crds"),
    V1.name: ("MODEL_CONTROLLER_KTHENA_V1_CRDS", _BESIDE / "kthena-v1-crds"),
}


def original_crds(dialect: Dialect) -> list[dict[str, Any]]:
    """All CRDs of this dialect's release. Skips the test where they are not at hand."""
    variable, beside = _FOLDERS[dialect.name]
    folder = Path(os.environ.get(variable, beside))
    if not folder.is_dir():
        pytest.skip(f"no original CRDs in {folder}; set {variable}")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [yaml.load(file.read_text(encoding="utf-8"), Loader=loader) for file in sorted(folder.glob("*.yaml"))]
