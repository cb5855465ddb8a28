"""The client against a server that misbehaves on a script: real sockets, real TLS, no mock of anything of ours."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from controller.client import Client, ClientConfig, ConfigError, load_config, static_config
from controller.client.settings import Settings
from controller.meta import Resource
from controller.meta.errors import (
    ApiError,
    DecodeError,
    InternalError,
    NotFound,
    ServiceUnavailable,
    StatusError,
    Timeout,
    TooManyRequests,
    TransportError,
    Unauthorized,
)
from controller.metrics import Metrics
from tests.support.certificates import certificate, server_tls

POD = Resource("", "v1", "pods", "Pod")
OBJECT = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "resourceVersion": "1"}}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server on loopback whose every answer comes from ``handler``."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


class Script:
    """Answers one after the other, the last one forever; remembers the requests."""

    def __init__(self, *answers: Callable[[], web.Response]) -> None:
        self.answers = list(answers)
        self.requests: list[web.Request] = []

    async def __call__(self, request: web.Request) -> web.Response:
        """The next answer."""
        self.requests.append(request)
        await request.read()
        return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()


def ok() -> web.Response:
    return web.json_response(OBJECT)


def refusal(code: int, body: str = "", **headers: str) -> Callable[[], web.Response]:
    return lambda: web.Response(status=code, text=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("code", "body", "error"),
    [
        (404, "404 page not found", NotFound),
        (500, "", InternalError),
        (502, "<html>bad gateway</html>", ServiceUnavailable),
        (302, "", StatusError),
    ],
)
async def test_text_html_and_empty_refusals_are_typed_errors(code: int, body: str, error: type[StatusError]):
    """A body that is no Status does not hide the code; a redirect is not followed."""
    async with serving(Script(refusal(code, body))) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(error) as caught:
            await client.create(POD, OBJECT, namespace="ns")
    assert caught.value.http_code == code


async def test_a_success_that_is_no_json_is_a_decode_error():
    """A proxy's login page is no object."""
    script = Script(lambda: web.Response(text="<html>"))
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(DecodeError):
            await client.get(POD, "a", "ns")


@pytest.mark.parametrize("code", [429, 503, 500])
async def test_a_read_is_repeated_when_the_server_says_when(code: int):
    """The caller sees the second answer only."""
    calls = 2
    script = Script(refusal(code, Retry_After="0"), ok)
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        assert await client.get(POD, "a", "ns") == OBJECT
    assert len(script.requests) == calls


@pytest.mark.parametrize("code", [500, 502, 503, 504])
async def test_a_server_error_without_a_time_is_left_to_the_caller(code: int):
    """It may be final ("request is too large"): sending the same again is the caller's decision."""
    script = Script(refusal(code), ok)
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(StatusError):
            await client.get(POD, "a", "ns")
    assert len(script.requests) == 1


async def test_every_repetition_is_counted_with_the_code_before_it():
    """Four attempts are three repetitions; the caller is told the last refusal."""
    script = Script(refusal(429), refusal(503, Retry_After="0"))
    registry = CollectorRegistry()
    metrics = Metrics.on(registry).client
    async with (
        serving(script) as url,
        await Client.connect(static_config(url), metrics=metrics) as client,
    ):
        with pytest.raises(ServiceUnavailable):
            await client.get(POD, "a", "ns")
    labels = {"verb": "GET", "host": url.removeprefix("http://")}
    counted = {
        code: registry.get_sample_value("rest_client_request_retries_total", {**labels, "code": code})
        for code in ("429", "503")
    }
    assert counted == {"429": 1, "503": 2}
    assert len(script.requests) == 4


async def test_looking_up_a_host_is_timed():
    """Names are looked up, addresses are not."""
    registry = CollectorRegistry()
    metrics = Metrics.on(registry).client
    async with serving(Script(ok)) as url:
        by_name = url.replace("127.0.0.1", "localhost")
        for way in (url, by_name):
            async with await Client.connect(static_config(way), metrics=metrics) as client:
                await client.get(POD, "a", "ns")
    name = "rest_client_dns_resolution_duration_seconds_count"
    assert registry.get_sample_value(name, {"host": "localhost"}) == 1
    assert registry.get_sample_value(name, {"host": "127.0.0.1"}) is None


async def test_a_create_is_repeated_after_429_but_not_after_500():
    """After 429 nothing happened; after 500 nobody knows."""
    script = Script(refusal(429), ok)
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        await client.create(POD, OBJECT, namespace="ns")
    assert len(script.requests) == 2
    script = Script(refusal(500), ok)
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(InternalError):
            await client.create(POD, OBJECT, namespace="ns")
    assert len(script.requests) == 1


async def test_a_long_retry_after_is_left_to_the_caller():
    """It is never cut short: asked to wait a minute, the client does not try again by itself."""
    script = Script(refusal(429, Retry_After="60"), ok)
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(TooManyRequests) as caught:
            await client.get(POD, "a", "ns")
    assert caught.value.retry_after == 60.0
    assert len(script.requests) == 1


async def test_a_version_from_the_future_is_told_at_once():
    """Repeating the same version cannot help; the reader lists again with another."""
    body = '{"kind":"Status","reason":"Timeout","code":504,"details":{"retryAfterSeconds":1,"causes":[{"reason":"ResourceVersionTooLarge"}]}}'
    script = Script(refusal(504, body))
    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(Timeout):
            await client.list(POD, resource_version="99999")
    assert len(script.requests) == 1


async def test_the_guard_is_asked_before_every_sending_and_never_for_reads():
    """A guard that begins to refuse between two attempts stops the second one; the server never sees it."""
    script = Script(refusal(429), ok)

    class Refused(ApiError):
        """The guard's own error."""

    def guard() -> None:
        if script.requests:
            raise Refused

    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        guarded = client.with_guard(guard)
        with pytest.raises(Refused):
            await guarded.create(POD, OBJECT, namespace="ns")
        assert [request.method for request in script.requests] == ["POST"]
        assert await guarded.get(POD, "a", "ns") == OBJECT


async def test_a_guard_that_turns_while_the_connection_opens_stops_the_request():
    """It is asked once more when the connection is ready, right before the first byte."""
    script, asked = Script(ok), []

    class Refused(ApiError):
        """The guard's own error."""

    def guard() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Refused

    async with serving(script) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(Refused):
            await client.with_guard(guard).create(POD, OBJECT, namespace="ns")
    assert not script.requests


async def test_nobody_there_is_a_transport_error():
    """After the repeats, with the request's method and path, the address and the operating system's word."""
    async with serving(Script(ok)) as url:
        pass
    address = url.removeprefix("http://")
    sentence = f"^GET /api/v1/namespaces/ns/pods/a: cannot connect to {address}: Connection refused$"
    async with await Client.connect(static_config(url)) as client:
        with pytest.raises(TransportError, match=sentence):
            await client.get(POD, "a", "ns")


async def test_no_answer_in_time_is_a_transport_error():
    """Each attempt is given up after the client's own time-out."""

    async def never(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return ok()

    async with serving(never) as url, await Client.connect(static_config(url)) as client:
        with pytest.raises(TransportError, match="timed out"):
            await client.with_timeout(0.05).create(POD, OBJECT, namespace="ns")


@pytest.mark.parametrize(
    "write",
    [
        lambda client: client.delete(POD, "a", namespace="ns"),
        lambda client: client.replace(POD, {"metadata": {"name": "a", "namespace": "ns"}}),
    ],
    ids=["delete", "replace"],
)
async def test_nothing_below_the_client_sends_a_request_twice(write: Callable[[Client], Awaitable[object]]):
    """The server acts and the kept connection breaks: a deletion by name that is sent again would hit a successor of that name."""
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        await request.read()
        seen.append(request.method)
        if request.method != "GET" and request.transport is not None:
            request.transport.abort()
        return ok()

    async with serving(handler) as url, await Client.connect(static_config(url)) as client:
        await client.get(POD, "a", "ns")
        with pytest.raises(TransportError):
            await write(client)
    assert len(seen) == 2


async def test_a_large_answer_may_take_long_while_it_makes_progress():
    """Ten parts, each within the time-out, all of them not: the time-out of a collection measures silence."""
    parts = [b'{"metadata":{"resourceVersion":"1"},"items":[', *([b" "] * 10), b"]}"]

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for part in parts:
            await answer.write(part)
            await asyncio.sleep(0.1)
        return answer

    heard: list[int] = []
    async with serving(slow) as url, await Client.connect(static_config(url)) as client:
        page = await client.with_timeout(0.8).list_raw(POD, progress=lambda: heard.append(1))
        assert page.resource_version == "1"
        assert len(heard) > 1
        with pytest.raises(TransportError, match="timed out"):
            await client.with_timeout(0.05).list(POD)


async def test_a_paged_list_survives_an_expired_token():
    """It starts over in one piece: the result never mixes two snapshots."""

    async def handler(request: web.Request) -> web.Response:
        if request.query.get("continue"):
            return web.json_response({"kind": "Status", "code": 410, "reason": "Expired"}, status=410)
        items = [{"metadata": {"name": name}} for name in ("a", "b")]
        if request.query.get("limit"):
            return web.json_response({"metadata": {"resourceVersion": "5", "continue": "t"}, "items": items[:1]})
        return web.json_response({"metadata": {"resourceVersion": "6"}, "items": items})

    async with serving(handler) as url, await Client.connect(static_config(url)) as client:
        page = await client.list_all(POD, "ns")
    assert (len(page.items), page.resource_version) == (2, "6")


async def test_a_proxy_that_refuses_does_not_show_its_password():
    """Neither does any label of a metric."""
    script = Script(refusal(407))
    async with serving(script) as url:
        proxy = url.replace("http://", "http://user:s3cr3t@")
        settings = Settings("https://api.example.com", proxy=proxy)

        async def load() -> Settings:
            return settings

        async with await Client.connect(ClientConfig(settings, load)) as client:
            with pytest.raises(TransportError, match="the proxy answers 40") as caught:
                await client.get(POD, "a", "ns")
    assert "s3cr3t" not in str(caught.value)
    registry = CollectorRegistry()
    secret = "http://admin:s3cr3t@127.0.0.1:1"
    async with await Client.connect(static_config(secret), metrics=Metrics.on(registry).client) as client:
        with pytest.raises(TransportError):
            await client.create(POD, OBJECT, namespace="ns")
    assert "s3cr3t" not in str([family.samples for family in registry.collect()])


def stream(*chunks: bytes, stall: bool = False, cut: bool = False) -> Handler:
    """A chunked answer; then the end, a silence, or a cut connection."""

    async def handler(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for chunk in chunks:
            await answer.write(chunk)
            await asyncio.sleep(0)
        if stall:
            await asyncio.sleep(30)
        if cut and request.transport:
            request.transport.abort()
        return answer

    return handler


async def watched(url: str) -> list[str]:
    async with (
        await Client.connect(static_config(url)) as client,
        client.watch(POD, resource_version="1", timeout_seconds=5, idle_timeout=0.2) as events,
    ):
        return [event.object["metadata"]["name"] async for event in events]


async def test_watch_events_cut_inside_a_character_arrive_once():
    """One byte a chunk, and the name comes out whole."""
    line = '{"type":"ADDED","object":{"metadata":{"name":"é\x85😀"}}}\n'.encode()
    async with serving(stream(*(line[i : i + 1] for i in range(len(line))))) as url:
        assert await watched(url) == ["é\x85😀"]


@pytest.mark.parametrize("fault", ["stall", "cut"])
async def test_a_watch_that_falls_silent_or_breaks_is_a_transport_error(fault: str):
    """No watch hangs forever, and no cut looks like a clean end."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'
    async with serving(stream(line, stall=fault == "stall", cut=fault == "cut")) as url:
        with pytest.raises(TransportError):
            await watched(url)


async def test_a_rotated_token_is_read_again_at_once_on_401():
    """The caller notices nothing; a token that stays wrong is told."""

    async def handler(request: web.Request) -> web.Response:
        return ok() if request.headers.get("Authorization") == "Bearer new" else refusal(401)()

    async with serving(handler) as url:
        for fresh, answer in (("new", OBJECT), ("old", None)):

            async def load(fresh: str = fresh) -> Settings:
                return Settings(url, f"Bearer {fresh}")

            async with await Client.connect(ClientConfig(Settings(url, "Bearer old"), load)) as client:
                if answer:
                    assert await client.get(POD, "a", "ns") == answer
                else:
                    with pytest.raises(Unauthorized):
                        await client.get(POD, "a", "ns")


async def test_a_changed_ca_file_is_trusted_after_the_next_renewal(tmp_path: Path):
    """A server with a new certificate is refused until the CA file says otherwise; here a 401 is the reason to look again."""
    first, second, trusted = certificate(tmp_path, "first"), certificate(tmp_path, "second"), tmp_path / "ca.crt"
    trusted.write_bytes(first[0].read_bytes())
    tls, script = server_tls(first), Script(refusal(401), ok)
    async with serving(script, tls) as url:

        async def load() -> Settings:
            return Settings(url, "Bearer fresh", ca_file=str(trusted))

        async with await Client.connect(ClientConfig(await load(), load)) as client:
            trusted.write_bytes(second[0].read_bytes())
            tls.load_cert_chain(*second)
            with pytest.raises(TransportError, match="certificate verify failed"):
                await client.get(POD, "a", "ns")
        async with await Client.connect(ClientConfig(await load(), load)) as client:
            with pytest.raises(Unauthorized):
                await client.get(POD, "a", "ns")
            assert await client.get(POD, "a", "ns") == OBJECT


async def test_garbage_in_the_ca_file_keeps_the_old_one(tmp_path: Path):
    """The credentials are renewed while the file is broken, and the server stays trusted."""
    pair, trusted = certificate(tmp_path, "first"), tmp_path / "ca.crt"
    trusted.write_bytes(pair[0].read_bytes())
    script = Script(refusal(401), ok)
    async with serving(script, server_tls(pair)) as url:

        async def load() -> Settings:
            return Settings(url, "Bearer rotated", ca_file=str(trusted))

        settings = Settings(url, "Bearer old", ca_file=str(trusted))
        async with await Client.connect(ClientConfig(settings, load)) as client:
            trusted.write_text("garbage")
            assert await client.get(POD, "a", "ns") == OBJECT
    assert [request.headers["Authorization"] for request in script.requests] == ["Bearer old", "Bearer rotated"]


async def test_an_unusable_kubeconfig_is_one_sentence(tmp_path: Path):
    """Missing, a context that it does not have, or no kubeconfig at all; none in words of Python."""
    good = tmp_path / "good"
    good.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: k, cluster: {server: 'http://127.0.0.1:1'}}]\n"
        "contexts: [{name: c, context: {cluster: k, user: u, namespace: team}}]\nusers: [{name: u, user: {token: t}}]\n"
    )
    unusable: dict[str, tuple[bytes | None, str]] = {
        "missing": (None, "there is no kubeconfig"),
        "good": (good.read_bytes(), "there is no context 'other'"),
        "broken": (b"a: b\n{ this: is [not yaml", "line 2: "),
        "binary": (b"\x80\x81", "it is not YAML"),
        "empty": (b"", "it does not have the form of a kubeconfig"),
        "list": (b"[1, 2]", "it does not have the form of a kubeconfig"),
        "number": (
            good.read_bytes().replace(b"'http://127.0.0.1:1'", b"5"),
            "its cluster has no server",
        ),
        "address": (good.read_bytes().replace(b"http://127.0.0.1:1", b"127.0.0.1:1"), "is not an http or https URL"),
    }
    for name, (content, sentence) in unusable.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            await load_config(str(path), "other" if name == "good" else None)
        assert str(path) in str(caught.value)
        assert sentence in str(caught.value)
        assert "\n" not in str(caught.value)
    config = await load_config(str(good), None)
    assert (config.host, config.namespace, config.settings.authorization) == ("http://127.0.0.1:1", "team", "Bearer t")
