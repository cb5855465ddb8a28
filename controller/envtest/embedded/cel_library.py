"""The functions of Kubernetes' CEL libraries that rules may use here. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from controller.envtest.embedded.builtin.quantities import canonical
from controller.meta.quantity import parse_quantity

_QUANTITY = "$quantity"


def optional(value: Any) -> Any:
    """The value as CEL's optional; none for None."""
    import cel

    return cel.OptionalValue.none() if value is None else cel.OptionalValue.of(value)


def _quantity(text: str) -> dict[str, str]:
    return {_QUANTITY: canonical(text)}


def _is_quantity(text: Any) -> bool:
    try:
        parse_quantity(text)
    except (TypeError, ValueError):
        return False
    return True


def _number(value: Mapping[str, str]) -> Any:
    return parse_quantity(value[_QUANTITY])


def _compare(left: Mapping[str, str], right: Mapping[str, str]) -> int:
    first, second = _number(left), _number(right)
    return int(first > second) - int(first < second)


def _substring(text: str, start: int, end: int | None = None) -> str:
    if not 0 <= start <= (len(text) if end is None else end) <= len(text):
        raise ValueError("substring index out of range")
    return text[start:end]


def _index(items: Any, wanted: Any) -> int:
    if isinstance(items, str):
        return items.find(wanted)
    return items.index(wanted) if wanted in items else -1


def _last_index(items: Any, wanted: Any) -> int:
    if isinstance(items, str):
        return items.rfind(wanted)
    return len(items) - 1 - items[::-1].index(wanted) if wanted in items else -1


def _find(text: str, pattern: str) -> str:
    match = re.search(pattern, text)
    return match[0] if match else ""


def _sum(items: list[Any]) -> Any:
    return sum(items)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "isGreaterThan": lambda left, right: _compare(left, right) > 0,
    "isLessThan": lambda left, right: _compare(left, right) < 0,
    "compareTo": _compare,
    "isInteger": lambda value: _number(value).denominator == 1,
    "asInteger": lambda value: int(_number(value)),
    "asApproximateFloat": lambda value: float(_number(value)),
    "sign": lambda value: (_number(value) > 0) - (_number(value) < 0),
    "isSorted": lambda items: list(items) == sorted(items),
    "sum": _sum,
    "indexOf": _index,
    "lastIndexOf": _last_index,
    "lowerAscii": lambda text: text.lower(),
    "upperAscii": lambda text: text.upper(),
    "split": lambda text, separator, *most: text.split(separator, *(count - 1 for count in most)),
    "join": lambda items, separator="": separator.join(items),
    "replace": lambda text, old, new, *most: text.replace(old, new, *most),
    "charAt": lambda text, index: text[index] if index < len(text) else "",
    "substring": _substring,
    "trim": lambda text: text.strip(),
    "find": _find,
    "findAll": lambda text, pattern: [match[0] for match in re.finditer(pattern, text)],
}
_STANDARD = (
    *("bool", "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth", "getDayOfWeek"),
    *("getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds", "has"),
    *("hasValue", "int", "matches", "max", "min", "none", "of", "optional", "or", "orValue", "size", "startsWith"),
    *("string", "timestamp", "type", "uint", "value"),
)
_OPERATORS = (
    *("!_", "-_", "@in", "@not_strictly_false", "_!=_", "_%_", "_&&_", "_*_", "_+_", "_-_", "_/_", "_<=_", "_<_"),
    *("_==_", "_>=_", "_>_", "_?_:_", "_[_]", "_||_"),
)
KNOWN = frozenset({*FUNCTIONS, *_STANDARD, *_OPERATORS})
