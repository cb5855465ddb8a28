"""CEL rules of custom resources (``x-kubernetes-validations``), evaluated by the package common-expression-language. Pure.

A rule sees ``self`` and, on updates, ``oldSelf``. The functions of Kubernetes' libraries for lists, texts, quantities and regular
expressions are added in ``cel_library``. A rule that uses another function is refused when its CRD is installed.
"""

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded import cel_library
from controller.meta.errors import Cause, NotImplementedByServer

Schema = Mapping[str, Any]
_RULES = "x-kubernetes-validations"
_ABSENT: Any = object()
_REASONS = {
    "FieldValueInvalid": "FieldValueInvalid",
    "FieldValueForbidden": "FieldValueForbidden",
    "FieldValueRequired": "FieldValueRequired",
    "FieldValueDuplicate": "FieldValueDuplicate",
}


def can_evaluate_rules() -> bool:
    """Whether the package that evaluates rules is installed."""
    return importlib.util.find_spec("cel") is not None


def has_rules(schema: Schema) -> bool:
    """Whether a rule is anywhere in the schema."""
    return any(True for _ in _all_rules(schema, ""))


def _all_rules(schema: Any, path: str) -> Iterator[tuple[Schema, str]]:
    if not isinstance(schema, Mapping):
        return
    for index, rule in enumerate(schema.get(_RULES) or ()):
        yield rule, f"{path}.{_RULES}[{index}]"
    for name, sub in (schema.get("properties") or {}).items():
        yield from _all_rules(sub, f"{path}.properties[{name}]")
    for key in ("items", "additionalProperties"):
        yield from _all_rules(schema.get(key), f"{path}.{key}")


def install_violations(schema: Schema, path: str) -> Iterator[Cause]:
    """Rules that do not parse. Raises NotImplementedByServer for a rule that cannot be evaluated here."""
    for rule, where in _all_rules(schema, path):
        if not can_evaluate_rules():
            raise NotImplementedByServer(
                "the CRD has CEL rules: install common-expression-language, which evaluates them, or have the rules skipped"
            )
        for key in ("rule", "messageExpression"):
            text = rule.get(key)
            if not text:
                continue
            try:
                program = _compiled(text)
            except ValueError as error:
                yield Cause(
                    f"{where}.{key}", "FieldValueInvalid", f"Invalid value: {text!r}: compilation failed: {error}"
                )
                continue
            if unknown := sorted(set(program.functions()) - cel_library.KNOWN):
                raise NotImplementedByServer(
                    f"{where}: the CEL function {unknown[0]} is not implemented by the embedded API server"
                )


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> Any:
    import cel

    return cel.compile(text)


def violations(value: Any, schema: Schema, before: Any = _ABSENT, path: str = "") -> Iterator[Cause]:
    """Where the value breaks a rule. ``before`` is the value that it replaces."""
    if not _reaches(schema):
        return
    for rule in schema.get(_RULES) or ():
        yield from _checked(rule, value, before, path)
    if isinstance(value, dict):
        properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
        for key, item in value.items():
            sub = properties.get(key) or (extra if isinstance(extra, Mapping) else None)
            if sub:
                old = before.get(key, _ABSENT) if isinstance(before, dict) else _ABSENT
                yield from violations(item, sub, old, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        for index, item in enumerate(value):
            old = _counterpart(item, before, schema)
            yield from violations(item, schema["items"], old, f"{path}[{index}]")


_reaching: dict[int, tuple[Schema, bool]] = {}


def _reaches(schema: Schema) -> bool:
    known = _reaching.get(id(schema))
    if known is None:
        known = _reaching[id(schema)] = (schema, has_rules(schema))
    return known[1]


def _counterpart(item: Any, before: Any, schema: Schema) -> Any:
    """The item of the old list with the same keys; only lists of type map have any."""
    keys = schema.get("x-kubernetes-list-map-keys") or ()
    if schema.get("x-kubernetes-list-type") != "map" or not isinstance(before, list):
        return _ABSENT
    wanted = [item.get(key) for key in keys]
    return next((old for old in before if [old.get(key) for key in keys] == wanted), _ABSENT)


def _checked(rule: Schema, value: Any, before: Any, path: str) -> Iterator[Cause]:
    text = str(rule.get("rule", ""))
    is_transition = "oldSelf" in text
    optional = bool(rule.get("optionalOldSelf"))
    if is_transition and before is _ABSENT and not optional:
        return
    old = cel_library.optional(None if before is _ABSENT else before) if optional else before
    try:
        holds = _evaluated(text, value, None if old is _ABSENT else old)
    except (KeyError, RuntimeError, TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        yield Cause(path, "FieldValueInvalid", f"Invalid value: rule failed to evaluate: {text}: {error}")
        return
    if holds is not True:
        where = path + str(rule.get("fieldPath") or "")
        reason = _REASONS.get(str(rule.get("reason") or "FieldValueInvalid"), "FieldValueInvalid")
        yield Cause(where.lstrip("."), reason, f"Invalid value: {_message(rule, value, before)}")


def _message(rule: Schema, value: Any, before: Any) -> str:
    if expression := rule.get("messageExpression"):
        try:
            return str(_evaluated(str(expression), value, None if before is _ABSENT else before))
        except (KeyError, RuntimeError, TypeError, ValueError):
            pass
    return str(rule.get("message") or f"failed rule: {rule.get('rule')}")


def _evaluated(text: str, value: Any, before: Any) -> Any:
    import cel

    context = cel.Context()
    context.add_variable("self", value)
    context.add_variable("oldSelf", before)
    for name, function in cel_library.FUNCTIONS.items():
        context.add_function(name, function)
    return _compiled(text).execute(context)
