"""What an API server would have against the pods of a backend, at the places of the Model that it comes from."""

from collections.abc import Iterator

from controller.api.findings import Finding, error
from controller.api.model import Backend
from controller.validation import kubernetes

POD = "pod"
"""The rule of what every API server refuses in a pod."""


def pods(backend: Backend, path: str) -> Iterator[Finding]:
    """Everything that the pods of this backend would be refused for."""
    checks = [
        (f"{path}.env", kubernetes.variables(backend.env)),
        (f"{path}.envFrom", kubernetes.variable_sources(backend.env_from)),
    ]
    for index, worker in enumerate(backend.workers):
        where = f"{path}.workers[{index}]"
        checks += [
            (f"{where}.resources", kubernetes.resources(worker.resources)),
            (f"{where}.tolerations", kubernetes.tolerations(worker.tolerations)),
            (f"{where}.nodeSelector", kubernetes.labels(worker.node_selector)),
            (f"{where}.affinity", kubernetes.affinity(worker.affinity)),
        ]
    if backend.runtime_class_name and not kubernetes.is_subdomain(backend.runtime_class_name):
        yield error(
            f"{path}.runtimeClassName", f"{backend.runtime_class_name[:40]!r} is not the name of an object", POD
        )
    for start, problems in checks:
        for end, message in problems:
            yield error(f"{start}{end}", message, POD)
