"""The HTTPS server that the API server asks."""

import asyncio
import base64
import copy
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from controller.meta import Object, jsonio
from controller.metrics import CertificateWatcher, HTTPServer, Metrics, WebhookFamilies
from controller.webhook.admission import (
    API_VERSION,
    KIND,
    AdmissionRequest,
    AdmissionResponse,
    ReviewError,
    allowed,
    denied,
    json_patch,
)

_log = structlog.get_logger("controller.webhook")

_BODY_BYTES = 7 * 1024 * 1024
"""Largest review: twice the API server's limit of an object, and some more, as in controller-runtime."""

_DEFAULT_TIMEOUT_SECONDS = 10.0
"""The API server's own default; it sends the limit of each webhook along."""

Validator = Callable[[AdmissionRequest], Awaitable[AdmissionResponse | None]]
"""Says whether a request may pass; None lets it pass."""

Mutator = Callable[[AdmissionRequest], Awaitable[Object | AdmissionResponse | None]]
"""Returns the object as it should be stored, None to leave it as it is, or a response to deny. May change ``request.object`` in place."""

_Review = Callable[[AdmissionRequest], Awaitable[AdmissionResponse]]


class WebhookServer:
    """A runnable that serves admission webhooks: ``manager.add_runnable("webhooks", server, leader_only=False)``.

    ``bind`` is ``HOST:PORT`` or ``:PORT``; ``certificates`` is a directory with ``tls.crt`` and ``tls.key``, as a mounted Secret has them. New
    connections use a changed pair within a minute. Registers its families on ``metrics``, so one server per process. Raises
    BindAddressError or CertificateError.

    Promises: each request is answered for itself. A function that raises, takes longer than the API server waits, or returns something
    else than it should denies its request with code 500 (whether that refuses the user's request is up to the webhook's
    ``failurePolicy`` only if the server is away); it is counted and logged with its traceback, and no other request is affected.

    Not promised: that the API server finds this server. A Service and a ``ValidatingWebhookConfiguration`` or
    ``MutatingWebhookConfiguration`` with the CA of the certificate are the author's part.
    """

    def __init__(self, bind: str, certificates: Path, metrics: Metrics) -> None:
        self._metrics = WebhookFamilies(metrics.registry)
        self._certificate = CertificateWatcher(certificates, metrics.certificate)
        self._webhooks: dict[str, _Review] = {}
        routes = [web.post("/{path:.*}", self._answer)]
        self._server = HTTPServer(bind, routes, self._certificate.context, body_bytes=_BODY_BYTES)

    @property
    def port(self) -> int | None:
        """The port in use; None while not listening."""
        return self._server.port

    def validate(self, path: str, validator: Validator) -> None:
        """Answer requests at ``path`` (``/validate-widgets``) with this function. Raises ValueError if the path is taken."""

        async def review(request: AdmissionRequest) -> AdmissionResponse:
            response = await validator(request)
            return _checked(allowed() if response is None else response)

        self._add(path, review)

    def mutate(self, path: str, mutator: Mutator) -> None:
        """Change the objects of requests at ``path`` (``/mutate-widgets``) by this function. Raises ValueError if the path is taken."""

        async def review(request: AdmissionRequest) -> AdmissionResponse:
            before = copy.deepcopy(request.object)
            result = await mutator(request)
            if isinstance(result, AdmissionResponse):
                return result
            after = request.object if result is None else result
            if before is None or after is None:
                return allowed()
            return AdmissionResponse(True, patch=json_patch(before, after))

        self._add(path, review)

    async def run(self) -> None:
        """Listen and reload the certificate until cancelled. Raises BindError."""
        await self._server.start()
        try:
            await self._certificate.run()
        finally:
            await self._server.stop()

    def _add(self, path: str, review: _Review) -> None:
        if not path.startswith("/"):
            raise ValueError(f"the path of a webhook begins with a slash, got {path!r}")
        if path in self._webhooks:
            raise ValueError(f"there is already a webhook at {path}")
        self._webhooks[path] = review
        self._metrics.added(path)

    async def _answer(self, request: web.Request) -> web.Response:
        review = self._webhooks.get(request.path)
        if review is None:
            raise web.HTTPNotFound(text=f"there is no webhook at {request.path}")
        begun = time.perf_counter()
        with self._metrics.in_flight(request.path):
            code, body = await self._reviewed(request, review)
        self._metrics.answered(request.path, code, time.perf_counter() - begun)
        return web.Response(status=code, body=jsonio.dumps(body), content_type="application/json")

    async def _reviewed(self, request: web.Request, review: _Review) -> tuple[int, dict[str, Any]]:
        try:
            asked = AdmissionRequest.from_review(jsonio.loads(await request.read()))
        except web.HTTPRequestEntityTooLarge:
            return 413, _review("", denied("The review is too large.", code=413))
        except ValueError as error:
            text = str(error) if isinstance(error, ReviewError) else "The body is not JSON."
            return 400, _review("", denied(text, code=400))
        try:
            async with asyncio.timeout(_timeout_of(request.query.get("timeout", ""))):
                return 200, _review(asked.uid, await review(asked))
        except Exception as error:  # noqa: BLE001 - whatever an author's function raises concerns one request alone
            self._metrics.panicked()
            name = f"{asked.namespace}/{asked.name}"
            _log.error("A webhook failed", webhook=request.path, kind=asked.kind, object=name, exc_info=error)
            return 200, _review(
                asked.uid, denied(f"The webhook {request.path} failed with {type(error).__name__}.", code=500)
            )


def _review(uid: str, response: AdmissionResponse) -> dict[str, Any]:
    answer: dict[str, Any] = {"uid": uid, "allowed": response.allowed}
    if not response.allowed:
        answer["status"] = {"message": str(response.message), "code": response.code}
    if response.warnings:
        answer["warnings"] = [str(warning) for warning in response.warnings]
    if response.allowed and response.patch:
        answer["patchType"] = "JSONPatch"
        answer["patch"] = base64.b64encode(jsonio.dumps(list(response.patch))).decode()
    return {"apiVersion": API_VERSION, "kind": KIND, "response": answer}


def _checked(response: object) -> AdmissionResponse:
    if not isinstance(response, AdmissionResponse):
        raise TypeError(f"a validator returns an AdmissionResponse or None, got {type(response).__name__}")
    return response


def _timeout_of(text: str) -> float:
    """The seconds of the API server's ``timeout`` parameter, such as ``10s``."""
    match = re.fullmatch(r"(\d+)s", text)
    return float(match[1]) if match else _DEFAULT_TIMEOUT_SECONDS
