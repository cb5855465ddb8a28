"""The calls that bring a pod's engine to the adapters it should have, from those it has. Pure; no memory of earlier Models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from controller.lora.engine import LoadedAdapter


@dataclass(frozen=True, slots=True)
class WantedAdapter:
    """An adapter that an engine should have: where it comes from, and the directory of the pod it belongs in."""

    name: str
    source: str
    directory: str


@dataclass(frozen=True, slots=True)
class Step:
    """One call that brings an engine nearer to what is wanted."""

    operation: Literal["load", "unload"]
    adapter: WantedAdapter


def steps_between(
    wanted: Sequence[WantedAdapter], loaded: Sequence[LoadedAdapter], mount: str, *, unload: bool
) -> list[Step]:
    """The steps that are left, in order: replacements and loads in the wanted order, then unloads of unwanted adapters.

    An engine refuses a name twice, so an adapter from another directory is unloaded first. Without ``unload`` the unwanted ones stay, since
    requests may still be routed to them. An adapter outside of ``mount`` always stays: the controller did not load it. An engine that does
    not give a root is taken to have the right one.
    """
    roots = {adapter.name: adapter.root for adapter in loaded}
    steps: list[Step] = []
    for adapter in wanted:
        if adapter.name not in roots:
            steps.append(Step("load", adapter))
        elif roots[adapter.name] not in (None, adapter.directory):
            steps += [Step("unload", adapter), Step("load", adapter)]
    if unload:
        names = {adapter.name for adapter in wanted}
        steps += [
            Step("unload", WantedAdapter(name, "", root))
            for name, root in roots.items()
            if name not in names and root is not None and root.startswith(f"{mount}/")
        ]
    return steps
