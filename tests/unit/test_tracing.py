"""Spans of passes and requests, as an exporter gets them; and nothing at all without OpenTelemetry."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from controller import tracing
from controller.client import Client
from controller.envtest import Environment
from controller.meta import Resource
from controller.meta.errors import NotFound
from controller.runtime import ControllerBuilder, Manager, ManagerOptions, ReconcileError, Request, Result
from controller.testing import eventually
from tests.support.managers import Running

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
QUIET = ManagerOptions(metrics_bind_address="0", health_probe_bind_address="0", namespaces=("default",))


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a provider of the process exports; OpenTelemetry allows one provider a process, so it is put in place behind its back."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield exporter
    provider.shutdown()


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


class Reading:
    """A reconciler that reads its object, and fails in a way of its own for some."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def reconcile(self, request: Request) -> Result:
        """Reads."""
        if request.name == "bad":
            raise ReconcileError("cannot reach https://me:hunter22@example.com/")
        await self._client.get(CONFIG_MAP, request.name, request.namespace)
        return Result(requeue_after=3600.0)


async def test_a_pass_is_a_span_with_its_requests_as_children(exported: InMemorySpanExporter) -> None:
    """With controller, object, id and outcome; a failure with its kind, and without secrets."""
    async with Environment("embedded") as environment, environment.client() as client:
        manager = Manager(client, QUIET)
        ControllerBuilder(manager).named("reader").for_(CONFIG_MAP).complete(Reading(client))
        async with Running(manager):
            for name in ("good", "bad"):
                await client.create(
                    CONFIG_MAP,
                    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "default"}},
                )

            def passes(name: str) -> list[ReadableSpan]:
                spans = [span for span in exported.get_finished_spans() if span.name == "reconcile reader"]
                return [span for span in spans if attributes_of(span)["k8s.object.name"] == name]

            await eventually(lambda: bool(passes("good") and passes("bad")))
    good, bad = passes("good")[0], passes("bad")[0]
    assert attributes_of(good)["controller"] == "reader"
    assert attributes_of(good)["k8s.namespace.name"] == "default"
    assert attributes_of(good)["requeue_after"] == 3600.0
    assert len(attributes_of(good)["reconcileID"]) == 36
    assert good.status.is_unset
    (read,) = [span for span in exported.get_finished_spans() if span.parent and span.parent == good.context]
    assert (read.name, read.kind) == ("GET", trace.SpanKind.CLIENT)
    assert attributes_of(read)["url.path"] == "/api/v1/namespaces/default/configmaps/good"
    assert attributes_of(read)["http.response.status_code"] == 200
    assert attributes_of(bad)["error.type"] == "ReconcileError"
    assert bad.status.description is not None
    assert "cannot reach" in bad.status.description
    assert "hunter22" not in "".join(span.to_json() for span in exported.get_finished_spans())


async def test_a_refused_request_is_a_failed_span(exported: InMemorySpanExporter) -> None:
    """Its kind is the status code, as the conventions for HTTP clients have it."""
    async with Environment("embedded") as environment, environment.client() as client:
        with pytest.raises(NotFound):
            await client.get(CONFIG_MAP, "none", "default")
    span = exported.get_finished_spans()[-1]
    assert attributes_of(span)["error.type"] == "404"
    assert not span.status.is_ok


def test_without_opentelemetry_nothing_is_imported_and_nothing_happens() -> None:
    """The API is an extra; a program without it gets the one span that does nothing."""
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import controller.runtime\n"
        "from controller import tracing\n"
        "with tracing.span('a', {}) as first, tracing.span('b', {}, client=True) as second:\n"
        "    first.note('x', 1); first.fail('E')\n"
        "assert first is second\n"
        "assert not [name for name in sys.modules if name.startswith('opentelemetry.')]\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_without_a_provider_a_span_says_nothing() -> None:
    """The API alone does not record."""
    with tracing.span("a", {"b": 1}) as span:
        span.note("c", 2)
        span.fail("E", "text")
    assert not trace.get_current_span().is_recording()
