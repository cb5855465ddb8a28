"""Adapters over HTTP, against an engine with a sidecar that keeps real state, and against ones that misbehave."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from controller.lora import engine as engine_module
from controller.lora.engine import AdapterError, EngineClient, EngineUrl, LoadedAdapter
from tests.support.engines import ANSWERS, FakeEngine, Fault, by_sidecar, recorded, serving, words_of


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """A running engine with its sidecar."""
    async with serving("127.0.0.1", 0, 0) as running:
        yield running


@pytest.fixture
async def runtime() -> AsyncIterator[EngineClient]:
    """The client under test."""
    async with EngineClient() as opened:
        yield opened


async def listed(runtime: EngineClient, engine: FakeEngine) -> tuple[LoadedAdapter, ...]:
    return await runtime.list_adapters(engine.address, engine.engine_port)


async def load(runtime: EngineClient, engine: FakeEngine, name: str, directory: str = "/cache/x") -> None:
    await runtime.load(engine.address, engine.runtime_port, name=name, source="hf://a/b", directory=directory)


async def test_adapters_are_loaded_listed_and_unloaded(engine: FakeEngine, runtime: EngineClient) -> None:
    """The base model is no adapter."""
    assert await listed(runtime, engine) == ()
    await load(runtime, engine, "sql")
    assert await listed(runtime, engine) == (LoadedAdapter("sql", "/cache/x"),)
    await runtime.unload(engine.address, engine.runtime_port, name="sql")
    assert engine.loaded == {}


async def test_refusals_are_the_engines_words_alone(engine: FakeEngine, runtime: EngineClient) -> None:
    """Without the JSON of the engine in the JSON of the sidecar, and with the status code once."""
    engine.empty.add("/nowhere")
    await load(runtime, engine, "sql")
    for name, directory, words in (
        ("sql", "/cache/x", f"HTTP 400: {words_of('loaded-twice', name='sql')}"),
        ("base", "/cache/x", f"HTTP 400: {words_of('base-model', name='base')}"),
        ("law", "/nowhere", f"HTTP 404: {words_of('no-adapter', name='law', path='/nowhere')}"),
    ):
        with pytest.raises(AdapterError) as refused:
            await load(runtime, engine, name, directory)
        assert str(refused.value) == words
    with pytest.raises(AdapterError) as refused:
        await runtime.unload(engine.address, engine.runtime_port, name="nope")
    assert str(refused.value) == f"HTTP 404: {words_of('not-loaded', name='nope')}"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda: recorded("unauthorized"), "HTTP 401: Unauthorized"),
        (lambda: web.json_response({"detail": "cannot download"}, status=500), "HTTP 500: cannot download"),
        (lambda: web.json_response({"detail": [{"loc": ["body"]}]}, status=422), 'HTTP 422: {"detail": [{"loc": ["body"]}]}'),
        (lambda: by_sidecar(recorded("high-rank")), f"HTTP 500: {words_of('high-rank')}"),
        (lambda: by_sidecar(recorded("no-path")), f"HTTP 400: {' '.join(words_of('no-path').split())}"),
        (lambda: web.json_response({"success": False, "error_message": "no\nroom"}, status=400), "HTTP 400: no room"),
        (lambda: web.Response(status=503), "HTTP 503: "),
    ],
    ids=["key", "sidecar", "shape", "rank", "fields", "sglang", "empty"],
)  # fmt: skip
async def test_words_are_found_in_every_form_of_an_error(
    engine: FakeEngine, runtime: EngineClient, answer: Callable[[], web.Response], words: str
) -> None:
    """A form that is not known is quoted as it is."""
    engine.faults["load"] = answering(answer)
    with pytest.raises(AdapterError) as refused:
        await load(runtime, engine, "sql")
    assert str(refused.value) == words


async def test_plain_text_without_a_content_type_is_a_success_too(engine: FakeEngine, runtime: EngineClient) -> None:
    """The engine itself answers so; its list says what it has."""
    assert (ANSWERS["loaded"]["status"], ANSWERS["loaded"]["content_type"]) == (200, None)
    engine.faults["load"] = answering(lambda: recorded("loaded", name="sql"))
    await load(runtime, engine, "sql")


@pytest.mark.parametrize("prefix", ["/v1", ""], ids=["vllm", "sglang"])
async def test_an_engine_is_called_directly_with_its_key(
    engine: FakeEngine, runtime: EngineClient, prefix: str
) -> None:
    """Loaded, listed, refused with the engine's words, and unloaded; the sidecar only downloads."""
    engine.key = engine.admin_key = "k"
    url = EngineUrl(engine.address, engine.engine_port, prefix, "k")
    await runtime.download(engine.address, engine.runtime_port, source="hf://a/b", directory="/cache/x")
    await runtime.load_directly(url, name="sql", directory="/cache/x")
    assert await runtime.list_adapters(engine.address, engine.engine_port, "k") == (LoadedAdapter("sql", "/cache/x"),)
    with pytest.raises(AdapterError) as refused:
        await runtime.load_directly(url, name="sql", directory="/cache/x")
    assert str(refused.value) == f"HTTP 400: {words_of('loaded-twice', name='sql')}"
    await runtime.unload_directly(url, name="sql")
    assert engine.loaded == {}
    for wrong in (None, "other"):
        with pytest.raises(AdapterError, match="HTTP 401: Unauthorized"):
            await runtime.list_adapters(engine.address, engine.engine_port, wrong)


@pytest.mark.parametrize("key", ["a\nb", "é", "\x00"])
async def test_a_key_that_no_header_carries_is_never_sent(engine: FakeEngine, runtime: EngineClient, key: str) -> None:
    """Nor is it quoted."""
    with pytest.raises(AdapterError, match="the API key has characters that no HTTP header can carry") as refused:
        await runtime.list_adapters(engine.address, engine.engine_port, key)
    assert key not in str(refused.value)


def answering(answer: Callable[[], web.Response]) -> Fault:
    """Gives this answer to every call."""

    async def fault(_: web.Request) -> web.Response:
        return answer()

    return fault


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda: web.Response(status=302, headers={"Location": "http://169.254.169.254/"}), "HTTP 302"),
        (lambda: web.Response(body=b"x" * (2 * engine_module._LARGEST_BODY)), "more than"),
        (lambda: web.Response(text="hello"), "not a JSON object"),
        (lambda: web.json_response({"data": 3}), "unexpected form"),
        (lambda: web.Response(status=500, text="boom\nboom"), "HTTP 500: boom boom"),
    ],
    ids=["redirect", "huge", "text", "shape", "error"],
)
async def test_wrong_answers_are_refused(
    engine: FakeEngine, runtime: EngineClient, fault: Callable[[], web.Response], message: str
) -> None:
    """No redirect is followed, no body is read without end."""
    engine.faults["list"] = answering(fault)
    with pytest.raises(AdapterError, match=message):
        await listed(runtime, engine)


@pytest.mark.parametrize(("root", "told"), [("/cache/x/", "/cache/x"), ("", None), (7, None)])
async def test_an_engine_may_tell_its_roots_in_another_form(
    engine: FakeEngine, runtime: EngineClient, root: object, told: str | None
) -> None:
    """A slash at the end makes no other directory, and no text is no directory."""
    entry = {"id": "sql", "root": root, "parent": "base"}
    engine.faults["list"] = answering(lambda: web.json_response({"data": [entry]}))
    assert await listed(runtime, engine) == (LoadedAdapter("sql", told),)


async def test_a_hundred_hanging_pods_keep_nobody_waiting(engine: FakeEngine, runtime: EngineClient) -> None:
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
        hanging = functools.partial(runtime.load, "127.0.0.1", server.port or 0, name="a", source="s", directory="/x")
        calls = [asyncio.create_task(hanging()) for _ in range(120)]
        await arrived.wait()
        assert await listed(runtime, engine) == ()
        released.set()
        await asyncio.gather(*calls)


async def test_a_pod_that_is_not_there_is_one_line(runtime: EngineClient) -> None:
    """Also by IPv6, whose addresses need brackets."""
    for address in ("127.0.0.1", "::1"):
        with pytest.raises(AdapterError, match="no answer"):
            await runtime.list_adapters(address, 9)
