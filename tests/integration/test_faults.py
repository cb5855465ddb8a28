"""The faults of the embedded server: each is felt while it is in force, and the server is healthy afterwards."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from controller.envtest import Environment, Faults, matching
from tests.support.conformance_api import Api

MAPS = "/api/v1/namespaces/default/configmaps"
READS, CREATES, WATCHES = matching("GET", MAPS), matching("POST", MAPS), matching("WATCH", MAPS)


@pytest.fixture
async def hurt() -> AsyncIterator[tuple[Api, Faults]]:
    """The wire of an embedded server, and its faults."""
    async with Environment("embedded") as environment, aiohttp.ClientSession() as session:
        yield Api(session, environment.url), environment.faults


async def test_conflicts_and_throttling_have_no_effect(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    with faults.conflicting(CREATES):
        assert (await api.post(MAPS, {"metadata": {"name": "one"}})).outcome == "409 Conflict"
        assert (await api.get(f"{MAPS}/one")).code == 404
        assert (await api.post(MAPS, {"metadata": {"name": "one"}})).code == 201
    with faults.throttling(READS, retry_after=7):
        refused = await api.get(f"{MAPS}/one")
        assert refused.outcome == "429 TooManyRequests"
    assert (await api.get(f"{MAPS}/one")).code == 200
    assert faults.count(CREATES) == 2


async def test_a_lost_answer_took_effect(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    with faults.losing(CREATES), pytest.raises(aiohttp.ClientError):
        await api.post(MAPS, {"metadata": {"name": "one"}})
    assert (await api.get(f"{MAPS}/one")).code == 200


async def test_a_frozen_watch_is_silent_until_it_thaws(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    async with api.watch(MAPS) as watch:
        with faults.freezing(WATCHES):
            await api.post(MAPS, {"metadata": {"name": "one"}})
            silent = asyncio.create_task(watch.next())
            assert (await api.get(MAPS)).code == 200
            assert not silent.done()
        assert (await silent)[1]["metadata"]["name"] == "one"


async def test_events_are_dropped_edited_and_torn(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    async with api.watch(MAPS) as watch:
        with faults.dropping(WATCHES, lambda event: event["object"]["metadata"]["name"] == "one"):
            await api.post(MAPS, {"metadata": {"name": "one"}})
            await api.post(MAPS, {"metadata": {"name": "two"}})
            assert (await watch.next())[1]["metadata"]["name"] == "two"
        with faults.tearing(WATCHES):
            await api.post(MAPS, {"metadata": {"name": "three"}})
            with pytest.raises((aiohttp.ClientError, ValueError)):
                await watch.next()


async def test_forgotten_history_expires_watches(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    version = (await api.post(MAPS, {"metadata": {"name": "one"}})).body["metadata"]["resourceVersion"]
    await api.post(MAPS, {"metadata": {"name": "two"}})
    faults.compact()
    async with api.watch(MAPS, resourceVersion=version) as watch:
        ((type_, status),) = await watch.rest()
    assert (type_, status["reason"]) == ("ERROR", "Expired")


async def test_cut_connections_break_watches(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    async with api.watch(MAPS) as watch:
        faults.cut()
        with pytest.raises((aiohttp.ClientError, AssertionError)):
            await watch.next()
    with faults.delaying(READS, 0.01):
        assert (await api.get(MAPS)).code == 200


async def test_any_answer_can_be_given(hurt: tuple[Api, Faults]) -> None:
    api, faults = hurt
    with faults.answering(READS, 503, body=b"try later", times=1):
        assert (await api.get(MAPS)).code == 503
        assert (await api.get(MAPS)).code == 200
