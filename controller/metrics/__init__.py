"""Metrics under controller-runtime's names, labels and buckets, so that its dashboards and alerts work unchanged; and the HTTP
endpoints that serve them and the probes.

``Metrics`` registers every family on a registry that the caller passes in; there is no global one. Each package gets the small recorder
it needs and does not know Prometheus.
"""

from controller.metrics.certificates import CertificateError as CertificateError
from controller.metrics.certificates import CertificateWatcher as CertificateWatcher
from controller.metrics.families import ClientFamilies as ClientFamilies
from controller.metrics.families import ControllerMetrics as ControllerMetrics
from controller.metrics.families import EventFamilies as EventFamilies
from controller.metrics.families import InformerFamilies as InformerFamilies
from controller.metrics.families import LeaderElectionFamilies as LeaderElectionFamilies
from controller.metrics.families import LoopFamilies as LoopFamilies
from controller.metrics.families import Metrics as Metrics
from controller.metrics.families import ReconcileFamilies as ReconcileFamilies
from controller.metrics.servers import BindAddress as BindAddress
from controller.metrics.servers import BindAddressError as BindAddressError
from controller.metrics.servers import BindError as BindError
from controller.metrics.servers import Check as Check
from controller.metrics.servers import HTTPServer as HTTPServer
from controller.metrics.servers import MetricsServer as MetricsServer
from controller.metrics.servers import ProbeServer as ProbeServer
from controller.metrics.webhook import WebhookFamilies as WebhookFamilies
from controller.metrics.workqueue import WorkqueueFamilies as WorkqueueFamilies
