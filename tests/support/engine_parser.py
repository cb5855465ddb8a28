"""An engine's argument parser, built from the package's table of its options: argparse, with what vLLM's parser does before it.

vLLM replaces ``_`` by ``-`` before the first dot of a flag and gathers ``--option.key value`` into one JSON object at the end; SGLang's parser
is plain argparse. vLLM's API server also has a positional argument, which swallows one stray word.
"""

import argparse
import json
import re
from collections.abc import Mapping
from typing import Any

from controller.render.options import OptionTable

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class Refused(Exception):
    """The engine would exit; the message is argparse's."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise Refused(message)


def size(text: str) -> Any:
    """An integer, with a unit or without."""
    if text == "auto":
        return text
    return int(float(text[:-1]) * _UNITS[text[-1]]) if text[-1:] in _UNITS else int(text)


def any_value(text: str) -> Any:
    """JSON if it is, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


TYPES: Mapping[str, Any] = {"int": int, "float": float, "text": str, "json": json.loads, "size": size, "any": any_value}
NARGS = {"list": "+", "many": "*", "optional": "?"}


def parse(table: OptionTable, argv: list[str]) -> dict[str, Any]:
    """The options that the arguments give, by the option's first name. Raises Refused."""
    parser = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    if table.engine == "vllm":
        parser.add_argument("model_tag", nargs="?")
    for option in {id(option): option for option in table.options.values()}.values():
        names = [f"--{name}" for name in option.names]
        if option.is_boolean:
            parser.add_argument(*names, dest=option.name, action="store_true")
            off = {f"--{name}" for name in option.off}
            if option.kind == "switch":
                off |= {f"--no-{name}" for name in option.names}
                parser.add_argument(*sorted(off), dest=option.name, action="store_false")
            continue
        choices = option.choices if option.choices and option.type == "text" else None
        more: dict[str, Any] = {"action": "append"} if option.kind == "repeat" else {"nargs": NARGS.get(option.kind)}
        if option.kind == "optional":
            more["const"] = True
        parser.add_argument(*names, dest=option.name, type=TYPES[option.type], choices=choices, **more)
    known = vars(parser.parse_args(_flexible(argv) if table.dotted else argv))
    if known.pop("model_tag", None) is not None:
        raise Refused("a stray word became the positional model")
    return known


def _flexible(argv: list[str]) -> list[str]:
    """What vLLM's parser makes of the arguments before argparse sees them."""
    processed: list[str] = []
    for arg in argv:
        if arg.startswith("--"):
            key, equals, value = arg.partition("=")
            processed.append(
                re.sub(r"(?<=--)[^.]*", lambda part: part[0].replace("_", "-"), key, count=1) + equals + value
            )
        else:
            processed.append(arg)
    rest: list[str] = []
    objects: dict[str, dict[str, Any]] = {}
    while processed:
        arg = processed.pop(0)
        key, equals, value = arg.partition("=")
        if not (key.startswith("-") and "." in key):
            rest.append(arg)
            continue
        text = value if equals else processed.pop(0)
        option, *path = key.split(".")
        target = objects.setdefault(option, {})
        for step in path[:-1]:
            target = target.setdefault(step, {})
        target[path[-1]] = any_value(text)
    for option, found in objects.items():
        rest += [option, json.dumps(found)]
    return rest
