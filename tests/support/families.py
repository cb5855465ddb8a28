"""The small CRDs that a cluster with one family of the API has, or with all of them."""

from typing import Any

from controller.api.crds import model_crd
from controller.dialects import DIALECTS, V1, Dialect
from controller.dialects.crds import child_crds
from controller.fronts import booster_crd


def family_crds(dialect: Dialect) -> list[dict[str, Any]]:
    """Model, this dialect's children, and ModelBooster where it belongs to the dialect."""
    return [model_crd(), *child_crds(dialect), *([booster_crd()] if dialect is V1 else [])]


def every_crd() -> list[dict[str, Any]]:
    """Those of all families; a kind that several have is there once."""
    crds = {crd["metadata"]["name"]: crd for dialect in DIALECTS.values() for crd in family_crds(dialect)}
    return list(crds.values())
