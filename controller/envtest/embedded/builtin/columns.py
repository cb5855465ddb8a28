"""The columns of tables of the built-in kinds: which cell stands in each. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin import cluster_cells, object_cells, workload_cells
from controller.envtest.embedded.builtin.cells import UNKNOWN, Cell, age_of, at, containers, selector_at
from controller.envtest.embedded.resources import TypeInfo
from controller.meta import Object

_COMMON: Mapping[str, Cell] = {
    "Name": lambda obj, _: meta.name_of(obj),
    "Age": age_of("metadata.creationTimestamp"),
    "Created At": at("metadata.creationTimestamp"),
    "Containers": containers("name"),
    "Images": containers("image"),
    "Selector": selector_at("spec.selector"),
}
_CELLS = {**workload_cells.CELLS, **object_cells.CELLS, **cluster_cells.CELLS}


def row(info: TypeInfo, obj: Object, columns: Sequence[Object], now: float) -> list[Any]:
    """The cells of one object. A column that nothing is known of shows ``<unknown>``."""
    known = {**_COMMON, **_CELLS.get(info.key, {})}
    return [known[column["name"]](obj, now) if column["name"] in known else UNKNOWN for column in columns]
