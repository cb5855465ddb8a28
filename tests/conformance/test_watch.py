"""Watches: where they begin, what they tell, and how they end."""

from typing import Any

import pytest

from tests.support.conformance_api import METADATA, TABLE, Api, content, version
from tests.support.widgets import GROUP, a_widget

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


def told(events: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, str]]:
    """Type and name of each event."""
    return [(type_, obj["metadata"]["name"]) for type_, obj in events]


async def now(api: Api, path: str) -> str:
    """The version of a fresh list."""
    return (await api.get(path)).body["metadata"]["resourceVersion"]  # type: ignore[no-any-return]


async def test_a_watch_from_a_version_tells_what_happened_since(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget("before"))
    since = await now(api, widgets)
    created = (await api.post(widgets, a_widget())).body
    changed = (await api.patch(f"{widgets}/one", {"spec": {"size": 2}})).body
    async with api.watch(widgets, resourceVersion=since) as watch:
        assert await watch.next() == ("ADDED", created)
        assert await watch.next() == ("MODIFIED", changed)
        await api.delete(f"{widgets}/one")
        type_, last = await watch.next()
        assert type_ == "DELETED"
        assert content(last) == content(changed)
        assert version(last) > version(changed)
        assert version(last) <= int(await now(api, widgets))


@pytest.mark.parametrize("query", [{}, {"resourceVersion": "0"}])
async def test_a_watch_from_nowhere_begins_with_what_is_there(api: Api, widgets: str, query: dict[str, str]) -> None:
    for name in ("a", "b"):
        await api.post(widgets, a_widget(name))
    async with api.watch(widgets, **query) as watch:
        begun = [await watch.next(), await watch.next()]
        assert sorted(told(begun)) == [("ADDED", "a"), ("ADDED", "b")]
        await api.post(widgets, a_widget("c"))
        assert told([await watch.next()]) == [("ADDED", "c")]


async def test_initial_events_end_with_a_bookmark(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    async with api.watch(widgets, **query) as watch:
        assert await watch.next() == ("ADDED", stored)
        type_, bookmark = await watch.next()
        assert type_ == "BOOKMARK"
        assert bookmark["kind"] == "Widget"
        assert bookmark["metadata"]["annotations"] == {INITIAL_EVENTS_END: "true"}
        assert version(bookmark) >= version(stored)
        await api.delete(f"{widgets}/one")
        assert told([await watch.next()]) == [("DELETED", "one")]


async def test_without_bookmarks_initial_events_end_silently(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget())
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "1"}
    async with api.watch(widgets, **query) as watch:
        assert told(await watch.rest()) == [("ADDED", "one")]


async def test_initial_events_can_be_declined(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget())
    query = {"sendInitialEvents": "false", "resourceVersionMatch": "NotOlderThan", "timeoutSeconds": "1"}
    async with api.watch(widgets, **query) as watch:
        assert await watch.rest() == []


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ({"sendInitialEvents": "true"}, "422 Invalid"),
        ({"resourceVersionMatch": "NotOlderThan"}, "422 Invalid"),
        ({"sendInitialEvents": "true", "resourceVersionMatch": "Exact"}, "422 Invalid"),
        ({"timeoutSeconds": "long"}, "400 BadRequest"),
        ({"resourceVersion": "None"}, "500"),
        ({"fieldSelector": "spec.size=1"}, "400 BadRequest"),
        ({"labelSelector": "a b"}, "400 BadRequest"),
    ],
)
async def test_watches_that_are_refused(api: Api, widgets: str, query: dict[str, str], outcome: str) -> None:
    assert (await api.get(widgets, watch="true", **query)).outcome == outcome


async def test_a_bookmark_comes_before_the_end(api: Api, widgets: str) -> None:
    since = await now(api, widgets)
    query = {"resourceVersion": since, "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
    async with api.watch(widgets, **query) as watch:
        stored = (await api.post(widgets, a_widget())).body
        added, *bookmarks = await watch.rest()
    assert added == ("ADDED", stored)
    assert bookmarks
    for type_, obj in bookmarks:
        assert type_ == "BOOKMARK"
        assert obj["apiVersion"] == f"{GROUP}/v1"
        assert obj["metadata"].keys() <= {"resourceVersion", "creationTimestamp"}
        assert version(obj) >= version(stored)


async def test_a_watch_from_before_the_servers_memory_is_told_so(api: Api, widgets: str) -> None:
    async with api.watch(widgets, resourceVersion="1") as watch:
        ((type_, status),) = await watch.rest()
    assert type_ == "ERROR"
    assert (status["kind"], status["code"], status["reason"]) == ("Status", 410, "Expired")


async def test_a_watch_from_the_future_stays_silent(api: Api, widgets: str) -> None:
    query = {"resourceVersion": "99999999", "allowWatchBookmarks": "true", "timeoutSeconds": "3"}
    async with api.watch(widgets, **query) as watch:
        await api.post(widgets, a_widget())
        assert await watch.rest() == []


async def test_a_selector_makes_objects_come_and_go(api: Api, widgets: str) -> None:
    since = await now(api, widgets)
    created = (await api.post(widgets, a_widget(metadata={"labels": {"in": "yes"}}))).body
    async with api.watch(widgets, resourceVersion=since, labelSelector="in=yes") as watch:
        assert await watch.next() == ("ADDED", created)
        left = (await api.patch(f"{widgets}/one", {"metadata": {"labels": {"in": "no"}}})).body
        type_, obj = await watch.next()
        assert type_ == "DELETED"
        assert obj["metadata"]["labels"] == {"in": "yes"}
        assert version(obj) == version(left)
        await api.patch(f"{widgets}/one", {"spec": {"size": 3}})
        back = (await api.patch(f"{widgets}/one", {"metadata": {"labels": {"in": "yes"}}})).body
        assert await watch.next() == ("ADDED", back)


async def test_a_field_selector_follows_one_object(api: Api, widgets: str) -> None:
    since = await now(api, widgets)
    await api.post(widgets, a_widget("other"))
    stored = (await api.post(widgets, a_widget())).body
    async with api.watch(widgets, resourceVersion=since, fieldSelector="metadata.name=one") as watch:
        assert await watch.next() == ("ADDED", stored)


async def test_a_watch_of_one_namespace_does_not_see_the_others(api: Api, widgets: str, namespace: str) -> None:
    elsewhere = widgets.replace(namespace, "default")
    since = await now(api, widgets)
    name = f"other-{namespace}"
    await api.post(elsewhere, a_widget(name))
    stored = (await api.post(widgets, a_widget())).body
    async with api.watch(widgets, resourceVersion=since) as watch:
        assert await watch.next() == ("ADDED", stored)
    await api.delete(f"{elsewhere}/{name}")


async def test_an_update_that_ends_a_deletion_is_told_once(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget(metadata={"finalizers": ["example.com/hold"]}))
    since = await now(api, widgets)
    await api.delete(f"{widgets}/one")
    await api.patch(f"{widgets}/one", {"metadata": {"finalizers": None}})
    async with api.watch(widgets, resourceVersion=since) as watch:
        assert told([await watch.next(), await watch.next()]) == [("MODIFIED", "one"), ("DELETED", "one")]
        await api.post(widgets, a_widget("next"))
        assert told([await watch.next()]) == [("ADDED", "next")]


async def test_writing_what_is_there_is_no_event(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    async with api.watch(widgets, resourceVersion=stored["metadata"]["resourceVersion"]) as watch:
        await api.put(f"{widgets}/one", stored)
        await api.post(widgets, a_widget("next"))
        assert told([await watch.next()]) == [("ADDED", "next")]


async def test_a_watch_of_metadata_carries_nothing_else(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    async with api.watch(widgets, accept=METADATA) as watch:
        type_, obj = await watch.next()
    assert type_ == "ADDED"
    assert obj == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": stored["metadata"]}


async def test_a_watch_in_tables_carries_rows(api: Api, widgets: str) -> None:
    await api.post(widgets, a_widget())
    async with api.watch(widgets, accept=TABLE) as watch:
        type_, obj = await watch.next()
    assert type_ == "ADDED"
    assert obj["kind"] == "Table"
    assert [row["cells"][0] for row in obj["rows"]] == ["one"]


async def test_a_deletion_of_a_collection_tells_each_object(api: Api, widgets: str) -> None:
    for name in ("a", "b"):
        await api.post(widgets, a_widget(name))
    async with api.watch(widgets, resourceVersion=await now(api, widgets)) as watch:
        await api.delete(widgets)
        assert sorted(told([await watch.next(), await watch.next()])) == [("DELETED", "a"), ("DELETED", "b")]
