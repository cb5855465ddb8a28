"""Adapters over HTTP, against an engine with a sidecar that keeps real state, and against ones that misbehave."""

import asyncio
import functools
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controller.lora import engine as engine_module
from controller.lora.engine import AdapterError, EngineClient, LoadedAdapter


class Engine:
    """An engine and its sidecar on one port; ``fault`` replaces the next answers."""

    def __init__(self) -> None:
        self.loaded: dict[str, str] = {}
        self.fault: web.StreamResponse | None = None
        application = web.Application()
        application.router.add_get("/v1/models", self.models)
        application.router.add_post("/v1/load_lora_adapter", self.load)
        application.router.add_post("/v1/unload_lora_adapter", self.unload)
        self.server = TestServer(application, host="127.0.0.1")

    async def models(self, _: web.Request) -> web.StreamResponse:
        entries = [{"id": "base", "root": "/m", "parent": None}]
        entries += [{"id": name, "root": root, "parent": "base"} for name, root in self.loaded.items()]
        return self.fault or web.json_response({"data": entries})

    async def load(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if body["lora_name"] in self.loaded:
            return web.json_response({"detail": "HTTP 400: already loaded"}, status=400)
        self.loaded[body["lora_name"]] = body["output_dir"]
        return self.fault or web.json_response({"message": "ok"})

    async def unload(self, request: web.Request) -> web.StreamResponse:
        if self.loaded.pop((await request.json())["lora_name"], None) is None:
            return web.json_response({"detail": "HTTP 404: unknown"}, status=404)
        return web.json_response({"message": "ok"})


@pytest.fixture
async def engine() -> AsyncIterator[Engine]:
    """A running engine."""
    running = Engine()
    await running.server.start_server()
    yield running
    await running.server.close()


@pytest.fixture
async def runtime() -> AsyncIterator[EngineClient]:
    """The server under test."""
    async with EngineClient() as opened:
        yield opened


async def test_adapters_are_loaded_listed_and_unloaded(engine: Engine, runtime: EngineClient) -> None:
    """The base model is no adapter."""
    port = engine.server.port or 0
    assert await runtime.list_adapters("127.0.0.1", port) == ()
    await runtime.load("127.0.0.1", port, name="sql", source="hf://a/b", directory="/cache/x")
    assert await runtime.list_adapters("127.0.0.1", port) == (LoadedAdapter("sql", "/cache/x"),)
    await runtime.unload("127.0.0.1", port, name="sql")
    assert engine.loaded == {}


async def test_refusals_carry_the_engines_words(engine: Engine, runtime: EngineClient) -> None:
    """In one line, with the status code."""
    engine.loaded["sql"] = "/x"
    with pytest.raises(AdapterError, match="HTTP 400: HTTP 400: already loaded"):
        await runtime.load("127.0.0.1", engine.server.port or 0, name="sql", source="s", directory="/x")
    with pytest.raises(AdapterError, match="HTTP 404"):
        await runtime.unload("127.0.0.1", engine.server.port or 0, name="other")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: web.Response(status=302, headers={"Location": "http://169.254.169.254/"}), "HTTP 302"),
        (lambda: web.Response(body=b"x" * (2 * engine_module._LARGEST_BODY)), "more than"),
        (lambda: web.Response(text="hello"), "not a JSON object"),
        (lambda: web.json_response({"data": 3}), "another form"),
        (lambda: web.Response(status=500, text="boom\nboom"), "HTTP 500: boom boom"),
    ],
    ids=["redirect", "huge", "text", "shape", "error"],
)
async def test_wrong_answers_are_refused(engine: Engine, runtime: EngineClient, fault: object, message: str) -> None:
    """No redirect is followed, no body is read without end."""
    engine.fault = fault()  # type: ignore[operator]
    with pytest.raises(AdapterError, match=message):
        await runtime.list_adapters("127.0.0.1", engine.server.port or 0)


@pytest.mark.parametrize(("root", "told"), [("/cache/x/", "/cache/x"), ("", None), (7, None)])
async def test_an_engine_may_tell_its_roots_in_another_form(
    engine: Engine, runtime: EngineClient, root: object, told: str | None
) -> None:
    """A slash at the end makes no other directory, and no text is no directory."""
    engine.fault = web.json_response({"data": [{"id": "sql", "root": root, "parent": "base"}]})
    assert await runtime.list_adapters("127.0.0.1", engine.server.port or 0) == (LoadedAdapter("sql", told),)


async def test_a_hundred_hanging_pods_keep_nobody_waiting(engine: Engine, runtime: EngineClient) -> None:
    """More calls may be in flight than an HTTP client usually allows."""
    arrived, released = asyncio.Event(), asyncio.Event()
    waiting = 0

    async def hang(_: web.Request) -> web.Response:
        nonlocal waiting
        waiting += 1
        if waiting == 120:
            arrived.set()
        await released.wait()
        return web.json_response({})

    application = web.Application()
    application.router.add_post("/v1/load_lora_adapter", hang)
    async with TestServer(application, host="127.0.0.1") as server:
        load = functools.partial(runtime.load, "127.0.0.1", server.port or 0, name="a", source="s", directory="/x")
        calls = [asyncio.create_task(load()) for _ in range(120)]
        await arrived.wait()
        assert await runtime.list_adapters("127.0.0.1", engine.server.port or 0) == ()
        released.set()
        await asyncio.gather(*calls)


async def test_a_pod_that_is_not_there_is_one_line(runtime: EngineClient) -> None:
    """Also by IPv6, whose addresses need brackets."""
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(AdapterError, match="no answer"):
            await runtime.list_adapters(address, 9)
