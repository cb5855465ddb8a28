"""Protobuf bodies: what kubectl sends is read, anything else is refused and never guessed at."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.envtest.embedded.builtin.catalog import schema_of_kind
from controller.envtest.embedded.builtin.typed import Problems, read
from controller.envtest.embedded.protobuf import ProtobufError, decode


def field(number: int, value: bytes | int) -> bytes:
    """One field on the wire; small values only."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def body(kind: str, *fields: bytes) -> bytes:
    """A whole request body."""
    names = field(1, b"v1") + field(2, kind.encode())
    return b"k8s\x00" + field(1, names) + field(2, b"".join(fields)) + field(3, b"") + field(4, b"")


def metadata(*fields: bytes) -> bytes:
    """Metadata as client-go writes it: with all its zero values."""
    zeros = [field(2, b""), field(3, b""), field(4, b""), field(5, b""), field(6, b""), field(7, 0), field(8, b"")]
    return field(1, b"".join([field(1, b"one"), *zeros, *fields]))


NAMED: dict[str, Any] = {"apiVersion": "v1", "metadata": {"name": "one"}}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            body("Namespace", metadata(), field(2, b""), field(3, field(1, b""))),
            {**NAMED, "kind": "Namespace"},
            id="namespace",
        ),
        pytest.param(
            body("ConfigMap", metadata(), field(2, field(1, b"a") + field(2, b"b")), field(4, 1)),
            {**NAMED, "kind": "ConfigMap", "data": {"a": "b"}, "immutable": True},
            id="config map",
        ),
        pytest.param(
            body("Secret", metadata(), field(2, field(1, b"a") + field(2, b"\xff")), field(3, b"Opaque")),
            {**NAMED, "kind": "Secret", "data": {"a": "/w=="}, "type": "Opaque"},
            id="secret",
        ),
        pytest.param(
            body("ServiceAccount", metadata(field(11, field(1, b"a") + field(2, b""))), field(4, 0)),
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "one", "labels": {"a": ""}},
                "automountServiceAccountToken": False,
            },
            id="service account",
        ),
    ],
)
def test_what_kubectl_sends_is_read(data: bytes, expected: dict[str, Any]) -> None:
    """Compared in the form that it is stored in: on the wire unset texts are empty texts."""
    decoded = decode(data)
    names = {name: decoded.pop(name) for name in ("apiVersion", "kind")}
    schema = schema_of_kind(names["apiVersion"], names["kind"])
    assert schema is not None
    problems = Problems()
    stored = {name: value for name, value in read(decoded, schema, problems).items() if value != {}}
    assert names | stored == expected
    assert problems == Problems()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="JSON"),
        pytest.param(body("Widget", metadata()), id="a kind that is not built in"),
        pytest.param(body("ConfigMap", field(1, 7)), id="number for a message"),
        pytest.param(body("ConfigMap", metadata())[:-5], id="cut short"),
        pytest.param(body("ConfigMap", field(1, field(1, b"\xff"))), id="no UTF-8"),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode(data)


def test_uid_and_version_of_the_body_are_read() -> None:
    """Without them a stale update would succeed."""
    data = body("ConfigMap", field(1, field(1, b"one") + field(5, b"u") + field(6, b"7")))
    assert decode(data)["metadata"] == {"name": "one", "uid": "u", "resourceVersion": "7"}


def wide(number: int, value: bytes) -> bytes:
    """A field whose number needs two bytes."""
    return bytes([(number << 3 | 2) & 0x7F | 0x80, number >> 4, len(value)]) + value


def test_flattened_messages_and_pointers() -> None:
    """A volume's source is a message of its own on the wire; replicas of zero are not unset."""
    source = field(2, wide(19, field(1, field(1, b"settings"))))
    volume = field(1, field(1, b"config") + source)
    (decoded,) = decode(body("Pod", field(2, volume)))["spec"]["volumes"]
    assert decoded == {"name": "config", "configMap": {"name": "settings"}}
    names = field(1, b"apps/v1") + field(2, b"Deployment")
    data = b"k8s\x00" + field(1, names) + field(2, field(2, field(1, 0)))
    assert decode(data)["spec"] == {"replicas": 0}


@given(st.binary(max_size=64))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        decoded = decode(b"k8s\x00" + data)
    except ProtobufError:
        return
    assert isinstance(decoded, dict)
