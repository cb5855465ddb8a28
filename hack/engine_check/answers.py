"""What a real engine answered, word for word, as the fixtures of the tests of the serving client."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

FOLDER = Path("tests/support/engine_answers")
_VARYING = ((r'"created": ?\d+', '"created":0'), (r'"id": ?"modelperm-[0-9a-f]+"', '"id":"modelperm-0"'))


class Answers:
    """Collects answers by name. Names and directories of the run become ``{name}``, ``{path}`` and so on."""

    def __init__(self, engine: str, version: str) -> None:
        self._head = {"engine": engine, "version": version}
        self.found: dict[str, dict[str, Any]] = {}

    async def call(
        self,
        http: aiohttp.ClientSession,
        name: str,
        url: str,
        body: Mapping[str, Any] | None = None,
        *,
        words: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> int:
        """Makes the call, keeps its answer under this name, and returns the status. ``words`` maps placeholders to texts of this run."""
        method = "GET" if body is None else "POST"
        async with http.request(method, url, json=body, headers=headers) as answer:
            text = await answer.text()
            content_type = answer.headers.get("Content-Type")
        for pattern, constant in _VARYING:
            text = re.sub(pattern, constant, text)
        for placeholder, word in sorted((words or {}).items(), key=lambda pair: -len(pair[1])):
            text = text.replace(word, f"{{{placeholder}}}")
        self.found[name] = {"status": answer.status, "content_type": content_type, "body": text}
        return answer.status

    def written(self) -> Path:
        """Writes the file of this version, one answer a line."""
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(self.found[name])}" for name in sorted(self.found))
        head = json.dumps(self._head)[:-1]
        path = FOLDER / f"{self._head['engine']}-{self._head['version']}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'{head}, "answers": {{\n{lines}\n}}}}\n', encoding="utf-8")
        return path
