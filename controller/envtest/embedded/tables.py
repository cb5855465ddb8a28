"""Objects as the rows of a Table, for kubectl. Pure."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import TypeInfo
from controller.meta import Object

_AGE: Object = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\[(\d+)\]|\[\?\(@\.([A-Za-z0-9_]+)\s*==\s*['\"]([^'\"]*)['\"]\)\]")


def metadata_only(obj: Object) -> dict[str, Any]:
    """The object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def table(
    info: TypeInfo, objects: Sequence[Object], list_metadata: Object, now: float, include: str = "Metadata"
) -> dict[str, Any]:
    """The objects as a Table; each row carries the object's metadata, the whole object or nothing."""
    columns = [{**_AGE, **column} if column["name"] == "Age" else column for column in info.columns or (_AGE,)]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": [_definition({"name": "Name", "format": "name"}), *map(_definition, columns)],
        "rows": [
            {
                "cells": [meta.name_of(obj), *(_cell(obj, column, now) for column in columns)],
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
        "description": column.get("description", ""),
    }


def _cell(obj: Object, column: Object, now: float) -> Any:
    value = _first(obj, str(column.get("jsonPath", "")))
    if column.get("type") != "date":
        return value
    try:
        return human_duration(now - meta.parse_time(str(value)).timestamp())
    except ValueError:
        return "<unknown>" if value is None else "<invalid>"


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows ages: ``90s``, ``5m30s``, ``3h``, ``2d5h``, ``2y10d``."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    minutes, hours, days, years = whole // 60, whole // 3600, whole // 86400, whole // 86400 // 365
    for bound, text in (
        (whole < 120, f"{whole}s"),
        (minutes < 10, _two(minutes, "m", whole % 60, "s")),
        (hours < 3, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (years < 2, f"{days}d"),
        (years < 8, _two(years, "y", days % 365, "d")),
    ):
        if bound:
            return text
    return f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


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
