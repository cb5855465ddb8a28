"""The scene of the demo: the objects in the manager's caches, as they are now."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controller import meta
from controller.api.kinds import MODEL
from controller.dialects import Dialect, Role
from controller.informers import Lister
from controller.meta import NamespacedName, Object
from controller.runtime import Manager
from controller.runtime.event_objects import EVENT
from controller.views.models import Row, model_rows

_SHOWN_CONDITIONS = ("Initialized", "Active", "Failed")


class Scene:
    """Reads caches only. Children are those of one dialect."""

    def __init__(self, manager: Manager, dialect: Dialect) -> None:
        self._dialect = dialect
        self._models = manager.informer(MODEL).lister
        self._events = manager.informer(EVENT).lister
        self._children: dict[str, Lister] = {kind.kind: manager.informer(kind).lister for kind in dialect.children}

    def rows(self) -> list[Row]:
        """A row for each Model."""
        return model_rows(self._models.list(), datetime.now(UTC))

    def model(self, key: NamespacedName) -> Object | None:
        """The Model of this name."""
        return self._models.get(key.name, key.namespace)

    def says(self, key: NamespacedName, type_: str, status: str) -> bool:
        """Whether the controller has acted on the newest spec and the condition has this status."""
        model = self.model(key) or {}
        current = meta.status_of(model).get("observedGeneration") == meta.generation_of(model)
        condition = meta.find_condition(meta.conditions_of(model), type_) or {}
        return current and condition.get("status") == status

    def message(self, key: NamespacedName, type_: str) -> str:
        """The message of a condition."""
        condition = meta.find_condition(meta.conditions_of(self.model(key) or {}), type_) or {}
        return str(condition.get("message", ""))

    def conditions(self, key: NamespacedName) -> dict[str, str]:
        """The status of each condition."""
        found = meta.conditions_of(self.model(key) or {})
        return {
            type_: str((meta.find_condition(found, type_) or {}).get("status", "Unknown"))
            for type_ in _SHOWN_CONDITIONS
        }

    def children(self, key: NamespacedName) -> list[tuple[str, str, str]]:
        """Kind, name and state of each child of the Model."""
        uid = meta.uid_of(self.model(key) or {})
        return [
            (kind, meta.name_of(child), state(self._dialect, kind, child))
            for kind, lister in self._children.items()
            for child in sorted(lister.list(), key=meta.name_of)
            if uid and meta.is_controlled_by(child, uid)
        ]

    def workload(self, key: NamespacedName) -> Object | None:
        """The workload of one backend."""
        return self.child(self._dialect.workload.kind, key)

    def child(self, kind: str, key: NamespacedName) -> Object | None:
        """One child."""
        return self._children[kind].get(key.name, key.namespace)

    def weights(self, key: NamespacedName) -> dict[str, int]:
        """The weights by which the Model's route shares requests between its backends."""
        return weights(self.child(self._dialect.route.kind, key) or {})

    def events(self, key: NamespacedName) -> list[tuple[str, str]]:
        """Reason and note of the Events about the Model, oldest first."""
        uid = meta.uid_of(self.model(key) or {})
        found = [event for event in self._events.list() if (event.get("regarding") or {}).get("uid") == uid]
        found.sort(key=lambda event: (str(event.get("eventTime")), meta.name_of(event)))
        return [(str(event.get("reason", "")), " ".join(str(event.get("note", "")).split())) for event in found]


def weights(route: Object) -> dict[str, int]:
    """The weight of each target of a route."""
    rules = meta.spec_of(route).get("rules") or ()
    targets = [target for rule in rules for target in rule.get("targetModels") or ()]
    return {str(target.get("modelServerName")): int(target.get("weight") or 0) for target in targets}


def state(dialect: Dialect, kind: str, child: Object) -> str:
    """The state of a child, in a few words."""
    spec, status, row = meta.spec_of(child), meta.status_of(child), dialect.kind(kind)
    if row.role is Role.WORKLOAD:
        return f"{status.get('availableReplicas', 0)}/{spec.get('replicas', 0)} ready"
    if row.role is Role.ROUTE:
        return _route(spec, weights(child))
    if row.role is Role.SCALER:
        return f"scales {', '.join(each.workload for each in row.scales(child))}"
    return ""


def _route(spec: Mapping[str, Any], shares: Mapping[str, int]) -> str:
    total = sum(shares.values()) or 1
    parts = [f"{round(100 * weight / total)} % {name}" for name, weight in shares.items()]
    return ", ".join([*parts, *(f"adapter {name}" for name in spec.get("loraAdapters") or ())])
