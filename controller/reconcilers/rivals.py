"""Children that another writer changes back again and again, and that are therefore left to it. Pure.

A rival shows itself by what becomes of our own writes, which needs nothing that a cache leaves out: the server kept a write, and the same
write is needed again, from the same values as before, although the Model asks for nothing else.

1. A child is written at most ``LIMIT`` times like this, each within ``STANDS`` seconds of the one before. Then it is left as it is.
2. After a pause, which doubles each time, it is written once more; also at once when the Model's owner changes the spec or the annotation
   ``refresh``. If that write is undone too, the next pause begins; if it stands, the matter is over.

No rival is: a webhook or a CRD that makes something else of a write, since its answer shows that; an autoscaler, whose numbers are in no
write; drift that comes with other values or later; a person with kubectl, whose name ``managedFields`` tell. The memory ends with the
process. The next one finds the condition on the Model, and needs one write for each child to find out whether the rival is still there.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from controller import meta
from controller.api.annotations import REFRESH
from controller.dialects import ChildKey, value_at
from controller.meta import Object
from controller.reconcilers.reasons import FAILED, RIVAL_CONTROLLER
from controller.reconcilers.steps import Patch, Recreate

LIMIT = 5
STANDS = 3600.0
FIRST_PAUSE = 60.0
LONGEST_PAUSE = 3600.0

_PEOPLE = "kubectl"
Asked = tuple[int, str | None]


@dataclass(frozen=True, slots=True)
class Record:
    """The known writes of one child.

    ``wanted`` and ``found`` are digests of the desired child, and of what the write replaces. ``asked`` is what the Model's owner had asked
    for. ``undone`` counts the equal writes before this one. ``at`` is when it was due, ``until`` the end of the pause, both in seconds since
    the epoch; ``until`` is 0 while the child is written. ``rival`` is the field manager that undid the writes, empty if unknown.
    """

    wanted: str
    found: str
    asked: Asked
    at: float
    undone: int = 0
    pause: float = 0.0
    until: float = 0.0
    rival: str = ""

    @property
    def is_due(self) -> bool:
        """Whether the child must be left alone from now on."""
        return self.undone >= LIMIT and not self.until

    def ends(self) -> float:
        """When nothing is known any more, in seconds since the epoch."""
        return max(self.at, self.until) + STANDS

    def stopped(self, rival: str) -> "Record":
        """The same, at the start of a pause."""
        pause = min(max(2 * self.pause, FIRST_PAUSE), LONGEST_PAUSE)
        return replace(self, pause=pause, until=self.at + pause, rival=rival)

    def forgiven(self) -> "Record":
        """The same, as if no write had been undone."""
        return replace(self, undone=0, pause=0.0)


def asked(model: Object) -> Asked:
    """The part of a Model that its owner sets: another value is reason enough for another write."""
    return meta.generation_of(model), meta.annotations_of(model).get(REFRESH)


def is_warned(model: Object) -> bool:
    """Whether the stored status says that there is a rival."""
    failed = meta.find_condition(meta.conditions_of(model), FAILED) or {}
    return (failed.get("status"), failed.get("reason")) == ("True", RIVAL_CONTROLLER.reason)


def record_of(step: Patch | Recreate, model: Object, before: Record | None, now: float) -> Record:
    """The record of a child for which this step is due. ``model`` has the stored status; ``before`` is the last record, if any."""
    fresh = Record(meta.digest(step.desired), meta.digest(_replaced(step)), asked(model), now)
    if before is None or before.ends() <= now:
        return replace(fresh, undone=LIMIT - 1) if is_warned(model) else fresh
    same = fresh.asked == before.asked
    if before.until:
        left = now < before.until and same
        return before if left else replace(fresh, undone=LIMIT - 1, pause=before.pause if same else FIRST_PAUSE / 2)
    if fresh.wanted == before.wanted and (before.pause or fresh.found == before.found):
        return replace(fresh, undone=before.undone + 1, pause=before.pause)
    return replace(fresh, undone=LIMIT - 1, pause=before.pause) if before.pause else fresh


def _replaced(step: Patch | Recreate) -> Any:
    """The live values that a step replaces."""
    if isinstance(step, Patch):
        return _beneath(step.live, step.patch)
    return [value_at(step.live, tuple(field.split("."))) for field in step.fields]


def _beneath(live: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping) or not isinstance(live, Mapping):
        return live
    return {key: _beneath(live.get(key), value) for key, value in patch.items()}


def writer(live: Object, step: Patch | Recreate) -> str:
    """The field manager that wrote last what a step replaces; else the last one that wrote anything but a subresource; empty if unknown."""
    entries = meta.metadata_of(live).get("managedFields")
    mains = [entry for entry in entries or () if isinstance(entry, Mapping) and not entry.get("subresource")]
    patch = step.patch if isinstance(step, Patch) else {"spec": {}}
    owners = [entry for entry in mains if _owns(entry.get("fieldsV1"), patch)] or mains
    last = max(owners, key=lambda entry: str(entry.get("time", "")), default={})
    return str(last.get("manager", ""))


def _owns(fields: Any, patch: Mapping[str, Any]) -> bool:
    if not isinstance(fields, Mapping):
        return False
    for key, value in patch.items():
        own = fields.get(f"f:{key}")
        if own is not None and (not own or not isinstance(value, Mapping) or _owns(own, value)):
            return True
    return False


def is_person(manager: str) -> bool:
    """Whether a person at a terminal wrote: what they change is drift, however often they do."""
    return manager.startswith(_PEOPLE)


class Records:
    """The records of all children of a dialect, for as long as they say anything."""

    def __init__(self) -> None:
        self._records: OrderedDict[tuple[str, ChildKey], Record] = OrderedDict()

    def get(self, namespace: str, child: ChildKey) -> Record | None:
        """The record of a child, if any."""
        return self._records.get((namespace, child))

    def put(self, namespace: str, child: ChildKey, record: Record) -> None:
        """Keeps a record in place of an older one, and drops those that have ended from the oldest on."""
        self._records.pop((namespace, child), None)
        self._records[namespace, child] = record
        while next(iter(self._records.values())).ends() <= record.at:
            self._records.popitem(last=False)

    def drop(self, namespace: str, child: ChildKey) -> None:
        """The child's last write says nothing about rivals."""
        self._records.pop((namespace, child), None)
