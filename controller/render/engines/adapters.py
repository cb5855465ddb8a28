"""Adapters of running engines: rules that hold whatever the engine is."""

from collections.abc import Iterator, Mapping

from controller.api.findings import Finding, error, warning
from controller.api.rules import Rule
from controller.render.facts import HOT_LORA_VARIABLE, BackendFacts


def adapter_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """A backend that asks for adapters at run time and cannot have them, and keys that the controller could not send."""
    if facts.is_hot:
        yield from _key_findings(facts, path)
    elif facts.backend.adapters and (number := _asks_for_hot(facts)):
        message = "adapters stay part of the pods: hot loading needs a literal 1 or true, one role, and one pod or a claim as cache"
        yield warning(f"{path}.env[{number - 1}]", message, Rule.ADAPTERS_NOT_HOT)


def _asks_for_hot(facts: BackendFacts) -> int:
    """The number, from 1, of the variable that asks for adapters to be loaded into running engines; 0 without one."""
    for number, entry in enumerate(facts.env, 1):
        if entry["name"] == HOT_LORA_VARIABLE:
            asked = entry.get("valueFrom") or str(entry.get("value")).lower() in ("1", "true")
            return number if asked else 0
    return 0


def _key_findings(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """The engine takes keys from its options, else from a variable; ``envFrom`` does not reach it."""
    if any(worker.config.get("api-key") not in (None, []) for worker in facts.workers):
        return
    for number, entry in enumerate(facts.env):
        source = entry.get("valueFrom") if entry["name"] == facts.traits.key_variable else None
        if isinstance(source, Mapping) and "secretKeyRef" not in source:
            message = "must be a literal or come from a Secret, where the controller reads it to load adapters"
            yield error(f"{path}.env[{number}].valueFrom", message, Rule.API_KEY)
