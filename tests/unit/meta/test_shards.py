"""Which part a name belongs to."""

from collections import Counter

import pytest

from controller.meta import Shard


def test_every_name_belongs_to_exactly_one_part() -> None:
    """And the parts are about equally large."""
    names = [("ns", f"model-{number}") for number in range(3000)]
    for count in (1, 2, 3, 7):
        parts = [Shard(index, count) for index in range(count)]
        owners = [[part.index for part in parts if part.owns(*name)] for name in names]
        assert all(len(found) == 1 for found in owners)
        sizes = Counter(found[0] for found in owners)
        assert min(sizes.values()) > 0.8 * len(names) / count


def test_the_division_is_the_same_for_ever() -> None:
    """A release that divided in another way would let two processes work on one Model while it is rolled out."""
    owned = [[name for name in "abcdefgh" if Shard(index, 3).owns("default", name)] for index in range(3)]
    assert owned == [[], ["b", "d", "f"], ["a", "c", "e", "g", "h"]]


@pytest.mark.parametrize("text", ["", "1", "3/3", "0/0", "-1/3", "0/3/4", "a/b", "0 / 3", "00000/3"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    """In one sentence."""
    with pytest.raises(ValueError, match="want a shard"):
        Shard.parse(text)


def test_a_shard_reads_as_it_is_written() -> None:
    """Index from zero."""
    assert Shard.parse("2/3") == Shard(2, 3)
    assert str(Shard(2, 3)) == "2/3"
