"""Strategic merge patches: merge patches that know the lists of built-in kinds by their merge keys. Pure."""

from collections.abc import Mapping
from typing import Any

from controller.meta import PatchError

Schema = Mapping[str, Any]
_DIRECTIVE, _RETAIN, _ORDER, _DELETE = "$patch", "$retainKeys", "$setElementOrder/", "$deleteFromPrimitiveList/"


class StrategicError(PatchError):
    """The patch has a directive or a list item that cannot be used; Kubernetes answers 500."""


def strategic_merge(target: Any, patch: Any, schema: Schema) -> Any:
    """The target after the patch; neither is changed. Raises StrategicError for a directive or a list item that cannot be used."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get(_DIRECTIVE)
    rest = {key: value for key, value in patch.items() if key != _DIRECTIVE}
    if directive == "replace":
        return rest
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise StrategicError(f"unrecognized type: {directive}")
    result = dict(target) if isinstance(target, dict) else {}
    if (kept := rest.pop(_RETAIN, None)) is not None:
        result = {key: value for key, value in result.items() if key in kept}
    for key, value in rest.items():
        if key.startswith((_ORDER, _DELETE)):
            continue
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value, _property(schema, key))
    return _ordered(_pruned(result, rest), target, rest, schema)


def _property(schema: Schema, key: str) -> Schema:
    found = (schema.get("properties") or {}).get(key) or schema.get("additionalProperties")
    return found if isinstance(found, Mapping) else {}


def _strategies(schema: Schema) -> list[str]:
    return str(schema.get("x-kubernetes-patch-strategy", "")).split(",")


def _merged(current: Any, value: Any, schema: Schema) -> Any:
    if isinstance(value, dict):
        replace = "replace" in _strategies(schema)
        return value if replace else strategic_merge(current, value, schema)
    if isinstance(value, list) and "merge" in _strategies(schema):
        items = current if isinstance(current, list) else []
        if key := schema.get("x-kubernetes-patch-merge-key"):
            return _merged_items(items, value, str(key), schema.get("items") or {})
        added = [item for index, item in enumerate(value) if item not in items and item not in value[:index]]
        return _arranged([*items, *added], value, items, None)
    return _without_directives(value) if isinstance(value, list) else value


def _without_directives(items: list[Any]) -> list[Any]:
    return [item for item in items if not (isinstance(item, dict) and item.keys() == {_DIRECTIVE})]


def _merged_items(items: list[Any], patch: list[Any], key: str, schema: Schema) -> list[Any]:
    if any(isinstance(item, dict) and item.get(_DIRECTIVE) == "replace" for item in patch):
        return [item for item in patch if not (isinstance(item, dict) and item.get(_DIRECTIVE) == "replace")]
    result = list(items)
    for item in patch:
        if not isinstance(item, dict) or key not in item:
            raise StrategicError(f"map: {item} does not contain declared merge key: {key}")
        places = [index for index, old in enumerate(result) if isinstance(old, dict) and old.get(key) == item[key]]
        if item.get(_DIRECTIVE) == "delete":
            result = [old for old in result if not (isinstance(old, dict) and old.get(key) == item[key])]
        elif places:
            result[places[0]] = strategic_merge(result[places[0]], item, schema)
        else:
            result.append(strategic_merge({}, item, schema))
    return _arranged(result, patch, items, key)


def _pruned(result: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    for directive, values in patch.items():
        key = directive.removeprefix(_DELETE)
        if directive.startswith(_DELETE) and isinstance(result.get(key), list):
            result[key] = [item for item in result[key] if item not in values]
    return result


def _ordered(result: dict[str, Any], before: Any, patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    for directive, order in patch.items():
        key = directive.removeprefix(_ORDER)
        if directive.startswith(_ORDER) and isinstance(result.get(key), list):
            merge_key = _property(schema, key).get("x-kubernetes-patch-merge-key")
            old = before.get(key) if isinstance(before, dict) else None
            result[key] = _arranged(result[key], order, old or [], str(merge_key) if merge_key else None)
    return result


def _arranged(items: list[Any], order: list[Any], before: list[Any], merge_key: str | None) -> list[Any]:
    """The items that ``order`` lists in its order, and the others in their old order.

    An item of the others goes first only where it stood before the next listed one; listed items that are new go first.
    """

    def identity(item: Any) -> Any:
        return item.get(merge_key) if merge_key and isinstance(item, dict) else item

    wanted, old = [identity(item) for item in order], [identity(item) for item in before]
    listed = sorted((item for item in items if identity(item) in wanted), key=lambda item: wanted.index(identity(item)))
    others = [item for item in items if identity(item) not in wanted]
    result: list[Any] = []
    while listed and others:
        mine, theirs = identity(listed[0]), identity(others[0])
        stood_before = mine in old and theirs in old and old.index(theirs) < old.index(mine)
        result.append(others.pop(0) if stood_before else listed.pop(0))
    return [*result, *listed, *others]
