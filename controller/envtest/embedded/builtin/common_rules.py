"""Rules that objects of several kinds share. Pure."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from controller.envtest.embedded.causes import LABEL_RULE, duplicate, required, wrong
from controller.meta.errors import Cause

Rule = Callable[[Any, str], Iterator[Cause]]
LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def named(pattern: re.Pattern[str], longest: int) -> Rule:
    """The name is a DNS label."""

    def check(value: Any, path: str) -> Iterator[Cause]:
        name = str(value.get("name") or "")
        if name and (not pattern.fullmatch(name) or len(name) > longest):
            yield wrong(f"{path}.name", name, LABEL_RULE)

    return check


def duplicates(names: Sequence[Any], path: str, field: str) -> Iterator[Cause]:
    """The names that stand twice in a list at ``path``."""
    seen = set()
    for index, name in enumerate(names):
        if name and name in seen:
            yield duplicate(f"{path}[{index}]{field}", name)
        seen.add(name)


def port(key: str) -> Rule:
    """The field is the number or the name of a port."""

    def check(value: Any, path: str) -> Iterator[Cause]:
        number = value.get(key)
        if number is None or not number:
            yield (
                required(f"{path}.{key}")
                if key == "containerPort"
                else wrong(f"{path}.{key}", number, "must be between 1 and 65535, inclusive")
            )
        elif isinstance(number, int) and not 0 < number < 65536:
            yield wrong(f"{path}.{key}", number, "must be between 1 and 65535, inclusive")
        elif isinstance(number, str) and (len(number) > 15 or not _PORT_NAME.fullmatch(number)):
            yield wrong(f"{path}.{key}", number, "must be a port name of at most 15 characters")
        name = value.get("name") if key == "containerPort" else None
        if name and (len(name) > 15 or not _PORT_NAME.fullmatch(name)):
            yield wrong(f"{path}.name", name, "must be a port name of at most 15 characters")

    return check
