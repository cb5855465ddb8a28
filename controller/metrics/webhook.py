"""The ``controller_runtime_webhook_*`` families. Durations are seconds."""

import contextlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_CODES = (200, 400, 500)


class WebhookFamilies:
    """Families of all webhooks of one process; ``webhook`` is the path that the API server calls."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "controller_runtime_webhook_requests_total",
            "Admission requests by HTTP status code.",
            ("webhook", "code"),
            registry=registry,
        )
        self._in_flight = Gauge(
            "controller_runtime_webhook_requests_in_flight",
            "Admission requests that are being answered.",
            ("webhook",),
            registry=registry,
        )
        self._latency = Histogram(
            "controller_runtime_webhook_latency_seconds",
            "Time to answer an admission request.",
            ("webhook",),
            registry=registry,
        )
        self._panics = Counter(
            "controller_runtime_webhook_panics_total", "Admission requests whose function failed.", registry=registry
        )

    def added(self, webhook: str) -> None:
        """A webhook is served at this path. Creates its series, at zero."""
        for code in _CODES:
            self._requests.labels(webhook, str(code))
        self._in_flight.labels(webhook)
        self._latency.labels(webhook)

    @contextlib.contextmanager
    def in_flight(self, webhook: str) -> Iterator[None]:
        """A request is being answered until the block ends."""
        with self._in_flight.labels(webhook).track_inprogress():
            yield

    def answered(self, webhook: str, code: int, seconds: float) -> None:
        """A request was answered with this HTTP status code."""
        self._requests.labels(webhook, str(code)).inc()
        self._latency.labels(webhook).observe(seconds)

    def panicked(self) -> None:
        """The function of a webhook raised, took too long or returned something wrong."""
        self._panics.inc()
