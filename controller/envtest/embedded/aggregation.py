"""Cluster roles whose rules are those of other roles: what the cluster role aggregation controller does. Pure."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from controller import meta
from controller.meta import LabelSelector, Object


def next_change(roles: Sequence[Object]) -> dict[str, Any] | None:
    """The first role whose rules are not those that its aggregation rule asks for, with these rules; None when all are."""
    for role in roles:
        selectors = (role.get("aggregationRule") or {}).get("clusterRoleSelectors")
        if selectors and (rules := _rules(role, selectors, roles)) != list(role.get("rules") or ()):
            return {**role, "rules": rules}
    return None


def _rules(role: Object, selectors: Iterable[Object], roles: Sequence[Object]) -> list[Any]:
    """The rules of the roles that any selector selects, each once, in the order of selectors and names."""
    found: list[Any] = []
    for selector in _readable(selectors):
        for other in roles:
            if meta.name_of(other) != meta.name_of(role) and selector.matches(meta.labels_of(other)):
                found += [rule for rule in other.get("rules") or () if rule not in found]
    return found


def _readable(selectors: Iterable[Object]) -> Iterator[LabelSelector]:
    """Without those that no server accepts: a server that skips its rules must not stumble over one at each write."""
    for selector in selectors:
        with contextlib.suppress(ValueError):
            yield LabelSelector.from_object(selector)
