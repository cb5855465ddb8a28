"""The same requests to both control planes, and their answers in a form that can be compared."""

import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from controller.envtest import Environment, install_crds
from controller.envtest.binaries import ADMIN_TOKEN
from tests.support.conformance_api import Answer, Api
from tests.support.widgets import widget_crd

Object = dict[str, Any]
_CHOSEN = ("creationTimestamp", "uid", "resourceVersion", "deletionTimestamp", "selfLink", "time")
_GENERATED = re.compile(r"^zz-\w{5}$")
_AGE = re.compile(r"^\d+s$")
_ADDRESS = re.compile(r"^10\.0\.\d+\.\d+$")


@dataclass(frozen=True)
class Step:
    """One request. In paths and bodies ``NS`` stands for the namespace."""

    method: str
    path: str
    body: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"
    accept: str = "application/json"

    def in_namespace(self, namespace: str) -> "Step":
        """The request with the namespace filled in."""
        return Step(
            self.method,
            self.path.replace("NS", namespace),
            _replaced(self.body, "NS", namespace),
            _replaced(self.query, "NS", namespace),
            self.content_type,
            self.accept,
        )

    async def send(self, api: Api) -> Answer:
        """The answer of one control plane."""
        return await api.request(
            self.method, self.path, self.body, content_type=self.content_type, accept=self.accept, **self.query
        )


@asynccontextmanager
async def both_planes() -> AsyncIterator[list[Api]]:
    """The embedded and the real control plane, in this order, with Widgets."""
    async with Environment("embedded") as embedded, Environment("real") as real:
        for environment in (embedded, real):
            async with environment.client() as client:
                await install_crds(client, [widget_crd()])
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}) as session:
            yield [Api(session, embedded.url), Api(session, real.url)]


async def play(api: Api, namespace: str, steps: Iterable[Step]) -> list[Any]:
    """The answers of one control plane, one after the other, in comparable form."""
    answers = []
    for step in steps:
        answer = await step.in_namespace(namespace).send(api)
        answers.append(comparable(answer, namespace))
    return answers


def comparable(answer: Answer, namespace: str) -> Any:
    """Code, reason and causes of a refusal; code and object of a success, without what every control plane chooses for itself."""
    if answer.code >= 400:
        causes = sorted(answer.causes) if isinstance(answer.body, dict) and answer.body.get("details") else []
        return answer.outcome, [list(cause) for cause in causes]
    return str(answer.code), comparable_object(answer.body, namespace)


def comparable_object(obj: Any, namespace: str) -> Any:
    """An object or a list without what every control plane chooses for itself."""
    return _replaced(without_chosen(obj), namespace, "NS")


def without_chosen(value: Any) -> Any:
    """The value without uids, times, versions and addresses."""
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if key not in _CHOSEN}
        if prefix := value.get("generateName"):
            kept["name"] = f"{prefix}*"
        if value.get("continue"):
            kept["continue"] = "more"
        if {"priority", "format", "description"} <= value.keys():
            del kept["description"]  # docs/envtest.md says that built-in kinds have none.
        return {key: "UID" if key.endswith("controller-uid") else without_chosen(item) for key, item in kept.items()}
    if isinstance(value, list):
        return [without_chosen(item) for item in value]
    if isinstance(value, str) and _ADDRESS.match(value):
        return "ADDRESS"
    if isinstance(value, str) and _AGE.match(value):
        return "AGE"
    if isinstance(value, str) and _GENERATED.match(value):
        return "zz-*"
    return "NODE PORT" if isinstance(value, int) and 30000 <= value <= 32767 else value


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, bytes):
        return value.replace(old.encode(), new.encode())
    if isinstance(value, dict):
        return {_replaced(key, old, new): _replaced(item, old, new) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return value.replace(old, new) if isinstance(value, str) else value


def differences(embedded: Any, real: Any, path: str = "") -> list[str]:
    """Where two answers differ, one line each."""
    if isinstance(embedded, dict) and isinstance(real, dict):
        absent = "(absent)"
        found = [
            differences(embedded.get(key, absent), real.get(key, absent), f"{path}.{key}")
            for key in sorted({*embedded, *real})
        ]
        return [line for lines in found for line in lines]
    if isinstance(embedded, list | tuple) and isinstance(real, list | tuple) and len(embedded) == len(real):
        found = [differences(*pair, f"{path}[{index}]") for index, pair in enumerate(zip(embedded, real, strict=True))]
        return [line for lines in found for line in lines]
    return [] if embedded == real else [f"{path}: embedded {embedded!r}, real {real!r}"]
