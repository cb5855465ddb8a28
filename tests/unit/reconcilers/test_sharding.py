"""What a shard sees, and which Leases exclude its own."""

from typing import Any

from controller.dialects import E4FB6663
from controller.meta import Shard
from controller.reconcilers.sharding import ShardFilter, rivals_of, shard_lease


def an_object(kind: str, name: str, **metadata: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"namespace": "ns", "name": name, **metadata}}


def owned_by(model: str) -> list[dict[str, Any]]:
    return [{"apiVersion": "registry.volcano.sh/v1alpha1", "kind": "Model", "name": model, "controller": True}]


def test_a_model_and_all_that_belongs_to_it_are_in_the_same_shard() -> None:
    """By its owner reference, or where there is none, by the label with the Model's name."""
    filters = [ShardFilter(Shard(index, 3)) for index in range(3)]
    for name in ("a", "b", "c"):
        family = [
            an_object("Model", name),
            an_object("ModelInfer", "other", ownerReferences=owned_by(name)),
            an_object("Pod", "another", labels={E4FB6663.keys.model_name: name}),
        ]
        seen = [[keep(obj) for obj in family] for keep in filters]
        assert sorted(map(tuple, seen)) == [(False,) * 3, (False,) * 3, (True,) * 3]


def test_what_does_not_say_whose_it_is_is_in_every_shard() -> None:
    """Such as a pod of a Ray worker."""
    assert all(ShardFilter(Shard(index, 3))(an_object("Pod", "worker")) for index in range(3))


def test_equal_filters_are_one_cache() -> None:
    """Options with them are equal and can be looked up."""
    assert ShardFilter(Shard(0, 2)) == ShardFilter(Shard(0, 2))
    assert hash(ShardFilter(Shard(0, 2))) == hash(ShardFilter(Shard(0, 2)))


def test_leases_of_another_division_exclude_each_other() -> None:
    """Shards of one count work side by side; the undivided controller and other counts do not."""
    is_rival = rivals_of("lease.k", Shard(0, 2))
    names = ["lease.k", "lease.k.1-of-2", "lease.k.0-of-3", "lease.k.10-of-12", "lease.other", "leasexk.0-of-3"]
    assert [name for name in names if is_rival(name)] == ["lease.k", "lease.k.0-of-3", "lease.k.10-of-12"]
    assert shard_lease("lease.k", Shard(0, 2)) == "lease.k.0-of-2"
