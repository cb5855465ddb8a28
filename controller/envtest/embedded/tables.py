"""Objects as the rows of a Table, for kubectl. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin import columns as built_in_columns
from controller.envtest.embedded.builtin.cells import age
from controller.envtest.embedded.resources import TypeInfo
from controller.meta import Object

_AGE: Object = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_PATH_COLUMN = "Custom resource definition column (in JSONPath format): "
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_]+)\s*==\s*['\"]([^'\"]*)['\"]\)\]")


def metadata_only(obj: Object) -> dict[str, Any]:
    """The object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def table(
    info: TypeInfo, objects: Sequence[Object], list_metadata: Object, now: float, include: str = "Metadata"
) -> dict[str, Any]:
    """The objects as a Table; each row carries the object's metadata, the whole object or nothing."""
    columns = list(info.columns or (_AGE,))
    if info.custom:
        columns = [
            {"name": "Name", "format": "name"},
            *({**_AGE, **one} if one["name"] == "Age" else one for one in columns),
        ]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [
            {
                "cells": _custom_cells(obj, columns, now)
                if info.custom
                else built_in_columns.row(info, obj, columns, now),
                "object": metadata_only(obj) if include == "Metadata" else obj if include == "Object" else None,
            }
            for obj in objects
        ],
    }


def _definition(column: Object) -> dict[str, Any]:
    return {
        "name": column["name"],
        "type": column.get("type", "string"),
        "format": column.get("format", ""),
        "priority": column.get("priority", 0),
        "description": column.get("description") or (_PATH_COLUMN + column["jsonPath"] if "jsonPath" in column else ""),
    }


def _custom_cells(obj: Object, columns: Sequence[Object], now: float) -> list[Any]:
    return [meta.name_of(obj), *(_cell(obj, column, now) for column in columns[1:])]


def _cell(obj: Object, column: Object, now: float) -> Any:
    value = _first(obj, str(column.get("jsonPath", "")))
    return age(value, now) if column.get("type") == "date" else value


def _first(obj: Any, path: str) -> Any:
    """The first value of a path of fields, indexes and ``[?(@.key=='value')]`` filters; None when there is none."""
    for name, index, key, wanted in _STEP.findall(path):
        items = obj if isinstance(obj, list) else []
        if name:
            obj = obj.get(name) if isinstance(obj, Mapping) else None
        elif index:
            obj = items[int(index)] if int(index) < len(items) else None
        else:
            obj = next((item for item in items if isinstance(item, Mapping) and item.get(key) == wanted), None)
    return obj if isinstance(obj, str | int | float | bool) else None
