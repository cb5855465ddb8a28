"""Leadership without a lease, and the guard of a candidate that has not won."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.leaderelection import LeaderElectionConfig, NotLeader
from controller.metrics import Metrics
from controller.runtime.leadership import Leadership


class Client:
    """Is asked for nothing."""

    def without_limit(self) -> "Client":
        """Itself."""
        return self

    def with_timeout(self, seconds: float) -> "Client":
        """Itself."""
        return self

    def with_guard(self, guard: Any) -> tuple[str, Any]:
        """Shows that it was guarded."""
        return ("guarded", guard)


def leadership(config: LeaderElectionConfig | None) -> Leadership:
    client: Any = Client()
    return Leadership(client, config, Metrics.on(CollectorRegistry()).leader, lambda lost: None)


async def test_without_a_lease_a_process_always_leads() -> None:
    """Its client is the one it was given, and there is nothing to release."""
    alone, client = leadership(None), Client()
    assert not alone.is_elected
    alone.guard()
    await alone.wait()
    assert alone.client(client) is client  # type: ignore[arg-type,comparison-overlap]
    assert alone.check() is None
    await alone.release()


async def test_a_candidate_that_has_not_won_may_not_write_and_releases_nothing() -> None:
    """The guard is in its client, too."""
    candidate = leadership(LeaderElectionConfig("ns", "lease", "me"))
    assert (candidate.is_elected, candidate.identity) == (True, "me")
    with pytest.raises(NotLeader, match="write refused"):
        candidate.guard()
    guarded: Any = candidate.client(Client())  # type: ignore[arg-type]
    assert guarded[0] == "guarded"
    waiting = asyncio.create_task(candidate.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()
    await candidate.release()
