"""The wait of an item before its next retry. Pure: ``now`` and chance are arguments. All times are seconds."""

import math
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

T = TypeVar("T", bound=Hashable)
T_contra = TypeVar("T_contra", bound=Hashable, contravariant=True)


class RateLimiter(Protocol[T_contra]):
    """Decides when an item may be retried."""

    def when(self, item: T_contra, now: float) -> float:
        """Count one more failure of the item and return the seconds until its retry: finite, 0 or more."""

    def forget(self, item: T_contra) -> None:
        """Reset the item's count, after a success or after giving up."""

    def num_requeues(self, item: T_contra) -> int:
        """Failures of the item since it was last forgotten."""


class ItemExponentialFailure(Generic[T]):
    """Waits ``base * 2**failures`` seconds, at most ``cap``; each item counts its own failures.

    ``random`` (values in [0, 1)) shortens each wait by up to the share ``jitter`` (0 to 1), so that items that failed together are not
    retried together. Without ``random`` there is no jitter.
    """

    def __init__(
        self, base: float, cap: float, *, jitter: float = 0.0, random: Callable[[], float] | None = None
    ) -> None:
        if not 0 < base <= cap:
            raise ValueError(f"0 < base <= cap is required, got base {base} and cap {cap}")
        if not 0 <= jitter <= 1:
            raise ValueError(f"the jitter must be between 0 and 1, got {jitter}")
        self._base = base
        self._cap = cap
        self._doublings = math.log2(cap / base)
        self._jitter = jitter
        self._random = random
        self._failures: dict[T, int] = {}

    def when(self, item: T, now: float) -> float:
        """Count one more failure of the item; its wait in seconds."""
        failures = self._failures.get(item, 0)
        self._failures[item] = failures + 1
        wait = self._cap if failures >= self._doublings else self._base * 2**failures
        return wait if self._random is None else wait * (1 - self._jitter * self._random())

    def forget(self, item: T) -> None:
        """Reset the item's count: its next wait is ``base``."""
        self._failures.pop(item, None)

    def num_requeues(self, item: T) -> int:
        """Failures since the item was last forgotten."""
        return self._failures.get(item, 0)


class TokenBucket(Generic[T]):
    """Lets ``burst`` items pass at once and ``rate`` items a second in the long run; all items share the bucket."""

    def __init__(self, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"rate > 0 and burst >= 1 are required, got rate {rate} and burst {burst}")
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = -math.inf

    def when(self, item: T, now: float) -> float:
        """Reserve the next token; the seconds until it is available."""
        if now > self._at:
            self._tokens = min(float(self._burst), self._tokens + (now - self._at) * self._rate)
            self._at = now
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)

    def forget(self, item: T) -> None:
        """Does nothing: the bucket does not count single items."""

    def num_requeues(self, item: T) -> int:
        """Always 0: the bucket does not count single items."""
        return 0


class MaxOf(Generic[T]):
    """Waits as long as the longest wait of several limiters; each of them counts the failure."""

    def __init__(self, *limiters: RateLimiter[T]) -> None:
        if not limiters:
            raise ValueError("at least one rate limiter is required")
        self._limiters = limiters

    def when(self, item: T, now: float) -> float:
        """The longest of all waits."""
        return max(limiter.when(item, now) for limiter in self._limiters)

    def forget(self, item: T) -> None:
        """Forget the item in all limiters."""
        for limiter in self._limiters:
            limiter.forget(item)

    def num_requeues(self, item: T) -> int:
        """The highest count."""
        return max(limiter.num_requeues(item) for limiter in self._limiters)
