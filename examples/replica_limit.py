"""A webhook: ReplicaSets of the example get a default for ``replicas``, and those that ask for too many are refused.

Shows a mutating and a validating webhook, a certificate that is reloaded, and how both are registered with the API server.
"""

import base64
from pathlib import Path
from typing import Any

from controller import meta
from controller.client import Client, create_or_patch
from controller.meta import Object, Resource
from controller.runtime import Manager
from controller.webhook import AdmissionRequest, AdmissionResponse, WebhookServer, allowed, denied
from examples.replicaset import REPLICA_SET

REGISTRATION = "admissionregistration.k8s.io"
MUTATING = Resource(REGISTRATION, "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False)
VALIDATING = Resource(REGISTRATION, "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False)
LARGE = 10


class ReplicaLimit:
    """Both webhooks, for at most ``most`` replicas."""

    def __init__(self, most: int) -> None:
        self._most = most

    async def default(self, request: AdmissionRequest) -> Object | None:
        """One replica where none are asked for."""
        if request.object is None or "replicas" in meta.spec_of(request.object):
            return None
        return {**request.object, "spec": {**meta.spec_of(request.object), "replicas": 1}}

    async def validate(self, request: AdmissionRequest) -> AdmissionResponse:
        """Refuses anything but a number within the limit; warns of many."""
        replicas = meta.spec_of(request.object or {}).get("replicas")
        if not isinstance(replicas, int) or replicas < 0:
            return denied("spec.replicas must be a whole number from 0 on.", code=422)
        if replicas > self._most:
            return denied(f"spec.replicas is {replicas}, at most {self._most} are allowed.", code=422)
        return allowed(*(["many replicas may not fit the cluster"] if replicas > LARGE else []))


def setup(manager: Manager, certificates: Path, *, bind: str = ":9443", most: int = 100) -> WebhookServer:
    """Adds the webhooks to a manager. Every replica serves them, not only the leader."""
    limit, server = ReplicaLimit(most), WebhookServer(bind, certificates, manager.metrics)
    server.mutate("/default-replicas", limit.default)
    server.validate("/limit-replicas", limit.validate)
    manager.add_runnable("webhooks", server, leader_only=False)
    return server


async def register(client: Client, base_url: str, ca: bytes) -> None:
    """Has the API server ask ``base_url``. In a cluster this is a manifest, with a Service instead of the URL."""
    for resource, path in ((MUTATING, "default-replicas"), (VALIDATING, "limit-replicas")):
        await create_or_patch(client, resource, configuration(resource, path, base_url, ca))


def configuration(resource: Resource, path: str, base_url: str, ca: bytes) -> dict[str, Any]:
    """The registration of one webhook: created and updated ReplicaSets, refused if the webhook is away."""
    rule = {
        "apiGroups": [REPLICA_SET.group],
        "apiVersions": [REPLICA_SET.version],
        "resources": [REPLICA_SET.plural],
        "operations": ["CREATE", "UPDATE"],
    }
    webhook = {
        "name": f"{path}.example.com",
        "clientConfig": {"url": f"{base_url}/{path}", "caBundle": base64.b64encode(ca).decode()},
        "rules": [rule],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
    }
    metadata = {"name": f"{path}.example.com"}
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": metadata, "webhooks": [webhook]}
