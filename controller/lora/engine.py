"""The HTTP calls to an engine and its sidecar. An answer is not trusted: redirects are refused, bodies are capped, every call times out.

vLLM lists models as JSON, and answers a load or an unload in plain text without a content type; the sidecar puts that text into JSON, and
SGLang answers in JSON. The status alone counts there, since the list says afterwards what is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import aiohttp

from controller.meta import jsonio

LIST_SECONDS = 5.0
LOAD_SECONDS = 300.0
UNLOAD_SECONDS = 30.0
_CONNECT_SECONDS = 5.0
_LARGEST_BODY = 1024 * 1024
_EXCERPT = 4096
_WORDS = ("detail", "error", "error_message")


class AdapterError(Exception):
    """A call failed; the message is one line: ``HTTP 500: …`` with the pod's own words, or what was wrong with the answer."""


@dataclass(frozen=True, slots=True)
class LoadedAdapter:
    """An adapter that an engine has. ``root`` is the directory it was loaded from, None when the engine does not say."""

    name: str
    root: str | None


@dataclass(frozen=True, slots=True)
class EngineUrl:
    """Where an engine itself moves adapters: its address, what its paths for that begin with, and the key that it asks for."""

    pod_ip: str
    port: int
    prefix: str = "/v1"
    key: str | None = field(default=None, repr=False)

    def path(self, operation: str) -> str:
        """The URL of ``load`` or ``unload``."""
        return f"{_base(self.pod_ip, self.port)}{self.prefix}/{operation}_lora_adapter"


class EngineClient:
    """Talks to pods; an async context manager.

    Every call has a connection of its own and none waits for another: pods come and go, and some of them hang.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            headers={"Accept-Encoding": "identity"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def list_adapters(self, pod_ip: str, engine_port: int, key: str | None = None) -> tuple[LoadedAdapter, ...]:
        """The adapters that the engine itself reports. Raises AdapterError."""
        answer = _mapping(await self._call("GET", f"{_base(pod_ip, engine_port)}/v1/models", None, LIST_SECONDS, key))
        if answer is None:
            raise AdapterError("HTTP 200 with a body that is not a JSON object")
        entries = answer.get("data")
        if not isinstance(entries, list):
            raise AdapterError("the list of models has an unexpected form")
        return tuple(
            LoadedAdapter(str(entry.get("id")), _directory(entry.get("root")))
            for entry in entries
            if isinstance(entry, Mapping) and entry.get("parent") is not None
        )

    async def load(self, pod_ip: str, runtime_port: int, *, name: str, source: str, directory: str) -> None:
        """Lets the sidecar download the adapter into ``directory`` and the engine load it. Raises AdapterError."""
        body = {"lora_name": name, "source": source, "output_dir": directory, "async_download": False}
        await self._call("POST", f"{_base(pod_ip, runtime_port)}/v1/load_lora_adapter", body, LOAD_SECONDS)

    async def unload(self, pod_ip: str, runtime_port: int, *, name: str) -> None:
        """Lets the engine forget the adapter. Raises AdapterError, also when it does not know it."""
        url = f"{_base(pod_ip, runtime_port)}/v1/unload_lora_adapter"
        await self._call("POST", url, {"lora_name": name}, UNLOAD_SECONDS)

    async def download(self, pod_ip: str, runtime_port: int, *, source: str, directory: str) -> None:
        """Lets the sidecar download an adapter into ``directory``, and no more. Raises AdapterError."""
        body = {"source": source, "output_dir": directory, "async_download": False}
        await self._call("POST", f"{_base(pod_ip, runtime_port)}/v1/download_model", body, LOAD_SECONDS)

    async def load_directly(self, engine: EngineUrl, *, name: str, directory: str) -> None:
        """Lets the engine load an adapter that its pod has. Raises AdapterError."""
        body = {"lora_name": name, "lora_path": directory}
        await self._call("POST", engine.path("load"), body, LOAD_SECONDS, engine.key)

    async def unload_directly(self, engine: EngineUrl, *, name: str) -> None:
        """Lets the engine forget the adapter, without the sidecar. Raises AdapterError, also when it does not know it."""
        await self._call("POST", engine.path("unload"), {"lora_name": name}, UNLOAD_SECONDS, engine.key)

    async def _call(self, method: str, url: str, body: Any, seconds: float, key: str | None = None) -> bytes:
        if self._session is None:
            raise RuntimeError("use it as a context manager")
        limits = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        data = None if body is None else jsonio.dumps(body)
        headers = {"Content-Type": "application/json"} if data is not None else {}
        if key is not None:
            headers["Authorization"] = _bearer(key)
        try:
            request = self._session.request(
                method, url, data=data, headers=headers, timeout=limits, allow_redirects=False
            )
            async with request as answer:
                content = await _read(answer)
                if answer.status != 200:
                    raise AdapterError(f"HTTP {answer.status}: {_words(answer.status, content)}")
                return content
        except TimeoutError:
            raise AdapterError(f"no answer within {seconds:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            raise AdapterError(f"no answer: {type(error).__name__}") from None


def _bearer(key: str) -> str:
    """The header of a key. One that no header can carry has its reason, without the key."""
    if not key.isprintable() or not key.isascii():
        raise AdapterError("the API key has characters that no HTTP header can carry")
    return f"Bearer {key}"


def _directory(root: object) -> str | None:
    return root.rstrip("/") or None if isinstance(root, str) else None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in answer.content.iter_any():
        content += chunk
        if len(content) > _LARGEST_BODY:
            raise AdapterError(f"HTTP {answer.status}: an answer of more than {_LARGEST_BODY} bytes")
    return bytes(content)


def _mapping(content: bytes) -> Mapping[str, Any] | None:
    try:
        value = jsonio.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, Mapping) else None


def _words(status: int, content: bytes) -> str:
    """The words inside an error, in one line.

    vLLM sends ``{"error": {"message": WORDS}}``, or ``{"error": WORDS}`` without a key; the sidecar ``{"detail": "HTTP 400: ERROR"}`` with all of
    that; SGLang ``{"success": false, "error_message": WORDS}``.
    """
    text = content.decode("utf-8", "replace")
    while (inner := _unwrapped(text)) is not None:
        text = inner.removeprefix(f"HTTP {status}: ")
    return " ".join(text.split())[:_EXCERPT]


def _unwrapped(text: str) -> str | None:
    value = _mapping(text.encode("utf-8", "surrogatepass"))
    inner = None if value is None else next((value[name] for name in _WORDS if name in value), None)
    if isinstance(inner, Mapping):
        inner = inner.get("message")
    return inner if isinstance(inner, str) else None


def _base(pod_ip: str, port: int) -> str:
    return f"http://[{pod_ip}]:{port}" if ":" in pod_ip else f"http://{pod_ip}:{port}"
