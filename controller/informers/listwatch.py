"""List and watch, as a machine without I/O.

It is asked for the ``next`` thing to do and told what came of it. No end is fatal: whatever happens, the answer is to list, to watch, or
to wait a while. Times are seconds; ``now`` and ``random`` (0…1) are given.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from controller import meta
from controller.meta.errors import ApiError, BadRequest, DecodeError, Forbidden, Gone, Invalid, NotFound, StatusError

BOOKMARK_SILENCE = 70.0
SHORT_WATCH = 1.0
FIRST_BACKOFF = 0.8
LONGEST_BACKOFF = 30.0
CALM = 120.0
BOOKMARK_WINDOW = 4.0
"""Seconds of a watch that is made for its bookmark: kube-apiserver sends one 2 s before a window ends."""


@dataclass(frozen=True, slots=True)
class List:
    """List everything, not older than this version; empty asks for the newest."""

    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchList:
    """Watch with all there is as the first events, for this long, and give up after this much silence."""

    window: float
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class Watch:
    """Watch from this version, for this long, and give up after this much silence."""

    resource_version: str
    window: float
    idle_timeout: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for this long."""

    seconds: float


Action = List | WatchList | Watch | Wait


@dataclass(slots=True)
class Backoff:
    """0.8 s, doubled up to 30 s, plus up to as much again; starts over after two minutes of calm."""

    random: Callable[[], float]
    _delay: float = FIRST_BACKOFF
    _last: float = float("-inf")

    def next(self, now: float) -> float:
        """The next delay."""
        if now - self._last > CALM:
            self._delay = FIRST_BACKOFF
        delay = self._delay
        self._delay = min(self._delay * 2, LONGEST_BACKOFF)
        self._last = now
        return delay * (1 + self.random())

    def longest(self) -> float:
        """The delay at the cap, for what will hardly heal by itself."""
        return LONGEST_BACKOFF * (1 + self.random())


@dataclass(slots=True)
class ListWatch:
    """The life of one list-and-watch. ``window`` is the shortest time asked for a watch, ``relist_interval`` the time between full lists.

    What is wanted afresh is asked for as a stream (WatchList). A stream that fails is followed by a classic list, and a server that
    does not know streams is not asked for one again.
    """

    window: float
    relist_interval: float
    random: Callable[[], float]
    version: str = ""
    problem: str = "not listed yet"
    _listed: bool = False
    _must_list: bool = True
    _fresh: bool = True
    _knows_streams: bool = True
    _stream_next: bool = True
    _streaming: bool = False
    _wait: float = 0.0
    _full_list_at: float = float("inf")
    _bookmarks: bool = False
    _bookmark_asked: bool = False
    _heard: bool = False
    _opened_at: float = 0.0
    _backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self._backoff = Backoff(self.random)

    @property
    def has_listed(self) -> bool:
        """Whether a list has ever come in."""
        return self._listed

    def next(self, now: float) -> Action:
        """What to do now."""
        if self._wait > 0:
            wait, self._wait = self._wait, 0.0
            return Wait(wait)
        if now >= self._full_list_at:
            self.relist()
        self._streaming = self._must_list and self._fresh and self._stream_next
        if self._must_list and not self._streaming:
            return List("" if self._fresh else self.version)
        window = self.window * (1 + self.random())
        if self._bookmark_asked and not self._streaming:
            window, self._bookmark_asked = min(window, BOOKMARK_WINDOW), False
        idle = min(BOOKMARK_SILENCE, window + 10) if self._bookmarks else window + 10
        self._heard, self._opened_at = False, now
        return WatchList(window, idle) if self._streaming else Watch(self.version, window, idle)

    def listed(self, version: str, now: float) -> bool:
        """A list, or the first part of a stream, is complete. True when its version is older than what was seen: the server's store went back."""
        rewound = bool(self.version) and meta.is_newer(self.version, version)
        self.version, self.problem = version, ""
        self._listed, self._must_list, self._fresh = True, False, False
        self._heard, self._streaming, self._stream_next = True, False, self._knows_streams
        self._full_list_at = now + self.relist_interval * (0.9 + 0.2 * self.random())
        return rewound

    def list_failed(self, error: ApiError, now: float) -> None:
        """A list failed."""
        self.problem = str(error)
        too_old = isinstance(error, Gone) or (
            isinstance(error, StatusError) and error.has_cause("ResourceVersionTooLarge")
        )
        if too_old and not self._fresh:
            self._fresh = True
        else:
            self._wait = self._delay(error, now)

    def saw(self, version: str, *, bookmark: bool) -> None:
        """An event or bookmark was stored; the watch resumes from its version."""
        self._heard = True
        self._bookmarks = self._bookmarks or bookmark
        try:
            meta.parse_version(version)
        except ValueError:
            return
        self.version = version

    def watch_ended(self, error: ApiError | None, now: float) -> str:
        """A watch is over: by its end (None) or by an error. Returns the reason, for a metric."""
        if self._streaming:
            return self._stream_failed(error, now)
        if error is None:
            return self._ended_quietly(now)
        if isinstance(error, Gone | DecodeError):
            self.relist()
            self._wait = self._backoff.next(now)
            return "expired" if isinstance(error, Gone) else "broken"
        if isinstance(error, StatusError):
            self._must_list = self._must_list or error.http_code not in (401, 429, 503)
            self._wait = self._delay(error, now)
            return "refused"
        if now - self._opened_at < SHORT_WATCH and not self._heard:
            self._wait = self._backoff.next(now)
        elif not self._heard:
            self.relist()
        return "broken"

    def _stream_failed(self, error: ApiError | None, now: float) -> str:
        """The stream was over before it had told all there is: the next list is a classic one."""
        self._stream_next = False
        self.problem = str(error or "the stream ended too early")
        if isinstance(error, BadRequest | Invalid):
            self._knows_streams = False
        elif not isinstance(error, Forbidden | NotFound):
            self._wait = self._backoff.next(now) if error is None else self._delay(error, now)
        return "broken" if error is None or not isinstance(error, StatusError) else "refused"

    def _ended_quietly(self, now: float) -> str:
        if now - self._opened_at < SHORT_WATCH and not self._heard:
            self._wait = self._backoff.next(now)
            return "short"
        if not self._heard:
            self.relist()
            return "silent"
        return "timeout"

    def ask_for_bookmark(self) -> None:
        """Make the next watch a short one, so that the server tells soon which version it has reached."""
        self._bookmark_asked = True

    def relist(self) -> None:
        """List afresh as the next thing."""
        self._must_list, self._fresh = True, True

    def _delay(self, error: ApiError, now: float) -> float:
        if isinstance(error, Forbidden | NotFound):
            return min(self._backoff.next(now) * 2, self._backoff.longest())
        asked = error.retry_after or 0.0 if isinstance(error, StatusError) else 0.0
        return max(asked, self._backoff.next(now))
