"""Candidates for one lease whose way to the server is cut, slowed or shared with somebody who edits the lease by hand."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller import meta
from controller.client import Client
from controller.leaderelection import LEASE, LeaderElectionConfig, LeaderElector, NotLeader
from controller.meta.errors import NotFound
from controller.metrics import Metrics
from controller.testing import FaultProxy, SeenRequest, matching
from tests.support.following import CONFIG_MAP

RETRY, DEADLINE, DURATION = 0.2, 1.5, 2.5


class Candidate:
    """An elector at work through the proxy, under its identity as User-Agent, and what it told."""

    def __init__(self, client: Client, namespace: str, identity: str, name: str, rival: str) -> None:
        is_rival = rival.__eq__ if rival else None
        config = LeaderElectionConfig(namespace, name, identity, DURATION, DEADLINE, RETRY, is_rival)
        self.identity = identity
        self.started, self.lost = asyncio.Event(), asyncio.Event()
        self.elector = LeaderElector(
            client,
            config,
            on_started=self.started.set,
            on_lost=self.lost.set,
            metrics=Metrics.on(CollectorRegistry()).leader,
        )
        self.client = client.with_guard(self.elector.guard)
        self.task = asyncio.create_task(self.elector.run())

    async def die(self) -> None:
        """As by kill -9: nothing is released."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


Candidates = Callable[..., Awaitable[Candidate]]


@pytest.fixture
async def candidate(proxy: FaultProxy, room: str) -> AsyncIterator[Candidates]:
    """Makes candidates for one lease, unless another is named; all of them are gone in the end."""
    made: list[Candidate] = []
    clients: list[Client] = []

    async def make(identity: str, name: str = "lease", rival: str = "") -> Candidate:
        clients.append(await Client.connect(proxy.config.with_user_agent(identity)))
        made.append(Candidate(clients[-1], room, identity, name, rival))
        return made[-1]

    yield make
    for each in made:
        await each.die()
    for client in clients:
        await client.close()


def leases(seen: SeenRequest) -> bool:
    """Requests about leases."""
    return "/leases" in seen.path


async def spec_of_lease(admin: Client, room: str) -> Mapping[str, Any]:
    """What the lease says; its times are checked on the way."""
    spec = meta.spec_of(await admin.get(LEASE, "lease", room))
    for key in ("acquireTime", "renewTime"):
        assert spec.get(key) is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", spec[key])
    return spec


async def first_of(*candidates: Candidate) -> Candidate:
    """The first leader."""
    while True:
        leaders = [each for each in candidates if each.elector.is_leader]
        assert len(leaders) <= 1
        if leaders:
            return leaders[0]
        await asyncio.sleep(0.01)


async def test_eight_candidates_have_one_leader_and_its_death_another(
    candidate: Candidates, admin: Client, room: str
) -> None:
    """Without a lease at first; the record changes hands once, and acquireTime with it."""
    everybody = [await candidate(f"candidate-{index}") for index in range(8)]
    leader = await first_of(*everybody)
    before = await spec_of_lease(admin, room)
    assert (before["holderIdentity"], before["leaseTransitions"]) == (leader.identity, 0)
    while (await spec_of_lease(admin, room))["renewTime"] == before["renewTime"]:
        await first_of(*everybody)
    assert (await spec_of_lease(admin, room))["acquireTime"] == before["acquireTime"]
    await leader.die()
    others = [each for each in everybody if each is not leader]
    heir = await first_of(*others)
    after = await spec_of_lease(admin, room)
    assert (after["holderIdentity"], after["leaseTransitions"]) == (heir.identity, 1)
    assert after["acquireTime"] > before["acquireTime"]
    assert not leader.elector.is_leader


async def test_a_deleted_lease_is_made_again_by_its_leader(
    candidate: Candidates, proxy: FaultProxy, admin: Client, room: str
) -> None:
    """The others have seen it held and wait for its duration."""
    leader = await candidate("leader")
    await leader.started.wait()
    other = await candidate("other")
    while proxy.count(matching("GET", "/leases", agent="other")) < 2:
        await asyncio.sleep(0.01)
    before = await spec_of_lease(admin, room)
    await admin.delete(LEASE, "lease", namespace=room)

    async def remade() -> bool:
        try:
            return (await spec_of_lease(admin, room))["holderIdentity"] == "leader"
        except NotFound:
            return False

    while not await remade():
        assert await first_of(leader, other) is leader
    assert (await spec_of_lease(admin, room))["acquireTime"] == before["acquireTime"]
    assert not other.started.is_set()


async def test_fields_of_others_survive_acquiring_renewing_and_releasing(
    candidate: Candidates, admin: Client, room: str
) -> None:
    """A label, ``strategy`` and ``preferredHolder`` stay as they were written; the lease itself changes hands as usual."""
    foreign = {"strategy": "OldestEmulationVersion", "preferredHolder": "somebody"}
    metadata = {"name": "lease", "namespace": room, "labels": {"team": "a"}}
    lease = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata, "spec": foreign}
    await admin.create(LEASE, lease)
    leader = await candidate("leader")
    await leader.started.wait()
    acquired = await spec_of_lease(admin, room)
    while (await spec_of_lease(admin, room))["renewTime"] == acquired["renewTime"]:
        await asyncio.sleep(0.01)
    await leader.elector.release()
    released = await admin.get(LEASE, "lease", room)
    assert meta.spec_of(released)["holderIdentity"] == ""
    assert {key: meta.spec_of(released).get(key) for key in foreign} == foreign
    assert meta.labels_of(released) == {"team": "a"}


async def test_a_lease_given_to_somebody_else_by_hand_is_lost(candidate: Candidates, admin: Client, room: str) -> None:
    """At the next renewal at the latest; what the hand wrote stays, and release leaves it alone."""
    leader = await candidate("leader")
    await leader.started.wait()
    await admin.patch(LEASE, "lease", {"spec": {"holderIdentity": "somebody"}}, namespace=room)
    await leader.lost.wait()
    with pytest.raises(NotLeader):
        leader.elector.guard()
    await leader.elector.release()
    assert (await spec_of_lease(admin, room))["holderIdentity"] == "somebody"


async def test_a_lease_emptied_by_hand_has_one_leader_again(candidate: Candidates, admin: Client, room: str) -> None:
    """The quicker candidate takes it; one that still believes to lead finds out at its next renewal."""
    one, two = await candidate("one"), await candidate("two")
    leader = await first_of(one, two)
    await admin.patch(LEASE, "lease", {"spec": {"holderIdentity": ""}}, namespace=room)
    while not (holder := (await spec_of_lease(admin, room)).get("holderIdentity")):
        await asyncio.sleep(0.01)
    if holder != leader.identity:
        await leader.lost.wait()
    assert (await first_of(one, two)).identity == holder


async def test_a_release_frees_the_lease_at_once(candidate: Candidates, admin: Client, room: str) -> None:
    """The next leader does not wait for it to expire, and the old one writes no more."""
    leader = await candidate("leader")
    await leader.started.wait()
    await leader.die()
    await leader.elector.release()
    with pytest.raises(NotLeader):
        leader.elector.guard()
    spec = await spec_of_lease(admin, room)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("", 1)


async def test_a_release_that_comes_late_does_not_erase_its_successor(
    candidate: Candidates, proxy: FaultProxy, admin: Client, room: str
) -> None:
    """Somebody takes the lease between the reading and the writing of the release: the writing is refused, and that is the end."""
    leader = await candidate("leader")
    await leader.started.wait()
    await leader.die()
    with proxy.freezing(matching("PUT", "/leases", agent="leader")):
        release = asyncio.create_task(leader.elector.release())
        while [seen.verb for seen in proxy.requests[-2:]] != ["GET", "PUT"]:
            await asyncio.sleep(0.01)
        await admin.patch(LEASE, "lease", {"spec": {"holderIdentity": "successor"}}, namespace=room)
    await release
    assert (await spec_of_lease(admin, room))["holderIdentity"] == "successor"


async def writers_in_order(admin: Client, room: str) -> list[str]:
    """Who wrote each ConfigMap, oldest first."""
    items = (await admin.list(CONFIG_MAP, room)).items
    written = sorted((int(meta.resource_version_of(item)), meta.name_of(item)) for item in items)
    return [name.partition("-")[0] for _, name in written]


async def test_no_write_of_a_leader_without_lease_follows_the_first_of_the_next(
    candidate: Candidates, proxy: FaultProxy, admin: Client, room: str
) -> None:
    """Its lease requests vanish while its other requests go through: it stops by itself before anybody can take over."""
    old = await candidate("old")
    await old.started.wait()
    new = await candidate("new")
    refused = asyncio.Event()

    async def write_on(leader: Candidate) -> None:
        await leader.started.wait()
        for number in range(10_000):
            body = {"metadata": {"name": f"{leader.identity}-{number}", "namespace": room}}
            try:
                await leader.client.create(CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", **body})
            except NotLeader:
                refused.set()
                return
            await asyncio.sleep(0.005)

    writing = [asyncio.create_task(write_on(each)) for each in (old, new)]
    with proxy.freezing(matching(path="/leases", agent="old")):
        await refused.wait()
        assert not new.elector.is_leader
        await old.lost.wait()
        await new.started.wait()
        while "new" not in (writers := await writers_in_order(admin, room)):
            await asyncio.sleep(0.05)
    writing[1].cancel()
    await asyncio.gather(*writing, return_exceptions=True)
    assert "old" in writers
    assert writers == sorted(writers, reverse=True)


async def test_a_server_that_refuses_renewals_is_outlasted_until_the_deadline(
    candidate: Candidates, proxy: FaultProxy
) -> None:
    """A moment without an answer is no loss."""
    leader = await candidate("leader")
    await leader.started.wait()
    with proxy.answering(leases, 503, times=2):
        before = proxy.count(leases)
        while proxy.count(leases) < before + 5:
            await asyncio.sleep(0.01)
            assert leader.elector.is_leader
    assert not leader.lost.is_set()


async def test_a_renewal_that_does_not_come_any_more_is_a_matter_for_the_health_check(candidate: Candidates) -> None:
    """The loop is dead though the process lives and believes it leads."""
    leader = await candidate("leader")
    await leader.started.wait()
    assert leader.elector.check() is None
    await leader.die()
    while (problem := leader.elector.check()) is None:
        await asyncio.sleep(0.05)
    assert "not renewed" in problem
    assert not leader.elector.is_leader


async def test_a_forbidden_lease_is_asked_for_again(candidate: Candidates, proxy: FaultProxy) -> None:
    """As long as it takes: rights may be granted later."""
    body = b'{"kind":"Status","reason":"Forbidden","message":"leases is forbidden"}'
    with proxy.answering(leases, 403, body=body):
        waiting = await candidate("waiting")
        while proxy.count(leases) < 3:
            await asyncio.sleep(0.01)
        assert not waiting.started.is_set()
    await waiting.started.wait()


async def test_of_two_leases_that_exclude_each_other_one_is_held(candidate: Candidates) -> None:
    """Both candidates begin at the same moment; one waits until the other is gone, and then leads."""
    one, two = await asyncio.gather(candidate("one", "left", "right"), candidate("two", "right", "left"))
    first, second = (one, two) if await _leads_first(one, two) else (two, one)
    for _ in range(5):
        await asyncio.sleep(RETRY)
        assert first.elector.is_leader
        assert not second.elector.is_leader
    await first.die()
    async with asyncio.timeout(30):
        await second.started.wait()


async def test_a_candidate_that_may_not_list_the_leases_does_not_lead(candidate: Candidates, proxy: FaultProxy) -> None:
    """It cannot know whether it is alone."""
    with proxy.answering(lambda seen: leases(seen) and seen.verb == "GET" and seen.path.endswith("/leases"), 403):
        alone = await candidate("one", "left", "right")
        await asyncio.sleep(4 * RETRY)
        assert not alone.elector.is_leader
    async with asyncio.timeout(30):
        await alone.started.wait()


async def _leads_first(one: Candidate, two: Candidate) -> bool:
    waiting = [asyncio.create_task(each.started.wait()) for each in (one, two)]
    async with asyncio.timeout(30):
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return one.started.is_set()
