"""Admission webhooks (``admission.k8s.io/v1``): validate or change objects before the API server stores them.

``admission`` has the values and is pure, ``server`` answers the API server over HTTPS with a certificate that is reloaded.
"""

from controller.webhook.admission import AdmissionRequest as AdmissionRequest
from controller.webhook.admission import AdmissionResponse as AdmissionResponse
from controller.webhook.admission import allowed as allowed
from controller.webhook.admission import denied as denied
from controller.webhook.server import Mutator as Mutator
from controller.webhook.server import Validator as Validator
from controller.webhook.server import WebhookServer as WebhookServer
