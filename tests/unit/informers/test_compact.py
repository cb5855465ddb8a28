"""Objects kept as bytes read like objects kept as they are."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.informers.compact import RecentlyOpened, opened, pack
from controller.informers.store import Indexer
from controller.informers.table import BY_NAMESPACE
from controller.meta import Object

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)


def an_object(name: str, version: int, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "n", "uid": f"u-{name}", "resourceVersion": str(version)}
    return {"metadata": metadata, **more}


@given(VALUES)
def test_what_goes_in_comes_out(value: Any) -> None:
    """Whatever its size, and whether it can be written as JSON or not."""
    obj = an_object("o", 1, value=value, padding="x" * 2000)
    found = opened(pack(obj))
    assert found == obj
    assert list(map(type, found.items())) == list(map(type, obj.items()))


def test_the_last_few_are_decoded_once() -> None:
    """The same object while its bytes are the same; another one when they were replaced or pushed out by others."""
    recent, first = RecentlyOpened(), pack(an_object("o", 1))
    assert recent.read("o", first) is recent.read("o", first)
    second = pack(an_object("o", 2))
    assert recent.read("o", second) == an_object("o", 2)
    kept = recent.read("o", second)
    for other in range(100):
        recent.read(f"other-{other}", pack(an_object(f"other-{other}", 1)))
    assert recent.read("o", second) == kept
    assert recent.read("o", second) is not kept


def test_a_store_of_bytes_does_what_a_store_of_objects_does() -> None:
    """The same random history leaves the same objects, indexes and deltas."""
    dice = random.Random(7)
    stores = Indexer(), Indexer(compact=True)
    for version in range(1, 2000):
        obj = an_object(f"o-{dice.randrange(150)}", version, spec={"n": dice.random()})
        event = dice.choice(["ADDED", "MODIFIED", "DELETED", "record", "bury", "list"])
        deltas = [_happen(store, event, obj, version) for store in stores]
        assert deltas[0] == deltas[1]
    assert stores[0].values() == stores[1].values()
    assert stores[0].keys() == stores[1].keys()
    assert stores[0].heads_by_index(BY_NAMESPACE, "n") == stores[1].heads_by_index(BY_NAMESPACE, "n")


def _happen(store: Indexer, event: str, obj: Object, version: int) -> Any:
    if event == "record":
        return store.record(obj)
    if event == "bury":
        return store.record_deletion(obj)
    if event == "list":
        return store.replace([*store.values()[::2], obj], str(version))
    return store.apply(event, obj)
