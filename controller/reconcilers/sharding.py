"""The objects that a shard caches: its own Models and what belongs to them. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from controller import meta
from controller.dialects import DIALECTS
from controller.fronts import FRONTS
from controller.meta import Object, Shard

_KINDS = frozenset(front.resource.kind for front in FRONTS)
_LABELS = tuple(dialect.keys.model_name for dialect in DIALECTS.values())


@dataclass(frozen=True, slots=True)
class ShardFilter:
    """A ``keep`` function of informers: the Models of a shard, and their children and pods.

    An object that does not say whose it is, such as a pod of a Ray worker, is kept by every shard.
    """

    shard: Shard

    def __call__(self, obj: Object) -> bool:
        """Whether the shard needs the object."""
        name = _model_of(obj)
        return name is None or self.shard.owns(meta.namespace_of(obj), name)


def _model_of(obj: Object) -> str | None:
    """The name of the Model that an object is, belongs to, or names in its labels."""
    if obj.get("kind") in _KINDS:
        return meta.name_of(obj)
    owner = meta.controller_of(obj)
    if owner is not None and owner.get("kind") in _KINDS:
        return str(owner.get("name"))
    labels = meta.labels_of(obj)
    return next((name for key in _LABELS if (name := labels.get(key))), None)


def shard_lease(name: str, shard: Shard) -> str:
    """The Lease of one shard, next to that of an undivided controller, which is called ``name``."""
    return f"{name}.{shard.index}-of-{shard.count}"


def rivals_of(name: str, shard: Shard) -> Callable[[str], bool]:
    """Whether a Lease of this name excludes the shard's: the undivided controller's, and shards of another count."""
    other = re.compile(rf"{re.escape(name)}\.\d+-of-(\d+)")

    def is_rival(lease: str) -> bool:
        found = other.fullmatch(lease)
        return lease == name or (found is not None and int(found[1]) != shard.count)

    return is_rival
