"""The families of Kthena's API that a Model can be written in: one file each, everything that differs as data.

A dialect says which kinds the children are of, what their labels and annotations are called, and how a workload and its autoscaling are
spelt. Everything else of a child is the same in all of them. Nothing outside this package asks which dialect it has.
"""

from controller.dialects.dialect import Autoscaling as Autoscaling
from controller.dialects.dialect import ChildKeys as ChildKeys
from controller.dialects.dialect import Dialect as Dialect
from controller.dialects.dialect import Images as Images
from controller.dialects.dialect import PodKeys as PodKeys
from controller.dialects.dialect import Recovery as Recovery
from controller.dialects.dialect import ScalingTarget as ScalingTarget
from controller.dialects.dialect import Spec as Spec
from controller.dialects.dialect import Workload as Workload
from controller.dialects.dialect import at as at
from controller.dialects.e4fb6663 import E4FB6663 as E4FB6663
from controller.dialects.kinds import ChildKey as ChildKey
from controller.dialects.kinds import ChildKind as ChildKind
from controller.dialects.kinds import Path as Path
from controller.dialects.kinds import Role as Role
from controller.dialects.kinds import Scaled as Scaled
from controller.dialects.kinds import value_at as value_at
from controller.dialects.kinds import with_value as with_value
from controller.dialects.v1 import V1 as V1

DIALECTS = {dialect.name: dialect for dialect in (E4FB6663, V1)}
"""Every dialect by its name, the oldest first."""


def unknown_dialect(name: str) -> str | None:
    """Why this name is refused where a Model names a dialect; None for a dialect, and for an empty name, which leaves the choice open."""
    return None if not name or name in DIALECTS else f"{name[:64]!r} is not one of {', '.join(DIALECTS)}"
