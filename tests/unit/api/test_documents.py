"""Documents read as kubectl reads them, and written so that nobody reads them otherwise."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from controller.api.documents import DocumentError, dump_documents, load_documents

BOMB = "[&a0 [0], " + ", ".join(f"&a{n + 1} [{', '.join([f'*a{n}'] * 8)}]" for n in range(8)) + "]"
HEAD = "apiVersion: v1\nkind: Thing\n"


def spec(text: str) -> Any:
    """What a YAML text means as the value of a field."""
    (document,) = load_documents(f"{HEAD}spec: {text}\n", "file")
    return document["spec"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1e21", 1e21), ("1E3", 1000), (".5", 0.5), ("1.", 1), ("-0x1F", -31), ("0b11", 3), ("014", 12),
        ("0o14", 12), ("089", 89), ("1_000", 1000), ("1_0.5", 10.5), ("+5", 5), ("18446744073709551615", 2**64 - 1),
        ("18446744073709551616", 2.0**64), ("9" * 120, 1e120),
        ("2001-01-01", "2001-01-01"), ("2001-01-01T10:00:00Z", "2001-01-01T10:00:00Z"), ("12:30", "12:30"), ("1:30:00", "1:30:00"),
        ("1,000", "1,000"), ("0x", "0x"), ("0b2", "0b2"), ("._5", "._5"), (".e3", ".e3"), ("1e400", "1e400"), ("'1'", "1"), ("!!str 5", "5"),
        ("y", True), ("Yes", True), ("on", True), ("n", False), ("OFF", False), ("oN", "oN"), ("TRUE", True), ("tRUE", "tRUE"),
        ("~", None), ("Null", None), ("", None), ("nULL", "nULL"), ("=", "="), ("'<<'", "<<"), ("<<", "<<"),
        ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}), ('"a\\u0000"', "a\0"), ("[&a {k: 1}, *a]", [{"k": 1}, {"k": 1}]),
    ],
)  # fmt: skip
def test_a_scalar_means_what_kubectl_makes_of_it(text: str, value: Any) -> None:
    """Number, text, boolean or null."""
    read = spec(text)
    assert read == value
    assert isinstance(read, bool) == isinstance(value, bool)
    assert isinstance(read, str) == isinstance(value, str)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (".nan", "JSON"), ("-.inf", "JSON"), ("!!binary aGk=", "JSON"), ("!!set {a}", "JSON"), ("!own x", "!own"),
        ("{1: a}", "not a string"), ("{y: a}", "not a string"), ("{~: a}", "not a string"), ("{a: 1, a: 2}", "given twice"),
        ("&a [1, *a]", "contains it"), ("[1,", "file:"), ("*nowhere", "nowhere"), ("[" * 3000 + "]" * 3000, "deeply"),
        (BOMB, "too many values"), ("!!bool x", "not a boolean"), ("!!int [1]", "scalar"), ("!!float {}", "scalar"), ("!!bool []", "scalar"),
        ("!!map [1]", "mapping"), ("{[a]: 1}", "not a string"), ("{!!str [a]: 1}", "not a string"),
    ],
)  # fmt: skip
def test_what_json_cannot_hold_and_what_is_no_yaml_is_one_sentence(text: str, problem: str) -> None:
    """With the file's name, and never another exception."""
    with pytest.raises(DocumentError) as refused:
        spec(text)
    assert str(refused.value).startswith("file:")
    assert problem in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + HEAD.encode(),
        HEAD.replace("\n", "\r\n").encode(),
        ("\ufeff" + HEAD).encode(),
        ("---\n" + HEAD + "---\n---\n").encode(),
    ],
    ids=["byte order mark", "CRLF", "mark as a character", "empty documents"],
)
def test_what_editors_leave_in_files_is_fine(text: bytes) -> None:
    """It means nothing."""
    assert load_documents(text, "file") == [{"apiVersion": "v1", "kind": "Thing"}]


def test_bytes_that_are_no_text_are_refused_with_their_place() -> None:
    """UTF-8 alone is read."""
    with pytest.raises(DocumentError, match="file: not UTF-8 text"):
        load_documents(HEAD.encode() + b"spec: \xff", "file")


def test_lists_are_unpacked_and_what_is_no_object_is_refused() -> None:
    """Lists of lists too."""
    thing = {"apiVersion": "v1", "kind": "Thing"}
    inner = {"apiVersion": "v1", "kind": "ThingList", "items": [thing]}
    listed = {"apiVersion": "v1", "kind": "List", "items": [inner, thing]}
    assert load_documents(json.dumps(listed), "file") == [thing, thing]
    for text in ("just text", "[1]", "a: 1", "apiVersion: v1\nkind: 1"):
        with pytest.raises(DocumentError, match="file: "):
            load_documents(text, "file")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"http:\/\/host"', "http://host"),
        (r'"\ud83d\ude00"', "😀"),
        ("1e21", 1e21),
        ("18446744073709551616", 2.0**64),
        ('"1e400"', "1e400"),
    ],
)
def test_json_is_read_as_json(text: str, value: Any) -> None:
    """Its escapes are not all YAML's; documents may follow each other."""
    document = f'{{"apiVersion":"v1","kind":"Thing","spec":{text}}}'
    assert [item["spec"] for item in load_documents(f"\n{document}\n{document}", "file")] == [value, value]


@pytest.mark.parametrize(
    ("text", "problem"),
    [('{"a":1,"a":2}', "given twice"), ("NaN", "JSON"), ("-Infinity", "JSON"), ("1e400", "JSON"), ("9" * 400, "JSON")],
)
def test_json_that_is_none_is_refused(text: str, problem: str) -> None:
    """What Python's parser would let through."""
    with pytest.raises(DocumentError, match=problem):
        load_documents(f'{{"apiVersion":"v1","kind":"Thing","spec":{text}}}', "file")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False, allow_infinity=False), st.text(),
    st.from_regex(r"[-+.0-9eExXobBinfNaATZ_:~=<yYnNoO ]{1,12}", fullmatch=True),
)  # fmt: skip
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12)


@given(VALUES)
def test_what_is_written_reads_back_the_same(value: Any) -> None:
    """By our reader, and by one that follows YAML 1.1 to the letter."""
    thing = {"apiVersion": "v1", "kind": "Thing", "spec": value}
    text = dump_documents([thing])
    assert load_documents(text, "file") == [thing]
    assert yaml.safe_load(text) == thing


@pytest.mark.parametrize(
    "text",
    [
        "y",
        "No",
        "on",
        "~",
        "null",
        "1",
        "1_000",
        "0o14",
        "0x1F",
        "1e3",
        ".5",
        "+.5",
        "12:30",
        "2001-01-01",
        ".inf",
        "<<",
        "=",
        "",
        " a",
        "a: b",
        "#c",
        "-",
    ],
)
def test_a_string_that_some_reader_takes_for_something_else_is_quoted(text: str) -> None:
    """YAML 1.1 and 1.2 differ, and so do their readers."""
    line = dump_documents([{"spec": text}]).rstrip("\n")
    assert line in (f"spec: '{text}'", f'spec: "{text}"')


def test_scripts_stay_readable() -> None:
    """Several lines are a block; what a block cannot show is escaped."""
    assert dump_documents([{"a": "one\n  two\n"}]) == "a: |\n  one\n    two\n"
    assert dump_documents([{"a": "tab\t\u0085\u2028"}]) == 'a: "tab\\t\\N\\L"\n'
