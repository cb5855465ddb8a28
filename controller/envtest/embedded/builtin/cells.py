"""Cells of tables, as kubectl prints them: ages, and makers of cells that show one place of an object. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import meta
from controller.meta import Object

Cell = Callable[[Object, float], Any]
"""The cell of an object at a time in seconds."""
NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"


def age(value: Any, now: float) -> str:
    """The age of a time, as kubectl writes it."""
    try:
        return human_duration(now - meta.parse_time(str(value)).timestamp())
    except ValueError:
        return UNKNOWN if value is None else "<invalid>"


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


def at(path: str, default: Any = "") -> Cell:
    """The value at a dotted path."""
    names = path.split(".")

    def cell(obj: Object, _: float) -> Any:
        value: Any = obj
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return default if value is None or value == "" else value

    return cell


def age_of(path: str) -> Cell:
    """The time since the time at a path."""
    found = at(path, None)
    return lambda obj, now: age(found(obj, now), now)


def count(*names: str) -> Cell:
    """The number of items that the fields have together."""
    return lambda obj, _: sum(len(obj.get(name) or ()) for name in names)


def number(path: str) -> Cell:
    """The number at a path; 0 where there is none."""
    found = at(path, 0)
    return lambda obj, now: int(found(obj, now))


def selector_at(path: str) -> Cell:
    """The label selector at a path."""
    found = at(path, None)

    def cell(obj: Object, now: float) -> str:
        value = found(obj, now) or {}
        labels = value.get("matchLabels", {}) if "matchLabels" in value or "matchExpressions" in value else value
        return ",".join(f"{key}={item}" for key, item in sorted(labels.items())) or NONE

    return cell


def containers(field: str) -> Cell:
    """One field of every container of a template."""

    def cell(obj: Object, _: float) -> str:
        template = obj.get("spec", obj).get("template") or obj.get("template") or {}
        spec = template.get("spec") or (
            obj["spec"].get("jobTemplate", {}).get("spec", {}).get("template", {}).get("spec") or {}
        )
        return ",".join(str(one.get(field, "")) for one in spec.get("containers") or ())

    return cell


def ratio(left: str, right: str) -> Cell:
    """Two numbers with a slash between them."""
    first, second = number(left), number(right)
    return lambda obj, now: f"{first(obj, now)}/{second(obj, now)}"


def names_of(path: str, key: str = "name", default: str = "") -> Cell:
    """The names of the items at a path, with commas."""
    found = at(path, ())
    return lambda obj, now: (
        ",".join(str(one.get(key) if isinstance(one, Mapping) else one) for one in found(obj, now)) or default
    )
