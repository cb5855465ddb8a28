"""A rival is recognised by what becomes of our writes, and nobody else is taken for one."""

from dataclasses import replace
from typing import Any

import pytest

from controller.api.annotations import REFRESH
from controller.dialects import ChildKey
from controller.reconcilers.rivals import (
    FIRST_PAUSE,
    LIMIT,
    LONGEST_PAUSE,
    STANDS,
    Record,
    Records,
    asked,
    is_person,
    is_warned,
    record_of,
    writer,
)
from controller.reconcilers.steps import Patch, Reason, Recreate

OURS: dict[str, Any] = {"kind": "ModelServer", "spec": {"model": "chat", "workloadPort": {"port": 8000}}}


def a_step(port: int = 1, desired: dict[str, Any] | None = None) -> Patch:
    """A write that brings back the port, which somebody else had set to this number."""
    wanted = desired or OURS
    return Patch(
        kind="ModelServer",
        name="chat-main",
        reason=Reason.DIFFERS,
        live={"metadata": {"resourceVersion": "7"}, "spec": {"model": "chat", "workloadPort": {"port": port}}},
        desired=wanted,
        patch={"spec": {"workloadPort": {"port": wanted["spec"]["workloadPort"]["port"]}}},
        fields=("spec.workloadPort.port",),
    )


def a_model(generation: int = 1, refresh: str | None = None, *, warned: bool = False) -> dict[str, Any]:
    annotations = {} if refresh is None else {REFRESH: refresh}
    failed = {"type": "Failed", "status": "True", "reason": "RivalController"}
    status = {"conditions": [failed]} if warned else {}
    return {"metadata": {"generation": generation, "annotations": annotations}, "status": status}


MODEL = a_model()


class Fight:
    """One child, our writes, and a clock."""

    def __init__(self, model: dict[str, Any] = MODEL) -> None:
        self.model = model
        self.now = 1000.0
        self.record: Record | None = None
        self.writes = 0

    def due(self, step: Patch | Recreate | None = None) -> bool:
        """A write is due; whether it is sent."""
        record = record_of(step or a_step(), self.model, self.record, self.now)
        self.record = record.stopped("other") if record.is_due else record
        self.writes += not self.record.until
        return not self.record.until

    def until_stopped(self) -> None:
        while self.due():
            self.now += 1


def test_equal_writes_that_are_undone_end_after_the_limit() -> None:
    """And during the pause nothing is written, whatever the rival does to the child."""
    fight = Fight()
    fight.until_stopped()
    assert fight.writes == LIMIT
    assert fight.record is not None
    assert fight.record.rival == "other"
    fight.now += FIRST_PAUSE - 1
    assert not fight.due()
    assert not fight.due(a_step(port=99))
    assert fight.writes == LIMIT


def test_each_pause_is_twice_as_long_up_to_an_hour_and_costs_one_write() -> None:
    """A day of fighting costs fewer writes than there are hours and a few more."""
    fight = Fight()
    fight.until_stopped()
    pauses = []
    for _ in range(8):
        assert fight.record is not None
        pauses.append(fight.record.until - fight.now)
        fight.now = fight.record.until
        assert fight.due()
        fight.now += 1
        assert not fight.due(a_step(port=2))
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, LONGEST_PAUSE]
    assert fight.writes == LIMIT + 8


def test_a_write_that_stands_ends_the_matter() -> None:
    """The next change is drift, and is repaired as before."""
    fight = Fight()
    fight.until_stopped()
    assert fight.record is not None
    fight.now = fight.record.until
    assert fight.due()
    fight.now += STANDS
    for _ in range(LIMIT):
        assert fight.due()


@pytest.mark.parametrize("model", [a_model(generation=2), a_model(refresh="now")], ids=["spec", "refresh"])
def test_the_owner_ends_a_pause(model: dict[str, Any]) -> None:
    """A rival that is still there is met with one write more."""
    fight = Fight()
    fight.until_stopped()
    fight.model = model
    assert fight.due(a_step(desired={**OURS, "spec": {"workloadPort": {"port": 9000}}}))
    assert not fight.due(a_step(desired={**OURS, "spec": {"workloadPort": {"port": 9000}}}))


def test_drift_is_repaired_however_often_it_comes() -> None:
    """Other values, another wish of the Model, or a long time between."""
    fight = Fight()
    assert all(fight.due(a_step(port=port)) for port in range(10, 50))
    wishes = ({**OURS, "spec": {"workloadPort": {"port": port}}} for port in range(10, 50))
    assert all(fight.due(a_step(desired=wish)) for wish in wishes)
    for _ in range(40):
        assert fight.due()
        fight.now += STANDS


def test_a_new_process_that_is_warned_gives_in_at_once() -> None:
    """One write for each child, in place of all of them again."""
    fight = Fight(a_model(warned=True))
    fight.until_stopped()
    assert fight.writes == 1
    assert is_warned(fight.model)
    assert not is_warned(MODEL)


def test_a_person_is_forgiven() -> None:
    """What is written with kubectl is drift."""
    record = replace(record_of(a_step(), MODEL, None, 1.0), undone=LIMIT)
    assert record.is_due
    assert not record.forgiven().is_due
    assert is_person("kubectl-edit")
    assert is_person("kubectl-client-side-apply")
    assert not is_person("kthena-controller-manager")


def test_a_replaced_object_is_compared_by_the_fields_that_cannot_change() -> None:
    """What else is in it, such as a counter, does not matter."""
    fight = Fight()
    for count in range(LIMIT + 1):
        live = {"spec": {"modelName": "theirs", "count": count}}
        step = Recreate(
            kind="ModelRoute",
            name="chat",
            reason=Reason.IMMUTABLE,
            live=live,
            desired=OURS,
            fields=("spec.modelName",),
        )
        assert fight.due(step) is (count < LIMIT)


def entry(manager: str, time: str, fields: Any, **more: Any) -> dict[str, Any]:
    return {"manager": manager, "time": time, "fieldsV1": fields, **more}


PORT = {"f:spec": {"f:workloadPort": {"f:port": {}}}}
OTHERS = {"f:spec": {"f:model": {}}}


@pytest.mark.parametrize(
    ("managed", "expected"),
    [
        ([entry("a", "1", PORT), entry("b", "2", OTHERS)], "a"),
        ([entry("a", "1", PORT), entry("b", "2", PORT)], "b"),
        ([entry("a", "1", OTHERS), entry("b", "2", OTHERS)], "b"),
        ([entry("a", "1", OTHERS), entry("b", "2", PORT, subresource="status")], "a"),
        ([entry("a", "1", {"f:spec": {"f:workloadPort": {}}})], "a"),
        ([entry("a", "1", None), "nonsense"], "a"),
        ([], ""),
        (None, ""),
    ],
)
def test_the_rival_is_who_owns_what_is_replaced(managed: Any, expected: str) -> None:
    """Of several the last; without one the last writer of the object, but of no subresource."""
    assert writer({"metadata": {"managedFields": managed}}, a_step()) == expected


def test_records_end_by_themselves() -> None:
    """So that their number is bounded by the writes of an hour or two."""
    records, old, new = Records(), ChildKey("K", "old"), ChildKey("K", "new")
    record = record_of(a_step(), MODEL, None, 0.0)
    records.put("default", old, record)
    assert records.get("default", old) is record
    assert records.get("other", old) is None
    records.put("default", new, replace(record, at=STANDS))
    assert records.get("default", old) is None
    assert records.get("default", new) is not None
    records.drop("default", new)
    assert records.get("default", new) is None
    assert asked(a_model(3, "x")) == (3, "x")
