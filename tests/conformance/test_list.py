"""Lists: order, selectors, pages, and lists as of a version."""

from typing import Any

import pytest

from tests.support.conformance_api import Answer, Api, version
from tests.support.widgets import GROUP, a_widget


def names(answer: Answer) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


@pytest.fixture
async def five(api: Api, widgets: str) -> list[dict[str, Any]]:
    """Widgets ``a`` to ``e``, created backwards; odd ones are red by field and by label."""
    stored = []
    for index, name in reversed(list(enumerate("abcde"))):
        color = "blue" if index % 2 else "red"
        labels = {"color": color, "index": str(index), **({"last": ""} if name == "e" else {})}
        widget = a_widget(name, spec={"size": index, "color": color}, metadata={"labels": labels})
        stored.append((await api.post(widgets, widget)).body)
    return stored


async def test_a_list_is_in_the_order_of_names(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    answer = await api.get(widgets)
    assert answer.body["kind"] == "WidgetList"
    assert answer.body["apiVersion"] == f"{GROUP}/v1"
    assert answer.body["items"] == sorted(five, key=lambda widget: widget["metadata"]["name"])
    assert version(answer.body) >= version(five[-1])


async def test_an_empty_list_has_items(api: Api, widgets: str) -> None:
    assert (await api.get(widgets)).body["items"] == []


async def test_items_of_built_in_kinds_do_not_say_what_they_are(api: Api, config_maps: str) -> None:
    await api.post(config_maps, {"metadata": {"name": "one"}})
    (item,) = (await api.get(config_maps)).body["items"]
    assert not {"kind", "apiVersion"} & item.keys()


@pytest.mark.parametrize(
    ("query", "selected"),
    [
        ({"labelSelector": "color=red"}, "ace"),
        ({"labelSelector": "color==red,index!=0"}, "ce"),
        ({"labelSelector": "index in (1,2),color notin (blue)"}, "c"),
        ({"labelSelector": "last"}, "e"),
        ({"labelSelector": "!last"}, "abcd"),
        ({"labelSelector": "size notin (1)"}, "abcde"),
        ({"fieldSelector": "metadata.name=b"}, "b"),
        ({"fieldSelector": "metadata.name!=b"}, "acde"),
        ({"fieldSelector": "spec.color=red,metadata.name!=c"}, "ae"),
        ({"fieldSelector": "spec.color=red", "labelSelector": "last"}, "e"),
    ],
)
async def test_selectors(
    api: Api, widgets: str, five: list[dict[str, Any]], query: dict[str, str], selected: str
) -> None:
    assert "".join(names(await api.get(widgets, **query))) == selected


@pytest.mark.parametrize(
    "query",
    [
        {"labelSelector": "a b"},
        {"labelSelector": "a in b"},
        {"labelSelector": "a=-"},
        {"fieldSelector": "spec.size=1"},
        {"fieldSelector": "spec"},
        {"limit": "some"},
        {"timeoutSeconds": "long"},
        {"resourceVersion": "None"},
        {"continue": "nonsense"},
    ],
)
async def test_parameters_that_cannot_be_read(api: Api, widgets: str, query: dict[str, str]) -> None:
    assert (await api.get(widgets, **query)).outcome == "400 BadRequest"


async def test_pages_are_one_snapshot(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    first = await api.get(widgets, limit=2)
    assert names(first) == ["a", "b"]
    assert first.body["metadata"]["remainingItemCount"] == 3
    await api.delete(f"{widgets}/c")
    await api.patch(f"{widgets}/d", {"spec": {"size": 9}})
    await api.post(widgets, a_widget("aa"))
    second = await api.get(widgets, limit=2, **{"continue": first.body["metadata"]["continue"]})
    assert names(second) == ["c", "d"]
    assert second.body["items"][1]["spec"]["size"] == 3
    assert second.body["metadata"]["resourceVersion"] == first.body["metadata"]["resourceVersion"]
    third = await api.get(widgets, limit=2, **{"continue": second.body["metadata"]["continue"]})
    assert names(third) == ["e"]
    assert not third.body["metadata"].get("continue")
    assert "remainingItemCount" not in third.body["metadata"]


async def test_pages_of_a_selection_do_not_count_the_rest(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    first = await api.get(widgets, limit=2, labelSelector="color=red")
    assert names(first) == ["a", "c"]
    assert "remainingItemCount" not in first.body["metadata"]
    token = first.body["metadata"]["continue"]
    assert names(await api.get(widgets, limit=2, labelSelector="color=red", **{"continue": token})) == ["e"]


async def test_a_list_of_anything_is_not_paged(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    assert names(await api.get(widgets, limit=2, resourceVersion="0")) == list("abcde")


async def test_lists_as_of_a_version(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    then = (await api.get(widgets)).body["metadata"]["resourceVersion"]
    await api.delete(f"{widgets}/a")
    exact = await api.get(widgets, resourceVersion=then, resourceVersionMatch="Exact")
    assert names(exact) == list("abcde")
    assert exact.body["metadata"]["resourceVersion"] == then
    assert names(await api.get(widgets, resourceVersion=then)) == list("bcde")
    assert names(await api.get(widgets, resourceVersion=then, resourceVersionMatch="NotOlderThan")) == list("bcde")


@pytest.mark.parametrize(
    ("query", "outcome"),
    [
        ({"resourceVersionMatch": "Exact"}, "422 Invalid"),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, "422 Invalid"),
        ({"resourceVersionMatch": "Newest", "resourceVersion": "5"}, "422 Invalid"),
    ],
)
async def test_version_matches_that_make_no_sense(api: Api, widgets: str, query: dict[str, str], outcome: str) -> None:
    assert (await api.get(widgets, **query)).outcome == outcome


async def test_a_page_goes_on_at_its_own_version_only(api: Api, widgets: str, five: list[dict[str, Any]]) -> None:
    token = (await api.get(widgets, limit=2)).body["metadata"]["continue"]
    assert (await api.get(widgets, resourceVersion="5", **{"continue": token})).outcome == "400 BadRequest"
    assert names(await api.get(widgets, resourceVersion="0", **{"continue": token})) == ["c", "d", "e"]


@pytest.mark.parametrize("name", ["", "/one"])
async def test_a_version_from_the_future_is_waited_for_in_vain(api: Api, widgets: str, name: str) -> None:
    await api.post(widgets, a_widget())
    answer = await api.get(widgets + name, resourceVersion="99999999")
    assert answer.outcome == "504 Timeout"
    assert answer.causes == {("ResourceVersionTooLarge", "")}
    assert answer.body["details"]["retryAfterSeconds"] == 1


async def test_an_object_can_be_read_at_any_version(api: Api, widgets: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    assert (await api.get(f"{widgets}/one", resourceVersion="0")).body == stored
    assert (await api.get(f"{widgets}/one", resourceVersion="None")).outcome == "500"


async def test_a_list_across_namespaces(api: Api, widgets: str, namespace: str) -> None:
    stored = (await api.post(widgets, a_widget())).body
    everywhere = await api.get(f"/apis/{GROUP}/v1/widgets")
    assert stored in everywhere.body["items"]
    mine = await api.get(f"/apis/{GROUP}/v1/widgets", fieldSelector=f"metadata.namespace={namespace}")
    assert mine.body["items"] == [stored]
