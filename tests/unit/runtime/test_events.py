"""Events: what becomes a request, when, and what it says; nothing a reconciler could notice."""

import asyncio
import re
import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from controller.meta import parse_time
from controller.meta.errors import Forbidden, NotFound
from controller.metrics import EventFamilies
from controller.runtime.event_objects import cut, event_name, note_of
from controller.runtime.events import EventBroadcaster, EventRecorder
from controller.runtime.events_correlator import Create, EventCorrelator, Repeat
from controller.runtime.logging import shortened

POD = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "ns", "uid": "u"}}


def test_first_event_is_sent_at_once_and_equal_ones_are_merged_for_a_minute():
    """One POST, silence, then one PATCH with the count, however many there were."""
    correlator = EventCorrelator()
    assert correlator.observe("k", "n1", "note", 0) == Create("k", "n1", "note", 1)
    for second in range(1, 60):
        assert correlator.observe("k", f"n{second}", "note", second) is None
    assert correlator.due(59) == []
    assert correlator.next_due() == 60
    assert correlator.due(60) == [Repeat("k", "n1", "note", 60)]
    assert correlator.next_due() is None


def test_a_repetition_after_the_minute_is_sent_at_once():
    """Nothing is kept back that may go out."""
    correlator = EventCorrelator()
    correlator.observe("k", "n1", "note", 0)
    assert correlator.observe("k", "n2", "note", 61) == Repeat("k", "n1", "note", 2)


def test_the_latest_note_wins_and_gets_an_event_of_its_own():
    """Three different notes within a minute: the first and the last are seen."""
    correlator = EventCorrelator()
    correlator.observe("k", "n1", "one", 0)
    assert correlator.observe("k", "n2", "two", 1) is None
    assert correlator.observe("k", "n3", "three", 2) is None
    assert correlator.observe("k", "n4", "three", 3) is None
    assert correlator.due(60) == [Create("k", "n3", "three", 2)]
    assert correlator.observe("k", "n5", "three", 200) == Repeat("k", "n3", "three", 3)


def test_an_ended_series_is_forgotten():
    """Objects that come and go leave nothing behind, whether or not their events repeated."""
    correlator = EventCorrelator()
    correlator.observe("merged", "n", "note", 0)
    correlator.observe("merged", "n", "note", 1)
    correlator.due(60)
    for second in range(1000):
        correlator.observe(f"gone-{second}", "n", "note", 100 + second)
    assert len(correlator) == 361
    assert correlator.observe("gone-999", "n2", "note", 1159) == Repeat("gone-999", "n", "note", 2)
    correlator.observe("other", "n", "note", 2000)
    assert len(correlator) == 1


def test_a_merged_event_outlives_its_series_until_it_is_sent():
    """The sender was stuck in an outage for longer than a series lasts."""
    correlator = EventCorrelator()
    correlator.observe("k", "n1", "note", 0)
    correlator.observe("k", "n2", "note", 1)
    correlator.observe("other", "n", "note", 1000)
    assert correlator.due(1000) == [Repeat("k", "n1", "note", 2)]


def test_no_more_than_4096_series_are_remembered():
    """The one seen longest ago makes room; its next event begins a new series."""
    correlator = EventCorrelator()
    for number in range(4096):
        correlator.observe(number, "n", "note", 0)
    correlator.observe(0, "n", "note", 61)
    correlator.observe("one more", "n", "note", 61)
    assert len(correlator) == 4096
    assert correlator.observe(0, "n2", "note", 200) == Repeat(0, "n", "note", 3)
    assert correlator.observe(1, "n2", "note", 200) == Create(1, "n2", "note", 1)


def test_after_six_minutes_of_silence_a_new_series_begins():
    """An old Event object is not revived."""
    correlator = EventCorrelator()
    correlator.observe("k", "n1", "note", 0)
    assert correlator.observe("k", "n2", "note", 361) == Create("k", "n2", "note", 1)


def test_an_hour_of_a_permanent_failure_costs_one_object_and_a_request_a_minute():
    """A retry every second for an hour."""
    correlator = EventCorrelator()
    actions = [correlator.observe("k", f"n{second}", "note", second) for second in range(3600)]
    sent = [action for action in actions if action is not None]
    assert len([action for action in sent if isinstance(action, Create)]) == 1
    assert len(sent) <= 61


def test_memory_is_bounded():
    """Matters beyond the latest 4096 are forgotten."""
    correlator = EventCorrelator()
    for index in range(10_000):
        correlator.observe(index, "n", "note", index / 1000)
        correlator.observe(index, "n", "note", index / 1000)
    assert len(correlator.due(1000)) <= 4096
    assert correlator.next_due() is None


class Server:
    """Remembers requests, answers as told."""

    def __init__(self, *, refuse: Exception | None = None, seconds: float = 0.0) -> None:
        self.created: list[dict[str, Any]] = []
        self.patched: list[tuple[str, dict[str, Any]]] = []
        self.times: list[float] = []
        self._refuse = refuse
        self._seconds = seconds

    async def create(self, resource: Any, obj: dict[str, Any], *, namespace: str) -> dict[str, Any]:
        """Notes the object."""
        await self._answer()
        self.created.append(obj)
        return obj

    async def patch(self, resource: Any, name: str, body: dict[str, Any], *, namespace: str) -> dict[str, Any]:
        """Notes the patch."""
        await self._answer()
        self.patched.append((name, body))
        if isinstance(self._refuse, NotFound):
            raise self._refuse
        return body

    async def _answer(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self._seconds)
        if self._refuse is not None and not isinstance(self._refuse, NotFound):
            raise self._refuse


class Sending:
    """A broadcaster at work against a Server."""

    def __init__(self, server: Server) -> None:
        self.registry = CollectorRegistry()
        self.busy = False
        self.broadcaster = EventBroadcaster(
            server,  # type: ignore[arg-type]
            EventFamilies(self.registry),
            instance="host-1",
            busy=lambda: self.busy,
        )
        self.recorder = EventRecorder(self.broadcaster, "model-controller")

    def count(self, result: str) -> float:
        """How many events met this end."""
        return self.registry.get_sample_value("event_recorder_events_total", {"result": result}) or 0

    async def __aenter__(self) -> "Sending":
        self._task = asyncio.create_task(self.broadcaster.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def test_events_let_work_go_first(virtual_time):
    """While keys wait for a worker one goes out a second, so that none waits forever; the rest as soon as it is quiet."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            sending.busy = True
            for number in range(20):
                sending.recorder.event(POD, "Normal", f"Reason{number}", "note")
            await asyncio.sleep(5.5)
            assert len(server.created) == 5
            sending.busy = False
            await asyncio.sleep(0.2)
            assert len(server.created) == 20

    virtual_time(scenario())


def test_an_event_says_who_what_and_about_whom(virtual_time):
    """Everything events.k8s.io/v1 demands, with six-digit times."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            sending.recorder.event(POD, "Warning", "Failed", "no image", action="Pull")
            await sending.broadcaster.flush()
        (event,) = server.created
        assert event.pop("metadata")["namespace"] == "ns"
        time = event.pop("eventTime")
        assert time[-8] == "." or len(time) == len("2026-01-31T12:00:00.000000Z")
        assert abs((parse_time(time) - datetime.now(UTC)).total_seconds()) < 3600
        assert event == {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "type": "Warning",
            "reason": "Failed",
            "action": "Pull",
            "note": "no image",
            "regarding": {"apiVersion": "v1", "kind": "Pod", "name": "p", "namespace": "ns", "uid": "u"},
            "reportingController": "model-controller",
            "reportingInstance": "host-1",
        }

    virtual_time(scenario())


def test_a_series_is_patched_into_the_first_event(virtual_time):
    """Count and last time, a minute later."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            for _ in range(5):
                sending.recorder.event(POD, "Normal", "Created", "it")
            await asyncio.sleep(61)
        assert len(server.created) == 1
        ((name, patch),) = server.patched
        assert name == server.created[0]["metadata"]["name"]
        assert patch["series"]["count"] == 5
        assert server.times == [0, 60]
        assert sending.count("merged") == 4

    virtual_time(scenario())


def test_an_expired_event_is_made_anew_with_its_series(virtual_time):
    """The server forgets Events after an hour; the count goes on."""

    async def scenario() -> None:
        server = Server(refuse=NotFound("expired"))
        async with Sending(server) as sending:
            sending.recorder.event(POD, "Normal", "Created", "it")
            sending.recorder.event(POD, "Normal", "Created", "it")
            await asyncio.sleep(61)
        assert server.created[1]["series"]["count"] == 2

    virtual_time(scenario())


def test_requests_keep_to_fifty_a_second_after_a_burst_of_two_hundred(virtual_time):
    """The 201st of a storm waits, and ten seconds later all are out."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            for index in range(700):
                sending.recorder.event({**POD, "metadata": {"name": str(index)}}, "Normal", "Created", "it")
            await sending.broadcaster.flush()
            assert asyncio.get_running_loop().time() == pytest.approx(10.0)
        assert server.times[199] == 0
        assert server.times[200] > 0

    virtual_time(scenario())


def test_overflow_is_dropped_and_counted_and_nobody_waits(virtual_time):
    """A server that hangs costs the recorder nothing but the events beyond the bound."""

    async def scenario() -> None:
        async with Sending(Server(seconds=1e6)) as sending:
            for index in range(1500):
                sending.recorder.event({**POD, "metadata": {"name": str(index)}}, "Normal", "Created", "it")
            assert sending.count("dropped") == 500
            assert asyncio.get_running_loop().time() == 0

    virtual_time(scenario())


@pytest.mark.parametrize("error", [Forbidden("no"), RuntimeError("bug")])
def test_a_refused_event_is_counted_and_the_next_one_is_sent(virtual_time, error):
    """Nothing stops the sender, and the recorder never hears of it."""

    async def scenario() -> None:
        server = Server(refuse=error)
        async with Sending(server) as sending:
            sending.recorder.event(POD, "Normal", "Created", "it")
            sending.recorder.event(POD, "Normal", "Deleted", "it")
            await sending.broadcaster.flush()
        assert len(server.times) == 2
        assert sending.count("failed") == 2

    virtual_time(scenario())


@pytest.mark.parametrize(
    "obj", [{}, {"metadata": None}, {"kind": 5, "metadata": {"name": 7, "namespace": []}}], ids=repr
)
def test_recording_never_raises(virtual_time, obj):
    """Whatever object is at hand."""

    async def scenario() -> None:
        async with Sending(Server()) as sending:
            sending.recorder.event(obj, "Normal", "R" * 500, "\ud800 lone surrogate")
            await sending.broadcaster.flush()

    virtual_time(scenario())


class Unprintable:
    """A text is asked for and not given."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("obj", "reason", "note"), [(None, "R", "n"), (POD, "R", Unprintable()), (POD, Unprintable(), "n")]
)
def test_what_cannot_be_an_event_is_counted_and_hurts_nobody(virtual_time, obj, reason, note):
    """The work that reports it goes on, and so do later events."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            with capture_logs() as logs:
                sending.recorder.event(obj, "Normal", reason, note)
            sending.recorder.event(POD, "Normal", "Good", "note")
            await sending.broadcaster.flush()
            assert [event["reason"] for event in server.created] == ["Good"]
            assert [entry["event"] for entry in logs] == ["An Event cannot be made"]

    virtual_time(scenario())


def test_notes_fit_and_hide_secrets(virtual_time):
    """At most 1,024 bytes, cut between characters; URL credentials are hidden."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            sending.recorder.event(POD, "Normal", "Long", "ü" * 2000)
            sending.recorder.event(POD, "Normal", "Url", "get https://me:hunter22@host/x failed")
            await sending.broadcaster.flush()
        notes = [event["note"] for event in server.created]
        assert len(notes[0].encode()) <= 1024
        assert notes[0] == "ü" * 510 + "…"
        assert "hunter22" not in notes[1]
        assert "host/x" in notes[1]

    virtual_time(scenario())


def test_cluster_scoped_objects_have_their_events_in_default(virtual_time):
    """As the API demands."""

    async def scenario() -> None:
        server = Server()
        async with Sending(server) as sending:
            sending.recorder.event(
                {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}, "Normal", "R", "note"
            )
            await sending.broadcaster.flush()
        assert server.created[0]["metadata"]["namespace"] == "default"
        assert "namespace" not in server.created[0]["regarding"]

    virtual_time(scenario())


@pytest.mark.parametrize(("text", "size", "result"), [("abc", 3, "abc"), ("abcd", 3, "…"), ("abcdef", 5, "ab…")])
def test_cut_keeps_what_fits(text: str, size: int, result: str):
    """The ellipsis counts, in bytes."""
    assert cut(text, size) == result


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("web-0", "web-0"),
        ("system:kubelet-api-admin", "system-kubelet-api-admin"),
        ("fd00:10:233::103", "fd00-10-233-103"),
        ("Admin_Role", "admin-role"),
        ("a" * 235 + "." + "b" * 10, "a" * 235),
        ("-.-x-..y-", "x.y"),
        ("日本", ""),
        ("", ""),
    ],
)
def test_the_name_of_an_event_is_valid_whatever_its_object_is_called(name: str, valid: str):
    """A DNS subdomain of at most 253 characters, like the object's name where that is possible."""
    made = event_name(name, "0123456789abcdef")
    assert made == ".".join(filter(None, (valid, "0123456789abcdef")))
    assert len(made) <= 253
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", made)


@pytest.mark.parametrize("component", ["", "my controller", "a/b/c", "c" * 70, "Example.com/x", "-x", "x-"])
def test_a_component_that_no_event_can_name_is_refused_when_the_recorder_is_made(component: str):
    """Not when the first event is lost."""
    with pytest.raises(ValueError, match="cannot be a reporting controller"):
        EventRecorder(None, component)  # type: ignore[arg-type]


@pytest.mark.parametrize("component", ["model-controller", "example.com/my-controller", "A", "a.b_c"])
def test_a_qualified_name_is_a_component(component: str):
    """As the API server has it."""
    EventRecorder(None, component)  # type: ignore[arg-type]


def test_the_times_are_those_of_the_events(virtual_time, monkeypatch):
    """Recorded on a standby and sent when it leads; merged for a minute and sent then."""
    wall = iter([1000.0, 1001.5, 1002.25])
    monkeypatch.setattr("controller.runtime.events.time", SimpleNamespace(time=lambda: next(wall)))

    async def scenario() -> None:
        server = Server()
        sending = Sending(server)
        sending.recorder.event(POD, "Normal", "Created", "it")
        await asyncio.sleep(500)
        async with sending:
            await asyncio.sleep(0.1)
            sending.recorder.event(POD, "Normal", "Other", "it")
            sending.recorder.event(POD, "Normal", "Other", "it")
            await asyncio.sleep(61)
        assert [event["eventTime"] for event in server.created] == [
            "1970-01-01T00:16:40.000000Z",
            "1970-01-01T00:16:41.500000Z",
        ]
        ((_, patch),) = server.patched
        assert patch["series"]["lastObservedTime"] == "1970-01-01T00:16:42.250000Z"

    virtual_time(scenario())


async def test_events_of_threads_and_from_before_the_loop_are_sent():
    """A recorder never raises, wherever it is used."""
    server = Server()
    sending = Sending(server)
    thread = threading.Thread(target=sending.recorder.event, args=(POD, "Normal", "Early", "note"))
    thread.start()
    thread.join()
    async with sending:
        await asyncio.to_thread(sending.recorder.event, POD, "Normal", "Threaded", "note")
        while len(server.created) < 2:
            await asyncio.sleep(0.01)
    assert [event["reason"] for event in server.created] == ["Early", "Threaded"]


def test_lost_events_are_reported_with_a_count_at_most_once_a_minute(virtual_time):
    """The first refusal at once, the others together with the first of the next minute."""

    async def scenario() -> None:
        async with Sending(Server(refuse=Forbidden("no"))) as sending:
            with capture_logs() as logs:
                for number in range(10):
                    sending.recorder.event(POD, "Normal", f"Reason{number}", "note")
                await asyncio.sleep(61)
                sending.recorder.event(POD, "Normal", "Last", "note")
                await asyncio.sleep(1)
        assert [(entry["log_level"], entry["count"]) for entry in logs] == [("warning", 1), ("warning", 10)]
        assert logs[0]["object"] == "Pod ns/p"

    virtual_time(scenario())


def test_a_large_note_costs_no_more_than_a_small_one():
    """What the searches for secrets look at does not grow with the text."""
    assert len(note_of("word " * 1_000_000).encode()) <= 1024
    assert note_of("password=hunter22 " * 1_000_000).startswith("password=*** ")
    assert "hunter22" not in note_of("x" * 4090 + " password=hunter22hunter22")
    assert len(shortened("word " * 1_000_000, 4096)) <= 4097
