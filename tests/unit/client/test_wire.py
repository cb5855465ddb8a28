"""What the wire promises: bytes in, objects out, whatever the chunks and however deep the objects. No server here."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.client import requests
from controller.client.wire import LineReader, decode_event, decode_list, decode_object
from controller.meta import UNDECODABLE, Resource, jsonio
from controller.meta.errors import DecodeError

POD = Resource("", "v1", "pods", "Pod")
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
DEEP_ITEM = (
    b'{"apiVersion":"v1","kind":"Pod","metadata":{"name":"deep","resourceVersion":"3","managedFields":[{"fieldsV1":'
    + DEEP
    + b'}]},"spec":'
    + DEEP
    + b"}"
)


@given(
    st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=5),
    st.lists(st.integers(1, 7), min_size=1),
)
def test_lines_do_not_depend_on_how_the_bytes_are_cut(texts: list[str], sizes: list[int]):
    """Cuts inside a UTF-8 sequence and raw U+0085 or U+2028 change nothing: only 0x0A ends a line."""
    lines = [jsonio.dumps({"text": text + "\x85\u2028é😀"}) for text in texts]
    stream, reader, found, at = b"\n".join(lines) + b"\n", LineReader(), [], 0
    while at < len(stream):
        size = sizes[at % len(sizes)]
        found += reader.feed(stream[at : at + size])
        at += size
    assert found == lines


def test_a_line_of_megabytes_has_no_limit():
    """One event of 4 MiB comes out whole."""
    reader, line = LineReader(), b"x" * (4 << 20)
    assert [*reader.feed(line), *reader.feed(b"\nrest")] == [line]


def test_an_item_too_deep_to_decode_keeps_its_metadata_and_hurts_no_other():
    """The list survives an item nested 100,000 levels deep, even when its managedFields repeat the nesting."""
    body = (
        b'{"metadata":{"resourceVersion":"5","continue":"t"},"items":[' + DEEP_ITEM + b',{"metadata":{"name":"ok"}}]}'
    )
    page = decode_list(body, "v1", "Pod")
    assert (page.resource_version, page.continue_) == ("5", "t")
    assert page.items[0]["metadata"] == {"name": "deep", "resourceVersion": "3"}
    assert page.items[0][UNDECODABLE]
    assert page.items[1] == {"metadata": {"name": "ok"}, "apiVersion": "v1", "kind": "Pod"}


def test_an_event_too_deep_to_decode_keeps_its_type_and_metadata():
    """The watch goes on: the event says what happened to which object."""
    event = decode_event(b'{"type":"MODIFIED","object":' + DEEP_ITEM + b"}")
    assert event.type == "MODIFIED"
    assert event.object["metadata"] == {"name": "deep", "resourceVersion": "3"}
    assert event.object[UNDECODABLE]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"metadata":', b"404 page not found"])
def test_what_is_no_object_is_a_decode_error(body: bytes):
    """Never another exception, whatever the bytes."""
    with pytest.raises(DecodeError):
        decode_object(body)
    with pytest.raises(DecodeError):
        decode_list(body, "v1", "Pod")
    with pytest.raises(DecodeError):
        decode_event(body)


def test_an_empty_collection_may_say_null():
    """Go writes a nil slice as null."""
    assert decode_list(b'{"metadata":{"resourceVersion":"7"},"items":null}', "v1", "Pod").items == ()


def test_a_watch_always_asks_for_bookmarks_and_never_sends_empty_parameters():
    """An empty resourceVersion is left out, not sent as text."""
    request = requests.watch(POD, "ns", resourceVersion="", labelSelector="a=b,c in (d)")
    assert request.target == (
        "/api/v1/namespaces/ns/pods?watch=true&allowWatchBookmarks=true&labelSelector=a%3Db%2Cc+in+%28d%29"
    )


def test_what_may_be_sent_twice_is_known_before_it_is_sent():
    """A replace that names its version and a delete that names its uid are safe; a create and a JSON patch are not."""
    versioned, plain = {"metadata": {"name": "a", "resourceVersion": "1"}}, {"metadata": {"name": "a"}}
    assert requests.replace(POD, versioned, "ns", "", "m").repeatable
    assert not requests.replace(POD, plain, "ns", "", "m").repeatable
    assert not requests.create(POD, plain, "ns", "m").repeatable
    assert requests.delete(POD, "a", "ns", uid="u", resource_version=None, propagation=None).repeatable
    assert not requests.delete(POD, "a", "ns", uid=None, resource_version=None, propagation=None).repeatable


@given(st.text())
def test_the_body_of_an_apply_is_free_of_what_yaml_trips_over(text: str):
    """No control character, no surrogate escape, and the same value after decoding."""
    body = requests.apply_body({"text": text})
    assert jsonio.loads(body) == {"text": text}
    assert all(" " <= character <= "~" or character > "\uffff" for character in body.decode())
