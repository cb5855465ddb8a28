"""The row of a Model in ``status`` and ``demo``, made from its status alone, so that it agrees with ``kubectl get models``."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rich.table import Table
from rich.text import Text

from controller import meta
from controller.meta import NamespacedName, Object


@dataclass(frozen=True, slots=True)
class Row:
    """One Model. ``ready`` and ``desired`` count replicas over all backends; ``age`` is in seconds, None without a creation time."""

    key: NamespacedName
    active: str
    failed: str
    backends: tuple[str, ...]
    ready: int
    desired: int
    adapters: tuple[str, ...]
    reason: str
    message: str
    age: float | None

    def as_json(self) -> dict[str, object]:
        """The row for tools."""
        return {
            "namespace": self.key.namespace,
            "name": self.key.name,
            "active": self.active,
            "failed": self.failed,
            "backends": list(self.backends),
            "replicas": {"ready": self.ready, "desired": self.desired},
            "adapters": list(self.adapters),
            "reason": self.reason,
            "message": self.message,
            "ageSeconds": None if self.age is None else int(self.age),
        }


def model_rows(models: Iterable[Object], now: datetime) -> list[Row]:
    """A row per Model, sorted by namespace and name."""
    return sorted((_row(model, now) for model in models), key=lambda row: row.key)


def _row(model: Object, now: datetime) -> Row:
    spec, status = meta.spec_of(model), meta.status_of(model)
    backends = [backend for backend in _items(spec, "backends") if isinstance(backend.get("name"), str)]
    states = _items(status, "backendStatuses")
    conditions = {str(condition.get("type")): condition for condition in meta.conditions_of(model)}
    active, failed = conditions.get("Active", {}), conditions.get("Failed", {})
    speaking = conditions.get("Ready") or (failed if failed.get("status") == "True" else active)
    return Row(
        key=meta.key_of(model),
        active=str(active.get("status", "Unknown")),
        failed=str(failed.get("status", "Unknown")),
        backends=tuple(backend["name"] for backend in backends),
        ready=sum(_count(state, "readyReplicas") for state in states),
        desired=sum(_count(state, "desiredReplicas") for state in states),
        adapters=tuple(sorted({str(a.get("name")) for backend in backends for a in _items(backend, "loraAdapters")})),
        reason=str(speaking.get("reason", "")),
        message=str((failed if failed.get("status") == "True" else speaking).get("message", "")),
        age=_age(model, now),
    )


def _items(parent: Object, key: str) -> list[Object]:
    value = parent.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _count(parent: Object, key: str) -> int:
    value = parent.get(key)
    return value if isinstance(value, int) else 0


def _age(model: Object, now: datetime) -> float | None:
    try:
        return (now - meta.parse_time(str(meta.metadata_of(model).get("creationTimestamp", "")))).total_seconds()
    except ValueError:
        return None


def human_duration(seconds: float | None) -> str:
    """``42s``, ``5m``, ``3h``, ``12d``, as kubectl shows ages."""
    if seconds is None:
        return "<unknown>"
    whole = max(0, int(seconds))
    for limit, unit, size in ((120, "s", 1), (7200, "m", 60), (172800, "h", 3600)):
        if whole < limit:
            return f"{whole // size}{unit}"
    return f"{whole // 86400}d"


_COLOURS = {"True": "green", "False": "yellow"}


def render_table(rows: Iterable[Row], *, with_namespace: bool) -> Table:
    """The rows as a table for a terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (
        *(["NAMESPACE"] if with_namespace else []),
        "NAME",
        "ACTIVE",
        "FAILED",
        "BACKENDS",
        "REPLICAS",
        "ADAPTERS",
    ):
        table.add_column(heading, no_wrap=True)
    table.add_column("REASON", overflow="fold")
    table.add_column("AGE", no_wrap=True)
    for row in rows:
        table.add_row(
            *([row.key.namespace] if with_namespace else []),
            row.key.name,
            Text(row.active, style=_COLOURS.get(row.active, "dim")),
            Text(row.failed, style="red" if row.failed == "True" else "dim"),
            str(len(row.backends)),
            f"{row.ready}/{row.desired}",
            str(len(row.adapters)),
            Text(row.reason),
            human_duration(row.age),
        )
    return table
