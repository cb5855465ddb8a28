"""The calls that bring a pod's engine to the adapters it should have, from those it has. Pure; no memory of earlier Models."""

from collections.abc import Collection, Sequence
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
    wanted: Sequence[WantedAdapter],
    loaded: Sequence[LoadedAdapter],
    *,
    unload_below: str | None,
    configured: Collection[str] = (),
) -> list[Step]:
    """The steps that are left, in order: replacements and loads in the wanted order, then unloads of unwanted adapters.

    An engine refuses a name twice, so an adapter from another directory is unloaded first; such a step has the source and the directory of
    the adapter that takes its place, to be fetched before. Unwanted adapters are unloaded only from
    directories below ``unload_below``, since the controller did not load the others; without it they stay, since requests may still be
    routed to them. Those that the engine's own config loads (``configured``, by name) belong to the user and always stay. An engine that
    does not give a root is taken to have the right one.
    """
    roots = {adapter.name: adapter.root for adapter in loaded}
    steps: list[Step] = []
    for adapter in wanted:
        if adapter.name not in roots:
            steps.append(Step("load", adapter))
        elif roots[adapter.name] not in (None, adapter.directory):
            steps += [Step("unload", adapter), Step("load", adapter)]
    if unload_below is not None:
        kept = {adapter.name for adapter in wanted} | set(configured)
        steps += [
            Step("unload", WantedAdapter(name, "", root))
            for name, root in roots.items()
            if name not in kept and root is not None and root.startswith(f"{unload_below}/")
        ]
    return steps
