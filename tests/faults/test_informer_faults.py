"""An informer whose server, or the way to it, misbehaves: it never dies, never spins, and always ends up with what is there."""

import asyncio
import itertools
from typing import Any

import pytest
from structlog.testing import capture_logs

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.envtest.environment import CRD, install_crds
from controller.meta import Resource
from controller.meta.errors import NotFound
from controller.testing import FaultProxy, SeenRequest, event_of, matching
from tests.support.factories import eventually
from tests.support.following import CONFIG_MAP, following, put

WATCH = matching("WATCH", "/configmaps")
LIST = matching("GET", "/configmaps")


def stream(seen: SeenRequest) -> bool:
    """A watch that begins with all there is."""
    return WATCH(seen) and seen.query.get("sendInitialEvents") == "true"


def plain_watch(seen: SeenRequest) -> bool:
    """A watch that continues."""
    return WATCH(seen) and not stream(seen)


@pytest.fixture
async def hurt(proxy: FaultProxy) -> Any:
    async with await Client.connect(proxy.config) as connected:
        yield connected


async def test_list_and_watch_are_one_request(proxy: FaultProxy, hurt: Client, admin: Client, room: str) -> None:
    """The stream that brought the first state goes on to bring the changes."""
    await put(admin, room, "a")
    async with following(hurt, CONFIG_MAP, room) as followed:
        assert followed.names() == {"a"}
        await put(admin, room, "b")
        await followed.until(lambda: followed.names() == {"a", "b"})
    assert [seen.verb for seen in proxy.requests] == ["WATCH"]


async def test_a_server_that_refuses_streams_is_listed(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """422 once, then list and watch as ever."""
    await put(admin, room, "a")
    with proxy.answering(stream, 422, body=b'{"kind":"Status","reason":"Invalid","message":"unknown"}'):
        async with following(hurt, CONFIG_MAP, room) as followed:
            await put(admin, room, "b")
            await followed.until(lambda: followed.names() == {"a", "b"})
    assert [seen.verb for seen in proxy.requests] == ["WATCH", "GET", "WATCH"]


async def test_a_stream_without_its_end_mark_is_followed_by_a_list_at_once(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """An ordinary bookmark is not taken for the end: it proves that the stream was taken for a plain watch, and no stream is asked for again."""
    await put(admin, room, "a")

    def unmark(event: dict[str, Any]) -> dict[str, Any]:
        event["object"]["metadata"].pop("annotations", None)
        return event

    with proxy.editing(stream, unmark):
        async with following(hurt, CONFIG_MAP, room) as followed:
            assert followed.told == [("ADDED", "a")]
            await followed.until(lambda: proxy.count(plain_watch) > 0)
    assert proxy.count(LIST) == proxy.count(stream) == 1


async def test_a_watch_that_falls_silent_is_given_up(proxy: FaultProxy, hurt: Client, admin: Client, room: str) -> None:
    """Half-open: the connection stands and nothing comes. After the window and ten seconds a new watch finds what was missed."""
    async with following(hurt, CONFIG_MAP, room, watch_timeout=1) as followed:
        await followed.until(lambda: proxy.count(plain_watch) > 0)
        with proxy.freezing(WATCH):
            frozen = proxy.count(WATCH)
            await put(admin, room, "a")
            await followed.until(lambda: proxy.count(WATCH) > frozen)
            assert followed.names() == set()
        await followed.until(lambda: followed.names() == {"a"})


async def test_dropped_events_are_repaired_by_the_periodic_list(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """One MODIFIED and one DELETED never arrive; the next full list brings them, and the log says that the watch had missed them."""
    for name in ("kept", "changed", "gone"):
        await put(admin, room, name)
    with (
        proxy.dropping(WATCH, event_of("MODIFIED", "changed")),
        proxy.dropping(WATCH, event_of("DELETED", "gone")),
        capture_logs() as logs,
    ):
        async with following(hurt, CONFIG_MAP, room, watch_timeout=1, relist_interval=2) as followed:
            await admin.patch(CONFIG_MAP, "changed", {"data": {"k": "v"}}, namespace=room)
            await admin.delete(CONFIG_MAP, "gone", namespace=room)
            await put(admin, room, "later")
            await followed.until(lambda: "later" in followed.names())
            assert "gone" in followed.names()
            followed.told.clear()
            await followed.until(lambda: len(followed.told) == 2)
            assert followed.told == [("DELETED", "gone"), ("MODIFIED", "changed")]
            changed = followed.informer.lister.get("changed", room)
            assert changed is not None
            assert changed["data"] == {"k": "v"}
    missed = [line["objects"] for line in logs if line["event"] == "The watch had missed changes"]
    assert f"{room}/changed" in missed[0]


async def test_too_many_requests_means_waiting_not_listing(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """A refused watch is opened again after Retry-After, from where it was."""
    async with following(hurt, CONFIG_MAP, room) as followed:
        with proxy.answering(WATCH, 429, retry_after=1, times=1):
            proxy.cut()
            await followed.until(lambda: proxy.count(plain_watch) == 2)
        await put(admin, room, "a")
        await followed.until(lambda: followed.names() == {"a"})
    first, second = (seen for seen in proxy.requests if plain_watch(seen))
    assert second.at - first.at >= 1
    assert proxy.count(LIST) == 0
    assert proxy.count(stream) == 1


async def test_a_refused_list_is_asked_again_after_as_long_as_the_server_wants(
    proxy: FaultProxy, hurt: Client, room: str
) -> None:
    """429 on the stream and on the list."""
    with proxy.answering(matching("", "/configmaps"), 429, retry_after=1, times=2):
        async with following(hurt, CONFIG_MAP, room):
            arrivals = [seen.at for seen in proxy.requests[:3]]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(arrivals))


def expired(event: dict[str, Any]) -> dict[str, Any]:
    """The same event as an ERROR that says the version is too old."""
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (2)"}
    return {"type": "ERROR", "object": status}


async def test_an_expired_watch_is_one_new_list_and_no_work_for_what_did_not_change(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """HTTP 200 and one ERROR event with code 410."""
    for name in ("a", "b"):
        await put(admin, room, name)
    async with following(hurt, CONFIG_MAP, room) as followed:
        followed.told.clear()
        with proxy.editing(WATCH, expired):
            await put(admin, room, "c")
            await followed.until(lambda: proxy.count(stream) == 2)
        await followed.until(lambda: followed.told != [])
        assert followed.told == [("ADDED", "c")]
    assert proxy.count(stream) == 2


async def test_history_the_server_has_forgotten_is_listed_anew(
    embedded: Environment, proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """What was deleted and re-created meanwhile is told as a deletion and an addition."""
    await put(admin, room, "a")
    async with following(hurt, CONFIG_MAP, room) as followed:
        async with proxy.down():
            await admin.delete(CONFIG_MAP, "a", namespace=room)
            await put(admin, room, "a")
            embedded.embedded.storage.compact()
        followed.told.clear()
        await followed.until(lambda: len(followed.told) == 2)
        assert followed.told == [("DELETED", "a"), ("ADDED", "a")]


async def test_a_restart_of_the_server_is_survived_without_a_list(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """Refused connections are waited out; the watch goes on from its version."""
    await put(admin, room, "a")
    async with following(hurt, CONFIG_MAP, room) as followed:
        async with proxy.down():
            await put(admin, room, "b")
            await asyncio.sleep(0.3)
        await followed.until(lambda: followed.names() == {"a", "b"})
        assert followed.told == [("ADDED", "a"), ("ADDED", "b")]
    assert proxy.count(LIST) == 0
    assert proxy.count(stream) == 1


async def test_a_snapshot_that_expires_between_pages_is_listed_in_one_piece(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """Never spliced from two snapshots."""
    await asyncio.gather(*(put(admin, room, f"n-{index}") for index in range(501)))

    def later_page(seen: SeenRequest) -> bool:
        return LIST(seen) and "continue" in seen.query

    with (
        proxy.answering(stream, 422),
        proxy.answering(later_page, 410, body=b'{"kind":"Status","reason":"Expired","metadata":{"continue":"x"}}'),
    ):
        async with following(hurt, CONFIG_MAP, room) as followed:
            assert len(followed.names()) == 501
    lists = [seen.query for seen in proxy.requests if LIST(seen)]
    assert [("continue" in query, query.get("limit")) for query in lists] == [
        (False, "500"),
        (True, "500"),
        (False, None),
    ]


async def test_an_own_write_is_seen_while_the_watch_lags(
    proxy: FaultProxy, hurt: Client, admin: Client, room: str
) -> None:
    """And neither an older list nor the late event undoes it."""
    await put(admin, room, "a")
    async with following(hurt, CONFIG_MAP, room) as followed:
        with proxy.freezing(WATCH):
            answer = await hurt.patch(CONFIG_MAP, "a", {"data": {"k": "v"}}, namespace=room)
            followed.informer.record(answer)
            seen = followed.informer.lister.get("a", room)
            assert seen is not None
            assert seen["data"] == {"k": "v"}
        await put(admin, room, "b")
        await followed.until(lambda: followed.names() == {"a", "b"})
        assert followed.told == [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b")]


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b"404 page not found\n"), (500, b""), (500, b'{"kind":'), (502, b"<html></html>"), (200, b"{")],
)
async def test_answers_of_no_form_are_refusals_like_others(
    proxy: FaultProxy, hurt: Client, room: str, status: int, body: bytes
) -> None:
    """Nothing dies of a text, of half a document or of a success that is none; the informer says what it met and goes on."""
    with proxy.answering(matching("", "/configmaps"), status, body=body):
        async with following(hurt, CONFIG_MAP, room, synced=False) as followed:
            await followed.until(lambda: proxy.count(LIST) > 0 and followed.informer.problem != "not listed yet")
            assert not followed.informer.has_synced


THING = Resource("example.com", "v1", "things", "Thing")
THINGS: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "things.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"plural": "things", "singular": "thing", "kind": "Thing", "listKind": "ThingList"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}


async def is_gone(client: Client, crd: str) -> bool:
    """Whether this CRD is not there; its objects go before it does."""
    try:
        await client.get(CRD, crd)
    except NotFound:
        return True
    return False


async def test_a_kind_may_come_go_and_come_again_while_it_is_followed(environment: Environment, namespace: str) -> None:
    """Absent, installed, removed with its objects while it is watched, installed again: no restart of anything."""
    thing = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": namespace}}
    async with environment.client() as client, following(client, THING, namespace, synced=False) as followed:
        await followed.until(lambda: "404" in followed.informer.problem or "not found" in followed.informer.problem)
        await install_crds(client, [THINGS])
        await client.create(THING, thing)
        await followed.until(lambda: followed.names() == {"t"})
        await client.patch(THING, "t", {"metadata": {"labels": {"seen": "by-watch"}}}, namespace=namespace)
        await followed.until(lambda: ("MODIFIED", "t") in followed.told)
        await client.delete(CRD, meta.name_of(THINGS))
        await followed.until(lambda: followed.names() == set())
        await eventually(lambda: is_gone(client, meta.name_of(THINGS)))
        await install_crds(client, [THINGS])
        await client.create(THING, thing)
        await followed.until(lambda: followed.names() == {"t"})
        seen = ["ADDED", "DELETED", "ADDED"]
        await followed.until(lambda: [told for told, _ in followed.told if told != "MODIFIED"] == seen)
        await client.delete(CRD, meta.name_of(THINGS))
