"""The life of a list-and-watch, in virtual time."""

import pytest

from controller.informers.listwatch import List, ListWatch, StreamUnknown, Wait, Watch, WatchList
from controller.meta.errors import ApiError, Cause, DecodeError, Gone, TransportError, status_error


def machine() -> ListWatch:
    """Without jitter: windows of 100 s, full lists after 900 s."""
    return ListWatch(window=100.0, relist_interval=1000.0, random=lambda: 0.0)


STREAM = WatchList(100.0, 70.0)
"""A server that sends the end of the initial events sends bookmarks, so the stream is given up after 70 s of silence from the first."""


def classic() -> ListWatch:
    """A machine whose server does not know streams."""
    life = machine()
    assert life.next(0.0) == STREAM
    life.watch_ended(status_error(422, {"reason": "Invalid"}), 0.0)
    return life


def watching(version: str = "10", now: float = 0.0) -> ListWatch:
    """A machine with an open watch that followed a classic list."""
    life = classic()
    assert life.next(now) == List("")
    life.listed(version, now)
    assert life.next(now) == Watch(version, 100.0, 110.0)
    life.opened(now)
    return life


def test_a_stream_lists_and_watches_in_one() -> None:
    """The newest is asked for: a restarted controller must not act on a past it left behind. What follows continues the same watch."""
    life = machine()
    assert life.next(0.0) == STREAM
    assert not life.has_listed
    life.listed("10", 1.0)
    assert life.has_listed
    life.saw("12", bookmark=False)
    assert life.watch_ended(None, 50.0) == "timeout"
    assert life.next(50.0) == Watch("12", 100.0, 70.0)


def test_a_later_list_is_a_stream_again() -> None:
    """Also the periodic one."""
    life = machine()
    life.next(0.0)
    life.listed("10", 0.0)
    life.watch_ended(Gone("expired"), 1.0)
    assert life.next(1.0) == Wait(0.8)
    assert life.next(2.0) == WatchList(100.0, 70.0)


@pytest.mark.parametrize("code", [400, 422])
def test_a_server_that_does_not_know_streams_is_listed_at_once_and_not_asked_again(code: int) -> None:
    """The old road, for good."""
    life = machine()
    assert life.next(0.0) == STREAM
    assert life.watch_ended(status_error(code, {"message": "no"}), 0.1) == "refused"
    assert life.next(0.1) == List("")
    life.listed("10", 0.2)
    life.relist()
    assert life.next(0.3) == List("")


def test_a_missing_kind_is_listed_at_once_after_a_stream_was_refused() -> None:
    """No back-off on the way to the answer that says what is missing."""
    life = machine()
    life.next(0.0)
    life.watch_ended(status_error(404, "404 page not found"), 0.1)
    assert life.next(0.1) == List("")


@pytest.mark.parametrize(
    ("error", "wait"), [(TransportError("reset"), 0.8), (None, 0.8), (status_error(429, "", 7.0), 7.0)]
)
def test_a_stream_that_breaks_off_is_followed_by_a_classic_list_this_time(error: ApiError | None, wait: float) -> None:
    """Progress is better than trying the same again; the next list may be a stream."""
    life = machine()
    life.next(0.0)
    life.watch_ended(error, 5.0)
    assert not life.has_listed
    assert life.next(5.0) == Wait(wait)
    assert life.next(6.0) == List("")
    life.listed("10", 6.0)
    life.relist()
    assert life.next(7.0) == STREAM


def test_a_classic_list_asks_for_the_newest_and_the_watch_starts_there() -> None:
    """As the stream does."""
    life = watching("10")
    life.saw("12", bookmark=False)
    assert life.watch_ended(None, 50.0) == "timeout"
    assert life.next(50.0) == Watch("12", 100.0, 110.0)


def test_bookmarks_move_the_version_and_shorten_the_patience_with_silence() -> None:
    """Once the server has shown that it sends them."""
    life = watching("10")
    life.saw("20", bookmark=True)
    life.watch_ended(None, 50.0)
    assert life.next(50.0) == Watch("20", 100.0, 70.0)


@pytest.mark.parametrize("version", ["", "0", "x"])
def test_versions_that_no_object_carries_are_not_resumed_from(version: str) -> None:
    """The last good one stays."""
    life = watching("10")
    life.saw(version, bookmark=False)
    assert life.version == "10"


def test_an_expired_version_means_a_fresh_list_spaced_out_when_it_repeats() -> None:
    """Five in a row do not become a hot loop."""
    life = watching()
    waits = []
    for now in range(5):
        assert life.watch_ended(status_error(410, {"reason": "Expired"}), float(now)) == "expired"
        action = life.next(float(now))
        assert isinstance(action, Wait)
        waits.append(action.seconds)
        assert life.next(float(now)) == List("")
        life.listed("30", float(now))
        life.next(float(now))
    assert waits == [0.8, 1.6, 3.2, 6.4, 12.8]


@pytest.mark.parametrize("code", [429, 503, 401])
def test_a_refused_watch_is_opened_again_without_a_list(code: int) -> None:
    """After as long as the server asked for."""
    life = watching()
    error = status_error(code, "", 7.0)
    assert life.watch_ended(error, 0.1) == "refused"
    assert life.next(0.1) == Wait(7.0)
    assert isinstance(life.next(8.0), Watch)


@pytest.mark.parametrize("code", [500, 404])
def test_another_refusal_of_a_watch_is_followed_by_a_list_not_older_than_what_was_seen(code: int) -> None:
    """The server may answer it from its cache; only doubts about the past ask for the newest."""
    life = watching("10")
    assert life.watch_ended(status_error(code, ""), 0.1) == "refused"
    assert isinstance(life.next(0.1), Wait)
    assert life.next(8.0) == List("10")


def test_an_event_that_cannot_be_read_is_not_met_again_on_the_same_road() -> None:
    """A watch from the last version would meet it again at once."""
    life = watching("10")
    life.saw("11", bookmark=False)
    assert life.watch_ended(DecodeError("a watch event could not be read"), 3.0) == "broken"
    assert life.next(3.0) == Wait(0.8)
    assert life.next(4.0) == List("")


def test_an_instant_end_without_events_counts_as_failure() -> None:
    """It backs off; a later end does not."""
    life = watching()
    assert life.watch_ended(None, 0.5) == "short"
    assert life.next(0.5) == Wait(0.8)


def test_a_silent_window_is_answered_by_a_list() -> None:
    """Neither event nor bookmark: only a list can tell whether the server is deaf."""
    life = watching()
    assert life.watch_ended(None, 100.0) == "silent"
    assert life.next(100.0) == List("")


@pytest.mark.parametrize("error", [None, TransportError("reset")])
def test_a_quiet_watch_that_is_cut_is_watched_again_with_a_shorter_window(error: ApiError | None) -> None:
    """A load balancer cuts idle connections after 20 s: a bookmark comes 2 s before the end of a window of 16 s, and no list is needed."""
    life = watching("10")
    life.watch_ended(error, 20.0)
    assert life.next(20.0) == Watch("10", 16.0, 26.0)
    life.opened(20.0)
    life.saw("12", bookmark=True)
    assert life.watch_ended(None, 36.0) == "timeout"
    assert life.next(36.0) == Watch("12", 24.0, 34.0)


def test_cut_watches_that_stay_silent_for_a_window_in_all_are_answered_by_a_list() -> None:
    """A server that is deaf behind such a load balancer is found out as well."""
    life = watching("10")
    now, watches = 0.0, 1
    while (life.watch_ended(None, now := now + 20.0)) and isinstance(action := life.next(now), Watch):
        life.opened(now)
        watches += 1
        assert action.resource_version == "10"
    assert (now, watches, action) == (100.0, 5, List(""))


def test_a_gateway_that_holds_quiet_watches_back_gets_a_shorter_window() -> None:
    """It answers 504 after 60 s, because the head of the answer waits for its first event. A 504 at once is an outage."""
    life = watching("10")
    life.saw("10", bookmark=True)
    life.watch_ended(None, 100.0)
    assert life.next(100.0) == Watch("10", 100.0, 70.0)
    assert life.watch_ended(status_error(504, "gateway time-out"), 160.0) == "refused"
    assert life.next(160.0) == Wait(0.8)
    assert life.next(161.0) == Watch("10", 48.0, 58.0)
    life.watch_ended(status_error(504, "no backend"), 161.1)
    assert life.next(161.1) == Wait(1.6)
    assert life.next(163.0) == Watch("10", 48.0, 58.0)


def test_a_gateway_behind_which_nothing_is_ever_heard_is_answered_by_a_list() -> None:
    """Watches that only ever end in 504 deliver nothing, for as long as they are asked for."""
    life = watching("10")
    now = 0.0
    for _ in range(30):
        now += 5.0
        life.watch_ended(status_error(504, "gateway time-out"), now)
        action = life.next(now)
        assert isinstance(action, Wait)
        action = life.next(now)
        if isinstance(action, List):
            break
    assert action == List("")
    assert 90 <= now <= 110


def test_an_outage_makes_nobody_list() -> None:
    """Watches that were never accepted are no silence, however long that lasts; they are tried again every few seconds."""
    life = watching("10")
    life.watch_ended(TransportError("reset"), 5.0)
    now = 5.0
    for _ in range(60):
        action = life.next(now)
        if isinstance(action, Wait):
            assert action.seconds <= 2.0
            now += action.seconds
            action = life.next(now)
        assert isinstance(action, Watch)
        assert action.resource_version == "10"
        now += 10.0
        life.watch_ended(TransportError("cannot connect: timed out"), now)


def test_resets_do_not_become_a_hot_loop() -> None:
    """The first early end is followed up at once; later ones wait, also when something was heard in between."""
    life, waits = watching("10"), []
    for _ in range(4):
        life.saw("11", bookmark=True)
        life.watch_ended(TransportError("reset"), 0.0)
        action = life.next(0.0)
        waits.append(action.seconds if isinstance(action, Wait) else 0.0)
        if isinstance(action, Wait):
            life.next(0.0)
        life.opened(0.0)
    assert waits == [0.0, 0.8, 1.6, 2.0]


def test_a_server_is_not_obeyed_when_it_asks_for_a_day() -> None:
    """Retry-After is capped at a minute."""
    life = watching("10")
    life.watch_ended(status_error(503, "", 86400.0), 0.1)
    assert life.next(0.1) == Wait(60.0)


def test_after_an_outage_a_refusal_does_not_wait_for_long() -> None:
    """The back-off of failing connections is not that of refusals: a server that starts refuses for a moment."""
    life = classic()
    for now in range(20):
        life.next(float(now))
        life.list_failed(TransportError("refused"), float(now))
    life.next(20.0)
    life.list_failed(status_error(500, ""), 20.0)
    assert life.next(20.0) == Wait(0.8)


def test_a_stream_that_is_taken_for_a_plain_watch_is_not_asked_for_again() -> None:
    """An ordinary bookmark before the end of the initial events proves it."""
    life = machine()
    life.next(0.0)
    life.opened(0.0)
    life.watch_ended(StreamUnknown("a plain watch"), 60.0)
    life.next(60.0)
    assert life.next(61.0) == List("")
    life.listed("10", 61.0)
    life.relist()
    assert life.next(62.0) == List("")


def test_a_version_can_be_asked_for_in_a_hurry() -> None:
    """By one watch that is so short that its bookmark comes soon; no list is made."""
    life = watching("10")
    life.ask_for_bookmark()
    assert life.next(1.0) == Watch("10", 4.0, 14.0)
    assert life.next(2.0) == Watch("10", 100.0, 110.0)


def test_a_list_older_than_what_was_seen_means_the_store_went_back() -> None:
    """As after the restore of a backup."""
    life = watching("100")
    life.relist()
    life.next(1.0)
    assert life.listed("50", 1.0)
    assert life.version == "50"
    life.relist()
    assert not life.listed("51", 2.0)


def test_a_broken_connection_resumes_from_the_last_version() -> None:
    """Without a list, when events had come."""
    life = watching("10")
    life.saw("11", bookmark=False)
    assert life.watch_ended(TransportError("reset"), 30.0) == "broken"
    assert life.next(30.0) == Watch("11", 100.0, 110.0)


def test_a_full_list_comes_after_the_relist_interval() -> None:
    """Repairs what a server lost."""
    life = watching("10")
    life.saw("11", bookmark=False)
    life.watch_ended(None, 950.0)
    assert life.next(950.0) == List("")


def too_large() -> ApiError:
    return status_error(504, {"reason": "Timeout", "details": {"causes": [{"reason": "ResourceVersionTooLarge"}]}})


@pytest.mark.parametrize("error", [Gone("expired"), too_large()])
def test_a_version_the_server_does_not_have_is_listed_without_at_once(error: ApiError) -> None:
    """No back-off for the first try with another question."""
    life = watching("10")
    life.watch_ended(status_error(500, ""), 0.0)
    assert life.next(0.0) == Wait(0.8)
    assert life.next(0.0) == List("10")
    life.list_failed(error, 0.0)
    assert life.next(0.0) == List("")


def test_a_missing_kind_is_asked_for_again_and_reported() -> None:
    """At growing intervals up to 5 s plus jitter, so that a kind is served soon after it is installed."""
    life = classic()
    life.next(0.0)
    waits = []
    for _ in range(8):
        life.list_failed(status_error(404, "404 page not found"), 0.0)
        action = life.next(0.0)
        assert isinstance(action, Wait)
        waits.append(action.seconds)
        assert life.next(0.0) == List("")
    assert waits == sorted(waits)
    assert waits[-1] == 5.0
    assert "404 page not found" in life.problem


def test_two_minutes_of_calm_reset_the_backoff() -> None:
    """An old failure is not held against the server."""
    life = classic()
    for now in (0.0, 1.0, 2.0):
        life.next(now)
        life.list_failed(TransportError("refused"), now)
    life.next(2.0)
    life.list_failed(TransportError("refused"), 200.0)
    assert life.next(200.0) == Wait(0.8)


def test_cause_is_read_from_the_status() -> None:
    """The helper above builds what the server sends."""
    error = too_large()
    assert getattr(error, "causes", ()) == (Cause("", "ResourceVersionTooLarge", ""),)
