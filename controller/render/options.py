"""The options that an engine's argument parser knows, by the version of its image.

The tables in ``tables/`` are facts about real parsers, written by ``hack/generate-engine-table``. An image's tag chooses the table: that of the
same version, else the newest one below it, completed by the oldest one above it. A tag without a version gets the newest table. Only the tables
that images name are read.
"""

import difflib
import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable

Version = tuple[int, ...]
_TAG = re.compile(r":v?(\d+)\.(\d+)(?:\.(\d+))?[^:/@]*(?:@[^@]*)?$")


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``kind``, ``type`` and ``choices`` are those of the table, see ``hack/generate-engine-table``.

    ``names`` are the long names without dashes, ``off`` those that turn a switch off, ``short`` those with one dash. ``reads_text`` says that
    the parser leaves JSON to the engine, so that any free text may be the JSON of an object.
    """

    names: tuple[str, ...]
    kind: str
    off: tuple[str, ...] = ()
    type: str = ""
    choices: tuple[str, ...] = ()
    short: tuple[str, ...] = ()
    reads_text: bool = False

    @property
    def name(self) -> str:
        """The first name."""
        return self.names[0]

    @property
    def is_boolean(self) -> bool:
        """Whether it takes no value."""
        return self.kind in ("switch", "flag")

    @property
    def takes_json(self) -> bool:
        """Whether its value may be an object or a list."""
        return self.type in ("json", "any") and self.kind in ("value", "optional") and not self.choices

    @property
    def takes_objects(self) -> bool:
        """Whether its value may be an object."""
        return self.takes_json or (
            self.reads_text and self.kind == "value" and self.type == "text" and not self.choices
        )


@dataclass(frozen=True, slots=True)
class OptionTable:
    """The options of one engine. ``version`` is empty where the image's tag does not say one.

    ``dotted`` parsers read ``--option.key value`` as a key inside the option's JSON. ``doubtful`` are the names of which only one of the two
    neighbours of a version without a table knows.
    """

    engine: str
    version: str
    dotted: bool
    options: Mapping[str, Option]
    doubtful: frozenset[str] = frozenset()

    def find(self, name: str) -> Option | None:
        """The option with exactly this long name; a switch also under a name that turns it off."""
        return self.options.get(name)

    def abbreviated(self, name: str) -> Option | None:
        """The only option that has a name with this beginning; None where there is none, or more than one."""
        found = {id(option): option for known, option in self.options.items() if known.startswith(name)}
        return next(iter(found.values())) if len(found) == 1 else None

    def meanings(self, beginning: str) -> tuple[str, ...]:
        """The first names of the options that a name with this beginning could mean, sorted."""
        return tuple(sorted({option.name for known, option in self.options.items() if known.startswith(beginning)}))

    def nearest(self, name: str) -> str | None:
        """The option that has this as its short name, else the known name that is most like this one."""
        short = next((option.name for option in self.options.values() if name in option.short), None)
        return short or next(iter(difflib.get_close_matches(name, self.options, 1)), None)


def option_table(engine: str, image: str) -> OptionTable:
    """The options that this engine has in this image."""
    version = image_version(image)
    if version is None:
        return replace(_table(engine, max(_versions(engine))), version="")
    return _between(engine, version)


def image_version(image: str) -> Version | None:
    """The version in an image's tag, such as ``v0.10.2`` or ``v0.10.2-cu128``; None where the tag does not begin with one."""
    found = _TAG.search(image)
    return tuple(int(part or 0) for part in found.groups()) if found else None


@functools.lru_cache(maxsize=256)
def _between(engine: str, version: Version) -> OptionTable:
    known = _versions(engine)
    below = max((item for item in known if item <= version), default=min(known))
    above = min((item for item in known if item >= version), default=below)
    lower, upper = _table(engine, below), _table(engine, above)
    doubtful = frozenset(lower.options.keys() ^ upper.options.keys())
    return OptionTable(engine, ".".join(map(str, version)), lower.dotted, {**upper.options, **lower.options}, doubtful)


@functools.cache
def _versions(engine: str) -> tuple[Version, ...]:
    """The versions that have a table, oldest first."""
    names = [file.name for file in _folder().iterdir() if file.name.startswith(f"{engine}-")]
    texts = (name.removeprefix(f"{engine}-").removesuffix(".json") for name in names)
    return tuple(sorted(tuple(map(int, text.split("."))) for text in texts))


def _folder() -> Traversable:
    return resources.files(__package__).joinpath("tables")


@functools.cache
def _table(engine: str, version: Version) -> OptionTable:
    raw = json.loads(_folder().joinpath(f"{engine}-{'.'.join(map(str, version))}.json").read_bytes())
    options: dict[str, Option] = {}
    for row in raw["options"]:
        option = Option(
            _long(row["names"]),
            row["kind"],
            _long(row.get("off", ())),
            row.get("type", ""),
            tuple(row.get("choices", ())),
            tuple(name.removeprefix("-") for name in row["names"] if not name.startswith("--")),
            not raw["dotted"],
        )
        implied = tuple(f"no-{name}" for name in option.names) if option.kind == "switch" else ()
        options.update(dict.fromkeys((*option.names, *option.off, *implied), option))
    return OptionTable(raw["engine"], raw["version"], raw["dotted"], options)


def _long(names: list[str]) -> tuple[str, ...]:
    return tuple(name.removeprefix("--") for name in names if name.startswith("--"))


def versions_with(engine: str, name: str) -> tuple[str, ...]:
    """The versions whose table has this option, oldest first."""
    tables = [_table(engine, version) for version in _versions(engine)]
    return tuple(table.version for table in tables if table.find(name))
