"""What follows from what is known of a pod's adapters: when to look, what to tell, what to wait for."""

from dataclasses import replace

from controller.lora.engine import LOAD_SECONDS, LoadedAdapter
from controller.lora.state import (
    LIST,
    OBSERVE_EVERY,
    ROUTE_PATIENCE,
    AdapterFailure,
    AdapterPod,
    AdapterShare,
    MovedAdapter,
    PodState,
    report,
)
from controller.lora.steps import Step, WantedAdapter

SQL = WantedAdapter("sql", "hf://acme/sql", "/cache/a")
LEGAL = WantedAdapter("legal", "hf://acme/legal", "/cache/b")
HAS_SQL = (LoadedAdapter("sql", "/cache/a"),)


def a_pod(*wanted: WantedAdapter, name: str = "p", incarnation: int = 0, generation: int = 1) -> AdapterPod:
    return AdapterPod(
        name, f"u-{name}", "10.0.0.1", (incarnation,), "chat-main", 8000, 8100, "/cache", wanted, generation
    )


def settled(*wanted: WantedAdapter, name: str = "p") -> PodState:
    """A pod that has what it should have, looked at at time 0."""
    state = PodState(a_pod(*wanted, name=name), since=0.0)
    state.observed = tuple(LoadedAdapter(adapter.name, adapter.directory) for adapter in wanted)
    state.was_tried(wanted, [], {})
    state.rest(0.0, 1.0, 1.0)
    return state


def failed(*, times: int = 1) -> PodState:
    """A pod that refused an adapter so many times in a row."""
    state = PodState(a_pod(SQL), since=0.0)
    for _ in range(times):
        state.observed = ()
        state.was_tried((SQL,), [Step("load", SQL)], {"sql": "HTTP 500: no"})
        state.rest(0.0, 1.0, 1.0)
    return state


def test_a_settled_pod_is_asked_again_after_five_minutes() -> None:
    """And at once after a restart, a change of the Model, or another wish."""
    state = settled(SQL)
    assert not state.is_due(OBSERVE_EVERY - 1)
    assert state.is_due(OBSERVE_EVERY)
    for changed in (a_pod(SQL, incarnation=1), a_pod(SQL, generation=2), a_pod(SQL, LEGAL)):
        again = settled(SQL)
        assert not again.take(changed, 10.0)
        assert again.is_due(10.0)


def test_what_may_go_goes_as_soon_as_it_may() -> None:
    """The route named it until now."""
    state = settled(SQL)
    state.take(a_pod(), 10.0)
    state.was_tried((), [], {})
    state.rest(10.0, 1.0, 1.0)
    assert not state.is_due(11.0)
    state.unload = True
    assert state.is_due(11.0)


def test_failures_back_off_and_another_wish_starts_over() -> None:
    """1, 2, 4 … seconds, five minutes at most."""
    waits = [failed(times=times).look_at for times in (1, 2, 3, 20)]
    assert waits == [1.0, 2.0, 4.0, 300.0]
    state = failed(times=20)
    state.take(a_pod(LEGAL), 5.0)
    assert state.attempts == 0
    assert state.is_due(5.0)


def test_a_load_in_flight_that_nobody_wants_is_given_up_and_watched() -> None:
    """The sidecar may finish it late; as long as it can, the pod is asked often."""
    state = settled()
    state.take(a_pod(SQL), 1.0)
    state.loading = SQL
    assert not state.take(a_pod(SQL, generation=2), 2.0)
    assert state.take(a_pod(LEGAL), 3.0)
    state.observed, state.failures = (LoadedAdapter("legal", "/cache/b"),), {}
    state.rest(4.0, 1.0, 1.0)
    assert state.look_at - 4.0 < OBSERVE_EVERY / 10
    state.rest(3.0 + LOAD_SECONDS, 1.0, 1.0)
    assert state.look_at == 3.0 + LOAD_SECONDS + OBSERVE_EVERY


def test_what_the_pod_shows_decides_not_what_was_answered() -> None:
    """A refusal whose adapter is there is done; a success whose adapter is not there is a problem."""
    state = PodState(a_pod(SQL, LEGAL), since=0.0, observed=HAS_SQL)
    steps = [Step("load", SQL), Step("load", LEGAL)]
    assert state.was_tried((SQL, LEGAL), steps, {"sql": "HTTP 400: already"}) == (MovedAdapter("load", "sql", "p"),)
    assert state.failures == {"legal": AdapterFailure("p", "load", "legal", "the engine does not show it")}


def test_a_pod_that_cannot_be_asked_is_told_of_after_three_times() -> None:
    """An engine that restarts is no news; until then what was said of it stands."""
    state = PodState(a_pod(SQL), since=0.0)
    for time in range(3):
        told = report([state], set(), (), float(time))
        assert (told.failures, told.unasked, told.is_known) == ((), frozenset({"p"}), False)
        state.could_not_be_asked("no answer")
        state.rest(float(time), 1.0, 1.0)
    told = report([state], set(), (), 3.0)
    assert told.failures == (AdapterFailure("p", LIST, "", "no answer"),)
    assert told.shares == (AdapterShare("chat-main", "sql", 0, 1),)
    assert told.is_known


def test_the_report_counts_and_says_what_the_route_waits_for() -> None:
    """A pod that was not tried yet holds its adapters back for half a minute, not longer."""
    fresh = PodState(a_pod(SQL, name="q"), since=0.0)
    told = report([settled(SQL), fresh], {"u-q"}, (), 1.0)
    assert told.loading == {("chat-main", "sql")}
    assert (told.missing, told.shares, told.next_look) == (1, None, ROUTE_PATIENCE - 1)
    assert report([settled(SQL), fresh], {"u-q"}, (), ROUTE_PATIENCE).loading == frozenset()
    known = report([settled(SQL), failed()], set(), (), 1.0)
    assert known.failures == (AdapterFailure("p", "load", "sql", "HTTP 500: no"),)
    assert known.shares == (AdapterShare("chat-main", "sql", 1, 2),)
    assert report([], set(), (), 1.0).next_look is None


def test_another_incarnation_has_nothing() -> None:
    """Whatever the last one had."""
    state = settled(SQL)
    state.take(replace(state.pod, incarnation=(1,)), 1.0)
    assert (state.observed, state.tried, state.present()) == (None, None, set())
