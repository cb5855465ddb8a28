"""Comparing live and desired children: the framework's comparison with the rules of the children's fields. Pure."""

from typing import Any

from controller.meta import Comparison, FieldRules
from controller.meta.difference import Path

_CHILDREN = Comparison(
    FieldRules(
        quantities=frozenset(
            {
                ("resources", "limits", "*"),
                ("resources", "requests", "*"),
                ("emptyDir", "sizeLimit"),
                ("metrics", "targetValue"),
            }
        ),
        exact_maps=frozenset(
            {
                "matchLabels",
                "prefillLabels",
                "decodeLabels",
                "additionalMatchLabels",
                "labels",
                "annotations",
                "limits",
                "requests",
                "nodeSelector",
            }
        ),
        unordered={
            ("rules", "targetModels"): ("modelServerName",),
            ("optimizerConfiguration", "params"): ("target", "targetRef", "name"),
        },
    )
)


def merge_patch_between(live: Any, desired: Any, *, exact: bool, path: Path = ()) -> Any:
    """The JSON merge patch that makes ``live`` equal to ``desired`` (``exact``) or cover it; ABSENT when nothing differs."""
    return _CHILDREN.patch(live, desired, exact=exact, path=path)


def equivalent(live: Any, desired: Any, path: Path = ()) -> bool:
    """Equality without nulls and empty parts; quantities by value."""
    return _CHILDREN.same(live, desired, exact=True, path=path)


def covers(live: Any, desired: Any, path: Path = ()) -> bool:
    """Whether ``live`` has everything desired. Objects may have more fields; maps with free keys may not."""
    return _CHILDREN.same(live, desired, path=path)
