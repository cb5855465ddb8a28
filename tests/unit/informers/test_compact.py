"""Objects kept as bytes read like objects kept as they are."""

import random
import tracemalloc
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from controller.informers.compact import Packed, Packer, Recent, Stored, opened
from controller.informers.store import Indexer
from controller.informers.table import BY_NAMESPACE
from controller.meta import NamespacedName, Object

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


@given(st.lists(VALUES, min_size=1, max_size=3))
def test_what_goes_in_comes_out(values: list[Any]) -> None:
    """Whatever its size, whether it can be written as JSON or not, and whatever was packed before it."""
    packer = Packer()
    objects = [an_object("o", 1, value=value, padding="x" * 2000) for value in values]
    for obj, packed in [(obj, packer.pack(obj)) for obj in objects]:
        found = opened(packed)
        assert found == obj
        assert list(map(type, found.items())) == list(map(type, obj.items()))


def test_objects_that_are_alike_take_little_memory() -> None:
    """Of 1,000 objects with the same text of 5 KB and names of their own, each takes less than a tenth of that."""
    text = "".join(map(chr, random.Random(7).choices(range(97, 123), k=5000)))
    packer = Packer()
    tracemalloc.start()
    try:
        packed = [packer.pack(an_object(f"o-{number}", number, text=text)) for number in range(1000)]
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 500 * len(packed)


def test_lists_one_after_the_other_keep_one_sample() -> None:
    """A sample of each list would in the end be kept for each object: more than without compression."""
    text = "".join(map(chr, random.Random(7).choices(range(97, 123), k=20_000)))
    store, versions = Indexer(compact=True), dict.fromkeys(range(200), 1)
    tracemalloc.start()
    try:
        sizes = []
        for version in range(1, 101):
            versions[version] = version
            store.replace([an_object(f"o-{key}", each, text=text) for key, each in versions.items()], str(version))
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[-1] - sizes[1] < 10 * 20_000


def test_the_last_few_are_decoded_once() -> None:
    """What was read lately is the same object at each reading, until enough others were read."""
    packer = Packer()
    packed = {f"o-{number}": packer.pack(an_object(f"o-{number}", 1)) for number in range(100)}
    recent = Recent(packed)
    first = recent.read("o-0")
    assert recent.read("o-0") is first
    for other in packed:
        recent.read(other)
    assert recent.read("o-0") == first
    assert recent.read("o-0") is not first


def test_the_last_few_that_were_written_are_not_packed_yet() -> None:
    """An object that changes again within a moment is packed once, and reads as what was written all the time."""
    stored: dict[str, Stored] = {}
    recent = Recent(stored)
    for number in range(200):
        recent.put(f"o-{number}", an_object(f"o-{number}", number))
    kept = [key for key, value in stored.items() if not isinstance(value, Packed)]
    assert kept == [f"o-{number}" for number in range(136, 200)]
    assert [recent.read(f"o-{number}") for number in range(200)] == [an_object(f"o-{n}", n) for n in range(200)]


def test_what_a_replacement_keeps_of_the_store_before_is_packed_in_the_end() -> None:
    """A list that cannot be decoded keeps what there was, and later changes pack it as any other."""
    store = Indexer(compact=True)
    store.apply("ADDED", an_object("kept", 1))
    replacement = store.begin_replace()
    store.keep(replacement, NamespacedName("n", "kept"))
    store.commit(replacement, "2")
    for number in range(100):
        store.apply("ADDED", an_object(f"o-{number}", 3 + number))
    assert isinstance(store.stored()[0], Packed)
    assert store.get(NamespacedName("n", "kept")) == an_object("kept", 1)


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
