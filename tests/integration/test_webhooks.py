"""Webhooks that the real API server asks: what they deny, change and warn of, what a bad function costs, and a new certificate."""

import asyncio
import base64
import io
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from controller import meta
from controller.client import Client
from controller.envtest import Environment
from controller.meta import Resource
from controller.meta.errors import ApiError, Forbidden
from controller.metrics import Metrics
from controller.testing import eventually
from controller.webhook import AdmissionRequest, AdmissionResponse, WebhookServer, allowed, denied
from tests.support.certificates import issue

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
KINDS = {
    "validate": Resource(
        "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False
    ),
    "mutate": Resource(
        "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False
    ),
}


async def validate(request: AdmissionRequest) -> Any:
    """By what the object's data say."""
    wish = ((request.object or {}).get("data") or {}).get("wish", "")
    match wish:
        case "deny":
            return denied(f"{request.user} may not create {request.name}.", "think twice")
        case "warn":
            return allowed("this is deprecated")
        case "raise":
            raise KeyError("spec")
        case "wrong":
            return "yes"
        case "hang":
            await asyncio.sleep(3600)
    return None


async def mutate(request: AdmissionRequest) -> Any:
    """Adds a label where it is asked to, in place or as a new object."""
    assert request.object is not None
    data = request.object.get("data") or {}
    if data.get("label") == "in place":
        request.object["metadata"].setdefault("labels", {})["example.com/by"] = "in-place"  # type: ignore[index]
    if data.get("label") == "returned":
        metadata = {**request.object["metadata"], "labels": {"example.com/by": "returned"}}
        return {**request.object, "metadata": metadata}
    if data.get("label") == "unwritable":
        return {**request.object, "data": {"x": object()}}
    return None


@pytest.fixture
async def served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[WebhookServer, CollectorRegistry]]:
    """A server with both webhooks."""
    monkeypatch.setattr("controller.metrics.certificates._RELOAD_SECONDS", 0.05)
    issue(tmp_path)
    registry = CollectorRegistry()
    server = WebhookServer("127.0.0.1:0", tmp_path, Metrics.on(registry))
    server.validate("/validate", validate)
    server.mutate("/mutate", mutate)
    task = asyncio.create_task(server.run())
    await eventually(lambda: server.port is not None)
    yield server, registry
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def register(client: Client, namespace: str, server: WebhookServer, directory: Path) -> None:
    """Has the API server ask both for ConfigMaps of the namespace, and waits until it does."""
    ca = base64.b64encode((directory / "tls.crt").read_bytes()).decode()
    for path, kind in KINDS.items():
        webhook = {
            "name": f"{path}.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{server.port}/{path}", "caBundle": ca},
            "rules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
            ],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "timeoutSeconds": 3,
        }
        body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": f"{path}-{namespace}"}}
        await client.create(kind, {**body, "webhooks": [webhook]})

    async def asked() -> bool:
        try:
            await put(client, namespace, "probe", wish="deny")
        except Forbidden:
            return True
        await client.delete(CONFIG_MAP, "probe", namespace=namespace)
        return False

    await eventually(asked)


async def put(client: Client, namespace: str, name: str, **data: str) -> meta.Object:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}
    return await client.create(CONFIG_MAP, body)


@pytest.fixture(scope="session")
def plane(real_plane: None) -> str:
    """The embedded API server asks no webhooks."""
    return "real"


async def test_the_api_server_obeys_the_webhooks(
    environment: Environment, client: Client, namespace: str, served: Any, tmp_path: Path
) -> None:
    """Denials with their message, changes in both ways, and failures that cost one request each."""
    server, registry = served
    await register(client, namespace, server, tmp_path)
    with pytest.raises(Forbidden, match=r"envtest-admin may not create no\.|may not create no\."):
        await put(client, namespace, "no", wish="deny")
    assert meta.name_of(await put(client, namespace, "warned", wish="warn")) == "warned"
    for name, label in (("a", "in place"), ("b", "returned")):
        assert meta.labels_of(await put(client, namespace, name, label=label))["example.com/by"] == label.replace(
            " ", "-"
        )
    for wish, error in (("raise", "KeyError"), ("wrong", "TypeError"), ("hang", r"timeout|deadline|failed")):
        with pytest.raises(ApiError, match=error):
            await put(client, namespace, "bad", wish=wish)
    with pytest.raises(ApiError, match="ValueError"):
        await put(client, namespace, "bad", label="unwritable")
    assert meta.labels_of(await put(client, namespace, "plain")) == {}
    value = registry.get_sample_value
    assert (value("controller_runtime_webhook_panics_total") or 0) >= 3
    assert (value("controller_runtime_webhook_requests_total", {"webhook": "/mutate", "code": "200"}) or 0) >= 5
    assert value("controller_runtime_webhook_requests_in_flight", {"webhook": "/mutate"}) == 0


async def test_bodies_that_are_no_reviews_are_answered_with_400(served: Any) -> None:
    """And unknown paths with 404; the server goes on."""
    server, _ = served
    base = f"https://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as session:
        for body in (b"", b"{", b"[]", b'{"kind":"Pod"}', b"\xff"):
            async with session.post(f"{base}/validate", data=body) as answer:
                assert answer.status == 400
                assert not (await answer.json())["response"]["allowed"]
        async with session.post(f"{base}/validate", data=io.BytesIO(b"x" * 8_000_000)) as answer:
            assert answer.status == 413
        async with session.post(f"{base}/nowhere", data=b"{}") as answer:
            assert answer.status == 404


async def test_a_new_certificate_is_used_without_a_restart(served: Any, tmp_path: Path) -> None:
    """A client that trusts only the new one is answered soon after the files changed."""
    server, _ = served
    issue(tmp_path)
    trust = ssl.create_default_context(cafile=str(tmp_path / "tls.crt"))

    async def answered() -> bool:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session,
            session.post(f"https://127.0.0.1:{server.port}/validate", data=b"{}") as answer,
        ):
            return answer.status == 400

    await eventually(answered, retry_on=aiohttp.ClientError)


def test_a_path_is_served_once(tmp_path: Path) -> None:
    """And begins with a slash."""
    issue(tmp_path)
    server = WebhookServer("127.0.0.1:0", tmp_path, Metrics.on(CollectorRegistry()))
    server.validate("/validate", validate)
    with pytest.raises(ValueError, match="already a webhook"):
        server.mutate("/validate", mutate)
    with pytest.raises(ValueError, match="begins with a slash"):
        server.validate("validate", validate)
    assert isinstance(denied("no"), AdmissionResponse)
