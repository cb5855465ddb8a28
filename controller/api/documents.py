"""YAML and JSON documents as kubectl reads them, and as any YAML reader understands them.

Reading: ``1e-5``, ``1e21``, ``1_000``, ``0x1F``, ``0b11`` and ``014`` are numbers, plain dates and ``12:30`` are strings, ``yes``, ``on`` and
``y`` are booleans (the YAML 1.1 rules that kubectl follows), a byte order mark and CRLF are fine. What JSON cannot hold (NaN, infinities, binary, sets, keys
that are not strings), a key given twice and an alias bomb are refused. Writing: every string that some YAML 1.1 or 1.2 reader could take for
something else is quoted.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml

_MAX_NODES = 2_000_000
_LONGEST_INTEGER = 100


class DocumentError(Exception):
    """Input that cannot be used; the message is one sentence with the place."""


class _Reader(yaml.SafeLoader):
    """A loader whose scalars are those of JSON plus kubectl's booleans."""


_BOOLEANS = {"true": True, "yes": True, "on": True, "y": True, "false": False, "no": False, "off": False, "n": False}
_READ_BOOLEAN = re.compile(r"^(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$")
_READ_INT = re.compile(
    r"^[-+]?(?:0[xX]_*[0-9a-fA-F][0-9a-fA-F_]*|0[bB]_*[01][01_]*|0[oO]_*[0-7][0-7_]*|0[0-7_]*|[1-9][0-9_]*)$"
)
_READ_FLOAT = re.compile(r"^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][-+]?_*[0-9][0-9_]*)?$")
_READ_NO_JSON = re.compile(r"^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$")
_READ_NULL = re.compile(r"^(?:~|null|Null|NULL|)$")

_Reader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", _READ_BOOLEAN, "yYnNtTfFoO"),
    ("tag:yaml.org,2002:int", _READ_INT, "-+0123456789"),
    ("tag:yaml.org,2002:float", _READ_FLOAT, "-+.0123456789"),
    ("!no-json", _READ_NO_JSON, "-+."),
    ("tag:yaml.org,2002:null", _READ_NULL, "~nN\0"),
):
    _Reader.add_implicit_resolver(_tag, _pattern, list(_first))
_Reader.add_implicit_resolver("tag:yaml.org,2002:null", _READ_NULL, [""])
_Reader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^<<$"), ["<"])


def _integer(digits: str, base: int = 10) -> int | float:
    """An integer; like kubectl, one that needs more than 64 bits is a float."""
    value = int(digits, base) if len(digits) <= _LONGEST_INTEGER else _finite(digits)
    return value if -(2**63) <= value < 2**64 else float(value)


def _unusable(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _text(loader: _Reader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


def _int(loader: _Reader, node: yaml.ScalarNode) -> Any:
    text = _text(loader, node).replace("_", "").lower()
    digits = text.lstrip("+-")
    base = {"0x": 16, "0b": 2, "0o": 8}.get(digits[:2]) or (8 if digits.startswith("0") else 10)
    return _float(loader, node) if len(digits) > _LONGEST_INTEGER else _integer(text, base)


def _float(loader: _Reader, node: yaml.ScalarNode) -> float | str:
    """A number; like kubectl, a text where no number can be that large."""
    text = _text(loader, node)
    value = float(text.replace("_", ""))
    return value if math.isfinite(value) else text


def _bool(loader: _Reader, node: yaml.ScalarNode) -> bool:
    text = _text(loader, node)
    if not _READ_BOOLEAN.match(text):
        raise _unusable(f"{text[:32]!r} is not a boolean", node)
    return _BOOLEANS[text.lower()]


def _refused(loader: _Reader, node: yaml.Node) -> Any:
    what = node.tag.rpartition(":")[2] if ":" in node.tag else str(getattr(node, "value", node.tag))[:32]
    raise _unusable(f"{what} cannot be written as JSON", node)


def _mapping(loader: _Reader, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise _unusable("a value that is tagged as a mapping is not one", node)
    seen: set[str] = set()
    for key, _ in node.value:
        if key.tag == "tag:yaml.org,2002:merge":
            continue
        if not isinstance(key, yaml.ScalarNode):
            raise _unusable("a key is a mapping or a sequence, not a string", key)
        if key.tag != "tag:yaml.org,2002:str":
            raise _unusable(f"the key {key.value!r} is not a string", key)
        if key.value in seen:
            raise _unusable(f"the key {key.value!r} is given twice", key)
        seen.add(key.value)
    loader.flatten_mapping(node)
    return {
        str(loader.construct_object(key, deep=True)): loader.construct_object(value, deep=True)
        for key, value in node.value
    }


_Reader.add_constructor("tag:yaml.org,2002:int", _int)
_Reader.add_constructor("tag:yaml.org,2002:float", _float)
_Reader.add_constructor("tag:yaml.org,2002:bool", _bool)
_Reader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Reader.add_constructor("tag:yaml.org,2002:merge", _text)
for _tag in ("binary", "set", "omap", "pairs", "timestamp"):
    _Reader.add_constructor(f"tag:yaml.org,2002:{_tag}", _refused)
_Reader.add_constructor("!no-json", _refused)


def load_documents(text: bytes | str, source: str) -> list[dict[str, Any]]:
    """The objects in a YAML or JSON text, in order; empty documents are skipped and ``kind: List`` is unpacked.

    ``source`` names the text in messages. Raises DocumentError.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise DocumentError(f"{source}: not UTF-8 text (byte {error.start})") from None
    try:
        documents = _read(text.removeprefix("\ufeff"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise DocumentError(f"{source}:{place} {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(f"{source}: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise DocumentError(f"{source}: nested too deeply to be read") from None
    return [item for document in documents for item in _unpacked(document, source)]


def _read(text: str) -> list[Any]:
    """The documents of JSON, where the text begins like it and is some, else of YAML."""
    if text.lstrip().startswith("{"):
        try:
            return list(_parsed_json(text))
        except json.JSONDecodeError:
            pass
    return list(_parsed(text))


def _parsed_json(text: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(
        object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite, parse_constant=_finite
    )
    rest = text.strip()
    while rest:
        document, end = decoder.raw_decode(rest)
        yield document
        rest = rest[end:].lstrip()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} is given twice")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:32]} cannot be written as JSON")
    return value


def _parsed(text: str) -> Iterator[Any]:
    loader = _Reader(text)
    try:
        while loader.check_node():
            node = loader.get_node()
            _count(node)
            if node is not None:
                yield loader.construct_document(node)
    finally:
        loader.dispose()


def _count(root: yaml.Node | None) -> None:
    """Refuses a document whose aliases would unfold to more than any reader should be asked to hold, or that contains itself."""
    sizes: dict[int, int] = {}
    open_: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)] if root is not None else []
    while stack:
        node, done = stack.pop()
        children = (
            [c for pair in node.value for c in (pair if isinstance(pair, tuple) else (pair,))]
            if isinstance(node, yaml.CollectionNode)
            else []
        )
        if done:
            open_.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 1) for child in children)
            if sizes[id(node)] > _MAX_NODES:
                raise ValueError("its aliases unfold to too many values")
        elif id(node) in open_:
            raise ValueError("an alias refers to a value that contains it")
        elif id(node) not in sizes:
            open_.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in children if id(child) not in sizes)


def _unpacked(document: Any, source: str) -> Iterator[dict[str, Any]]:
    if document is None:
        return
    if not isinstance(document, dict):
        raise DocumentError(f"{source}: a document is {_kind_of(document)}, not an object")
    if not isinstance(document.get("kind"), str) or not isinstance(document.get("apiVersion"), str):
        raise DocumentError(f"{source}: an object has no apiVersion and kind")
    if document["kind"] == "List" or (document["kind"].endswith("List") and isinstance(document.get("items"), list)):
        items = document.get("items")
        for item in items if isinstance(items, list) else ():
            yield from _unpacked(item, source)
    else:
        yield document


def _kind_of(value: Any) -> str:
    names = {list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "something else")


class _Writer(yaml.SafeDumper):
    """A dumper that quotes whatever is ambiguous, and never writes anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        """Repeated values are written out."""
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """List items stand indented below their key."""
        super().increase_indent(flow, False)


_AMBIGUOUS = re.compile(
    r"^(?:~|null|true|false|yes|no|on|off|y|n|<<|=)$"
    r"|^[-+]?\.?[0-9][-+0-9_,.:eExXobBa-fA-FTtZz ]*$"
    r"|^[-+]?\.?(?:inf|nan)$",
    re.IGNORECASE,
)


def _string(dumper: _Writer, value: str) -> yaml.ScalarNode:
    multiline = "\n" in value and value.isascii() and not re.search(r"[^\x20-\x7e\n]|[ \t]\n|^[ \n]", value)
    style = (
        "|" if multiline else '"' if not value.isprintable() else "'" if _AMBIGUOUS.match(value) or not value else None
    )
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _number(dumper: _Writer, value: float) -> yaml.ScalarNode:
    text = repr(value)
    return dumper.represent_scalar(
        "tag:yaml.org,2002:float", text if "." in text or "e" not in text else text.replace("e", ".0e", 1)
    )


_Writer.add_representer(str, _string)
_Writer.add_representer(float, _number)


def dump_documents(objects: Iterable[Mapping[str, Any]]) -> str:
    """A YAML stream of the objects, keys in their order."""
    return yaml.dump_all(
        objects,
        Dumper=_Writer,
        sort_keys=False,
        allow_unicode=True,
        width=1_000_000,
        explicit_start=True,
        default_flow_style=False,
    ).removeprefix("---\n")
