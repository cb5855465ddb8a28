"""Credentials are renewed in the background; a source that fails or hangs costs nothing while the ones in hand are good."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from controller.client import ClientConfig, ConfigError
from controller.client.credentials import Credentials
from controller.client.settings import Settings

OLD, NEW = Settings("http://x", "Bearer old"), Settings("http://x", "Bearer new")


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def credentials(settings: Settings, load: Callable[[], Awaitable[Settings]], clock: Clock) -> Credentials:
    return Credentials(ClientConfig(settings, load), monotonic=clock, now=clock)


async def test_a_hanging_source_holds_up_no_request() -> None:
    """It is asked once, in the background; the last credentials are used meanwhile."""
    clock, asked = Clock(), []

    async def load() -> Settings:
        asked.append(1)
        await asyncio.Event().wait()
        return NEW

    found = credentials(OLD, load, clock)
    clock.time += 61
    for _ in range(3):
        assert found.current() is OLD
        await asyncio.sleep(0)
    assert len(asked) == 1
    assert not await found.renew(OLD, 0.01)
    await found.close()


async def test_credentials_are_renewed_before_they_expire() -> None:
    """At three quarters of a short life, five minutes before the end of a long one, and each minute at least."""
    for life, early, late in ((40.0, 29.0, 31.0), (3600.0, 59.0, 61.0)):
        clock = Clock()

        async def load() -> Settings:
            return NEW

        found = credentials(Settings("http://x", "Bearer old", expires_at=clock.time + life), load, clock)
        clock.time += early
        found.current()
        await asyncio.sleep(0)
        assert found.settings.authorization == "Bearer old"
        clock.time += late - early
        found.current()
        while found.settings is not NEW:
            await asyncio.sleep(0)


async def test_a_source_that_fails_keeps_the_last_credentials_and_is_heard_of() -> None:
    """Its words are there for the error that a refusal becomes."""
    clock = Clock()

    async def load() -> Settings:
        raise ConfigError("sts: rate exceeded")

    found = credentials(OLD, load, clock)
    assert not await found.renew(OLD, 5)
    assert found.settings is OLD
    assert found.problem == "sts: rate exceeded"


async def test_many_refused_requests_ask_the_source_once() -> None:
    """Those that come later use what it gave."""
    clock, asked = Clock(), []

    async def load() -> Settings:
        asked.append(1)
        await asyncio.sleep(0)
        return NEW

    found = credentials(OLD, load, clock)
    assert await asyncio.gather(*(found.renew(OLD, 5) for _ in range(10))) == [True] * 10
    assert await found.renew(OLD, 5)
    assert asked == [1]


async def test_certificates_that_cannot_be_used_are_an_error_at_the_start() -> None:
    """In one sentence; later they keep the old context."""
    with pytest.raises(ConfigError, match="/nowhere: No such file or directory"):
        credentials(Settings("https://x", ca_data=None, cert_file="/nowhere"), lambda: asyncio.sleep(0, OLD), Clock())
