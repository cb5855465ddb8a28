"""A worker's ``config``: the arguments of its engine, found under normalised names. Pure and total."""

import json
import re
from collections.abc import Mapping
from typing import Any

from controller.api.model import Worker


def normal_key(key: str) -> str:
    """Keys are compared with dashes: ``served_model_name`` is ``served-model-name``."""
    return key.replace("_", "-")


def parse_port(value: Any) -> int | None:
    """A port of 1…65535, given as an integer or its decimal digits; else None."""
    if isinstance(value, str) and re.fullmatch(r"0*[0-9]{1,5}", value):
        value = int(value)
    is_integer = isinstance(value, int) and not isinstance(value, bool)
    return value if is_integer and 1 <= value <= 65535 else None


class EngineConfig:
    """The config of one worker. Keys whose value is null count as absent; a config that is not an object is empty.

    ``written`` holds the keys as the user wrote them; every other way in takes the normalised name.
    """

    __slots__ = ("_names", "written")

    def __init__(self, worker: Worker) -> None:
        given = worker.config if isinstance(worker.config, Mapping) else {}
        self.written: dict[str, Any] = {str(key): value for key, value in given.items() if value is not None}
        self._names = {normal_key(key): key for key in reversed(self.written)}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def get(self, name: str) -> Any:
        """The value under this name; None where there is none."""
        return self.written.get(self._names[name]) if name in self._names else None

    def written_key(self, name: str) -> str:
        """The key under which the user wrote this name; the name itself where the config does not have it."""
        return self._names.get(name, name)

    def mapping(self, name: str) -> Mapping[str, Any] | None:
        """The value under this name, given as an object or as the JSON of one; None when absent or neither."""
        value = self.get(name)
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return None
        return value if isinstance(value, Mapping) else None
