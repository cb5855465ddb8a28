"""One text, and one digest, for one value."""

import hashlib
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.meta import canonical_json, digest

TEXT = st.text(max_size=6) | st.sampled_from(["1.0", ":1.5,", "\ud800", "\u2028", "é", "[2.5]"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, JSON, max_size=4))
def test_the_digest_is_that_of_the_canonical_text(value: dict[str, Any]) -> None:
    """Whichever encoder wrote it: digests are stored in labels and decide whether pods restart."""
    text = canonical_json(value).encode("utf-8", "surrogatepass")
    assert digest(value) == hashlib.sha256(text).hexdigest()[:10]


def test_equal_values_have_one_text() -> None:
    """Key order, kinds of maps and lists, and integral floats do not matter."""
    one = {"b": 1.0, "a": [1, {"x": None}]}
    other = MappingProxyType({"a": (1, {"x": None}), "b": 1})
    assert canonical_json(one) == canonical_json(other) == '{"a":[1,{"x":null}],"b":1}'
    assert digest(one) == digest(other)


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, {"a": object()}, {"a": [1j]}])
def test_what_is_not_json_has_none(value: Any) -> None:
    """A ValueError, from both."""
    for function in (canonical_json, digest):
        with pytest.raises(ValueError, match=r"\w"):
            function(value)
