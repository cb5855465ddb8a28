"""List and watch, as a machine without I/O.

The shell asks for the ``next`` action, carries it out and reports what happened. No failure is final: the answer is always to list, to
watch, or to wait. Times are seconds; ``now`` (monotonic) and ``random`` (0 to 1) are given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from controller import meta
from controller.meta.errors import (
    ApiError,
    BadRequest,
    DecodeError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    StatusError,
    TransportError,
)

BOOKMARK_SILENCE_SECONDS = 70.0
SHORT_WATCH_SECONDS = 1.0
SHORTEST_WINDOW_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 0.8
LONGEST_BACKOFF_SECONDS = 30.0
LONGEST_OUTAGE_BACKOFF_SECONDS = 2.0
LONGEST_MISSING_BACKOFF_SECONDS = 5.0
LONGEST_RETRY_AFTER_SECONDS = 60.0
CALM_SECONDS = 120.0
BOOKMARK_WINDOW_SECONDS = 4.0
"""A watch that is made for its bookmark: kube-apiserver sends one 2 s before a window ends."""


@dataclass(frozen=True, slots=True)
class List:
    """List everything, not older than this version; empty asks for the newest."""

    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchList:
    """Watch with all objects as the first events, for ``window`` seconds; give up after ``idle_timeout`` seconds of silence."""

    window: float
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch from this version, for ``window`` seconds; give up after ``idle_timeout`` seconds of silence."""

    resource_version: str
    window: float
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for this long."""

    seconds: float


Action = List | WatchList | Watch | Wait


class State(StrEnum):
    """The next action of the machine, or the one in progress."""

    STREAMING = "streaming"
    LISTING_NEWEST = "listing the newest"
    LISTING_SEEN = "listing not older than seen"
    WATCHING = "watching"


class StreamUnknown(TransportError):
    """The server took the request for a stream as a plain watch: it sent an ordinary bookmark before the end of the initial events."""


@dataclass(slots=True)
class Backoff:
    """0.8 s, doubled up to ``longest``, plus up to as much again; starts over after two minutes of calm."""

    random: Callable[[], float]
    longest: float
    _delay: float = FIRST_BACKOFF_SECONDS
    _last: float = float("-inf")

    def next(self, now: float) -> float:
        """The next delay in seconds."""
        if now - self._last > CALM_SECONDS:
            self._delay = FIRST_BACKOFF_SECONDS
        delay = self._delay
        self._delay = min(self._delay * 2, self.longest)
        self._last = now
        return delay * (1 + self.random())


@dataclass(slots=True)
class _OpenWatch:
    """The watch that was asked for last."""

    asked_at: float = 0.0
    window: float = 0.0
    opened_at: float | None = None
    heard: bool = False

    def lasted(self, now: float) -> float:
        """Seconds since the server accepted it; 0 if it never did."""
        return 0.0 if self.opened_at is None else now - self.opened_at


@dataclass(slots=True)
class ListWatch:
    """The life of one list-and-watch.

    ``window`` is the shortest time asked for a watch (each asks for up to twice that), ``relist_interval`` the time between full lists.

    ==============  ====================================================  ===============================================
    state           event                                                 next state
    ==============  ====================================================  ===============================================
    STREAMING       the initial events are complete (``listed``)          WATCHING, on the same connection
    STREAMING       it ends or fails before                               LISTING_NEWEST; at once if the server does not
                                                                          know streams, or refuses with 403 or 404
    LISTING_NEWEST  ``listed``                                            WATCHING
    LISTING_NEWEST  ``list_failed``                                       LISTING_NEWEST after a back-off
    LISTING_SEEN    ``listed``                                            WATCHING
    LISTING_SEEN    the version is unknown (410, ResourceVersionTooLarge) LISTING_NEWEST at once
    LISTING_SEEN    ``list_failed`` otherwise                             LISTING_SEEN after a back-off
    WATCHING        it ends, is cut, or was never accepted                WATCHING from the last version; after a back-off
                                                                          if it was never accepted or keeps ending early
    WATCHING        401, 429, 502, 503, 504                               WATCHING after Retry-After (at most 60 s)
    WATCHING        another refusal                                       LISTING_SEEN after a back-off
    WATCHING        410, or an event that cannot be decoded               a full list after a back-off
    WATCHING        watches were silent for a whole window in all         a full list: the server may be deaf
    any             the relist interval is over, or ``relist``            a full list
    ==============  ====================================================  ===============================================

    A full list is STREAMING, or LISTING_NEWEST if the server does not know streams or the last stream failed.

    Promised: what fails without an answer is tried again within 4 s, so that work resumes soon after a server returns; a missing kind or
    right is asked for at most every 10 s; other refusals back off up to 30 s plus jitter. A watch that something between us and the
    server cuts when it is idle is asked for a shorter window next time, so that its bookmark (sent 2 s before the end) arrives before
    the cut; so is one for which a gateway answers 504 in the end, because it held back the head of the quiet answer. Not promised: that a watch which the server keeps open and silent is noticed sooner than ``idle_timeout``.
    """

    window: float
    relist_interval: float
    random: Callable[[], float]
    state: State = State.STREAMING
    version: str = ""
    problem: str = "not listed yet"
    has_listed: bool = False
    _knows_streams: bool = True
    _sends_bookmarks: bool = False
    _bookmark_asked: bool = False
    _wait: float = 0.0
    _relist_at: float = float("inf")
    _silent_seconds: float = 0.0
    _window_limit: float = float("inf")
    _early_ends: int = 0
    _open: _OpenWatch = field(default_factory=_OpenWatch)
    _refused: Backoff = field(init=False)
    _missing: Backoff = field(init=False)
    _outage: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._refused = Backoff(self.random, LONGEST_BACKOFF_SECONDS)
        self._missing = Backoff(self.random, LONGEST_MISSING_BACKOFF_SECONDS)
        self._outage = Backoff(self.random, LONGEST_OUTAGE_BACKOFF_SECONDS)

    def next(self, now: float) -> Action:
        """The next action."""
        if self._wait > 0:
            wait, self._wait = self._wait, 0.0
            return Wait(wait)
        if now >= self._relist_at:
            self.relist()
        match self.state:
            case State.LISTING_NEWEST:
                return List("")
            case State.LISTING_SEEN:
                return List(self.version)
        window = self._next_window()
        bookmarks = self._sends_bookmarks or self.state is State.STREAMING
        idle = min(BOOKMARK_SILENCE_SECONDS, window + 10) if bookmarks else window + 10
        self._open = _OpenWatch(now, window)
        return WatchList(window, idle) if self.state is State.STREAMING else Watch(self.version, window, idle)

    def _next_window(self) -> float:
        window = self.window * (1 + self.random())
        if self.state is State.STREAMING:
            return window
        asked, self._bookmark_asked = self._bookmark_asked, False
        return min(window, self._window_limit, BOOKMARK_WINDOW_SECONDS if asked else window)

    def opened(self, now: float) -> None:
        """The server accepted the watch or stream."""
        self._open.opened_at = now

    def listed(self, version: str, now: float) -> bool:
        """A list, or the first part of a stream, is complete. True when its version is older than what was seen: the server's data was rolled back."""
        rewound = bool(self.version) and meta.is_newer(self.version, version)
        self._sends_bookmarks = self._sends_bookmarks or self.state is State.STREAMING
        self.version, self.problem, self.has_listed, self.state = version, "", True, State.WATCHING
        self._heard()
        self._relist_at = now + self.relist_interval * (0.9 + 0.2 * self.random())
        return rewound

    def list_failed(self, error: ApiError, now: float) -> None:
        """A list failed."""
        self.problem = str(error)
        unknown = isinstance(error, Gone) or (
            isinstance(error, StatusError) and error.has_cause("ResourceVersionTooLarge")
        )
        if unknown and self.state is State.LISTING_SEEN:
            self.state = State.LISTING_NEWEST
        else:
            self._wait = self._delay(error, now)

    def saw(self, version: str, *, bookmark: bool) -> None:
        """An event or bookmark was stored; the watch resumes from its version."""
        self._heard()
        self._sends_bookmarks = self._sends_bookmarks or bookmark
        try:
            meta.parse_version(version)
        except ValueError:
            return
        self.version = version

    def _heard(self) -> None:
        self._open.heard = True
        self._silent_seconds = 0.0

    def watch_ended(self, error: ApiError | None, now: float) -> str:
        """A watch or stream is over: by its end (None) or by an error. Returns the reason, for a metric."""
        if self.state is State.STREAMING:
            return self._stream_failed(error, now)
        if isinstance(error, Gone | DecodeError):
            self.relist()
            self._wait = self._refused.next(now)
            return "expired" if isinstance(error, Gone) else "broken"
        if isinstance(error, StatusError):
            if error.http_code not in (401, 429, 502, 503, 504):
                self.state = State.LISTING_SEEN
            self._wait = self._delay(error, now)
            if error.http_code == 504 and now - self._open.asked_at >= SHORT_WATCH_SECONDS:
                self._silent(now - self._open.asked_at)
            return "refused"
        return self._ended(error, now)

    def _ended(self, error: ApiError | None, now: float) -> str:
        """By its end, or because the connection broke or was never made."""
        lasted, heard = self._open.lasted(now), self._open.heard
        if lasted < SHORT_WATCH_SECONDS:
            self._early_ends += 1
            if not heard or self._early_ends > 1:
                self._wait = self._outage.next(now)
            return "broken" if error is not None else "timeout" if heard else "short"
        self._early_ends = 0
        if heard:
            self._window_limit *= 1.5
            return "broken" if error is not None else "timeout"
        self._silent(lasted)
        return "broken" if error is not None else "silent"

    def _silent(self, seconds: float) -> None:
        """A watch ended of which nothing was heard for so long."""
        self._silent_seconds += seconds
        if self._silent_seconds >= self.window:
            self._silent_seconds = 0.0
            self.relist()
        elif seconds < self._open.window - 1:
            self._window_limit = max(SHORTEST_WINDOW_SECONDS, seconds * 0.8)

    def _stream_failed(self, error: ApiError | None, now: float) -> str:
        """The stream was over before all initial events had come: the next list is a classic one."""
        self.state = State.LISTING_NEWEST
        self.problem = str(error or "the stream ended too early")
        if isinstance(error, BadRequest | Invalid | StreamUnknown):
            self._knows_streams = False
        elif not isinstance(error, Forbidden | NotFound):
            self._wait = self._outage.next(now) if error is None else self._delay(error, now)
        return "refused" if isinstance(error, StatusError) else "broken"

    def relist(self) -> None:
        """Make a full list as the next thing, unless one is in progress."""
        if self.state in (State.WATCHING, State.LISTING_SEEN):
            self.state = State.STREAMING if self._knows_streams else State.LISTING_NEWEST

    def ask_for_bookmark(self) -> None:
        """Make the next watch a short one, so that the server soon sends the version that it has reached."""
        self._bookmark_asked = True

    def _delay(self, error: ApiError, now: float) -> float:
        if isinstance(error, Forbidden | NotFound):
            return self._missing.next(now)
        if not isinstance(error, StatusError):
            return (self._refused if isinstance(error, DecodeError) else self._outage).next(now)
        if error.retry_after is not None:
            return max(min(error.retry_after, LONGEST_RETRY_AFTER_SECONDS), self._outage.next(now))
        return (self._outage if error.http_code in (502, 503, 504) else self._refused).next(now)
