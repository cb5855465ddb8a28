"""Metrics under controller-runtime's names, labels and buckets, so that its dashboards and alerts work unchanged; and the HTTP
endpoints that show them, with the probes beside.

``Metrics`` registers every family on a registry the caller passes in; there is no global one. Each room is given the small recorder it
needs and knows nothing of Prometheus.
"""

from controller.metrics.certificates import CertificateError as CertificateError
from controller.metrics.certificates import CertificateWatcher as CertificateWatcher
from controller.metrics.families import ClientMetrics as ClientMetrics
from controller.metrics.families import ControllerMetrics as ControllerMetrics
from controller.metrics.families import EventMetrics as EventMetrics
from controller.metrics.families import InformerMetrics as InformerMetrics
from controller.metrics.families import LeaderMetrics as LeaderMetrics
from controller.metrics.families import Metrics as Metrics
from controller.metrics.families import ReconcileMetrics as ReconcileMetrics
from controller.metrics.servers import BindAddress as BindAddress
from controller.metrics.servers import BindAddressError as BindAddressError
from controller.metrics.servers import BindError as BindError
from controller.metrics.servers import Check as Check
from controller.metrics.servers import MetricsServer as MetricsServer
from controller.metrics.servers import ProbeServer as ProbeServer
from controller.metrics.workqueue import WorkqueueMetrics as WorkqueueMetrics

__all__ = (
    "BindAddress",
    "BindAddressError",
    "BindError",
    "CertificateError",
    "CertificateWatcher",
    "Check",
    "ClientMetrics",
    "ControllerMetrics",
    "EventMetrics",
    "InformerMetrics",
    "LeaderMetrics",
    "Metrics",
    "MetricsServer",
    "ProbeServer",
    "ReconcileMetrics",
    "WorkqueueMetrics",
)
