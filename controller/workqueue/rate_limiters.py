"""How long an item that has to be tried again should wait. Pure: ``now`` and chance are arguments. All times are seconds."""

import math
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)
T_contra = TypeVar("T_contra", bound=Hashable, contravariant=True)


class RateLimiter(Protocol[T_contra]):
    """Decides when an item may be tried again."""

    def when(self, item: T_contra, now: float) -> float:
        """Count one more try of the item and return how long it has to wait."""

    def forget(self, item: T_contra) -> None:
        """The item's failures are over, by success or by giving up."""

    def num_requeues(self, item: T_contra) -> int:
        """How often the item was tried again since it was last forgotten."""


class ItemExponentialFailure(Generic[T]):
    """Waits ``base * 2**failures`` of the item, at most ``cap``, however many failures there were.

    ``jitter`` is the part of the wait, 0 to 1, that ``random`` (values in [0, 1)) may take off, so that items that failed together do
    not come back together; without ``random`` nothing is taken off.
    """

    def __init__(
        self, base: float, cap: float, *, jitter: float = 0.0, random: Callable[[], float] | None = None
    ) -> None:
        if not 0 < base <= cap:
            raise ValueError(f"want 0 < base <= cap, got base {base} and cap {cap}")
        if not 0 <= jitter <= 1:
            raise ValueError(f"want a jitter from 0 to 1, got {jitter}")
        self._base = base
        self._cap = cap
        self._doublings = math.log2(cap / base)
        self._jitter = jitter
        self._random = random
        self._failures: dict[T, int] = {}

    def when(self, item: T, now: float) -> float:
        """Count one more failure; the wait after it."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        wait = self._cap if failures >= self._doublings else self._base * 2**failures
        return wait if self._random is None else wait * (1 - self._jitter * self._random())

    def forget(self, item: T) -> None:
        """Start at ``base`` again."""
        self._failures.pop(item, None)

    def num_requeues(self, item: T) -> int:
        """Failures since the item was last forgotten."""
        return self._failures.get(item, 0)


class TokenBucket(Generic[T]):
    """Lets ``burst`` items pass at once and ``rate`` a second in the long run, whichever items they are."""

    def __init__(self, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"want rate > 0 and burst >= 1, got rate {rate} and burst {burst}")
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = -math.inf

    def when(self, item: T, now: float) -> float:
        """Reserve the next token; the time until it is there."""
        if now > self._at:
            self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
            self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def forget(self, item: T) -> None:
        """Nothing is known of single items."""

    def num_requeues(self, item: T) -> int:
        """Always 0: nothing is known of single items."""
        return 0


class MaxOf(Generic[T]):
    """Waits as long as the strictest of several limiters wants; each of them counts the try."""

    def __init__(self, *limiters: RateLimiter[T]) -> None:
        if not limiters:
            raise ValueError("want at least one rate limiter")
        self._limiters = limiters

    def when(self, item: T, now: float) -> float:
        """The longest of all waits."""
        return max(limiter.when(item, now) for limiter in self._limiters)

    def forget(self, item: T) -> None:
        """Forget it in all limiters."""
        for limiter in self._limiters:
            limiter.forget(item)

    def num_requeues(self, item: T) -> int:
        """The highest count."""
        return max(limiter.num_requeues(item) for limiter in self._limiters)
