"""The input of a plan. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.api.model import Model
from controller.dialects import ChildKey, ChildKind, Dialect, Role
from controller.dialects.routes import Adapter
from controller.reconcilers.observe import Snapshot
from controller.reconcilers.steps import Refuse, Step, Wait


@dataclass(frozen=True, slots=True)
class Request:
    """The input of a plan, in one dialect.

    ``now`` is in seconds since the epoch. ``loading`` holds the adapters that pods are about to get, ``failed`` the children that could not
    be written.
    """

    model: Model
    desired: Mapping[ChildKey, dict[str, Any]]
    snapshot: Snapshot
    dialect: Dialect
    now: float
    loading: frozenset[Adapter] = frozenset()
    failed: frozenset[ChildKey] = frozenset()

    def kind(self, key: ChildKey) -> ChildKind:
        """The row of a child's kind."""
        return self.dialect.kind(key.kind)

    def role(self, key: ChildKey) -> Role:
        """The role of the child."""
        return self.kind(key).role


def blocked(needs: Collection[ChildKey], failed: Collection[ChildKey], steps: Mapping[ChildKey, Step]) -> set[ChildKey]:
    """Those of ``needs`` that cannot be relied on in this pass."""
    return {need for need in needs if need in failed or not _is_reliable(steps.get(need))}


def _is_reliable(step: Step | None) -> bool:
    return step.usable if isinstance(step, Wait) else not isinstance(step, Refuse)
