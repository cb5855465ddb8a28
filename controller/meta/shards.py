"""Which part of all objects a process works on."""

import hashlib
import re
from dataclasses import dataclass

_FORM = re.compile(r"(\d{1,4})/(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part ``index`` (from 0) of ``count`` parts, by a hash of namespace and name: stable, the same in every process and version.

    Raises ValueError for an index outside of its count.
    """

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.count:
            raise ValueError(f"want a shard from 0/{self.count} to {self.count - 1}/{self.count}, got {self}")

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """``0/3`` is the first of three. Raises ValueError."""
        found = _FORM.fullmatch(text)
        if found is None:
            raise ValueError(f"want a shard as INDEX/COUNT, such as 0/3, got {text!r}")
        return cls(int(found[1]), int(found[2]))

    def owns(self, namespace: str, name: str) -> bool:
        """Whether the object of this name belongs to the part. Every name belongs to exactly one part of a count."""
        digest = hashlib.sha256(f"{namespace}/{name}".encode()).digest()
        return int.from_bytes(digest[:8]) % self.count == self.index

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"
