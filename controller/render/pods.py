"""The parts that the pods of every engine share: volumes, downloaders, environment, the runtime sidecar."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from controller.api.model import Backend, Worker
from controller.api.storage import SHM_MOUNT
from controller.api.variables import env_from
from controller.dialects import E4FB6663, Dialect, Recovery, Workload
from controller.render.arguments import literal
from controller.render.facts import BackendFacts, WorkerFacts
from controller.render.names import bounded, child_name, pod_labels

REVISIONS = frozenset({"HF_REVISION", "MS_REVISION"})
"""Variables that name a revision of the model's repository: they mean nothing for other repositories."""
_AWS_NAMES = {
    "AWS_ACCESS_KEY_ID": "ACCESS_KEY",
    "AWS_SECRET_ACCESS_KEY": "SECRET_KEY",
    "AWS_ENDPOINT_URL": "ENDPOINT",
}
"""What AWS calls the variables that the downloader reads under names of its own."""
IDENTITY_VARIABLES = ("POD_NAME", "NAMESPACE")


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """The dialect of the children, and the operator's choices that pod templates depend on."""

    downloader_image: str = E4FB6663.images.downloader
    runtime_image: str = E4FB6663.images.runtime
    dialect: Dialect = E4FB6663

    @classmethod
    def of(cls, dialect: Dialect, downloader: str | None = None, runtime: str | None = None) -> "RenderOptions":
        """The options for a dialect: its own images where none is given."""
        return cls(downloader or dialect.images.downloader, runtime or dialect.images.runtime, dialect)


_RECOVERY = {"InferGroupRecreate": Recovery.GROUP, "RoleRecreate": Recovery.ROLE, "None": Recovery.NONE}


def workload(facts: BackendFacts, roles: tuple[dict[str, Any], ...], *, one_per_node: bool = False) -> Workload:
    """The workload of the backend, before a dialect spells it."""
    backend = facts.backend
    rollout = backend.rollout if isinstance(backend.rollout, Mapping) else {}
    gang = backend.gang_scheduling if isinstance(backend.gang_scheduling, Mapping) else None
    return Workload(
        name=child_name(facts.model, backend),
        replicas=backend.min_replicas,
        scheduler_name=backend.scheduler_name or "volcano",
        roles=roles,
        one_per_node=one_per_node,
        recovery=_RECOVERY.get(backend.recovery_policy or "", Recovery.GROUP),
        max_unavailable=rollout.get("maxUnavailable"),
        partition=rollout.get("partition"),
        gang=None if gang is None else gang.get("minRoleReplicas") or {},
        topology=backend.network_topology if isinstance(backend.network_topology, Mapping) else None,
    )


def cache_volume_name(backend: Backend) -> str:
    """The volume that holds the weights."""
    return bounded(backend.name, "-weights")


def source_volume_name(claim: str) -> str:
    """The volume of a claim that a source lies in. Volume names have no dots, so a hash distinguishes a name with dots."""
    return bounded(claim.replace(".", "-"), "-source", hashed=claim if "." in claim else None)


def volumes(facts: BackendFacts) -> list[dict[str, Any]]:
    """The controller's own volumes, then the user's."""
    return [*own_volumes(facts), *_objects(facts.backend.volumes)]


def own_volumes(facts: BackendFacts) -> list[dict[str, Any]]:
    """Cache, source claims, model, shared memory. The default 64 MiB of shared memory break engines with several devices."""
    cache = facts.cache
    if cache.host_path is not None:
        source: dict[str, Any] = {"hostPath": {"path": cache.host_path, "type": "DirectoryOrCreate"}}
    elif cache.claim is not None:
        source = {"persistentVolumeClaim": {"claimName": cache.claim}}
    else:
        source = {"emptyDir": {}}
    claims = [
        {"name": source_volume_name(claim), "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}
        for claim in facts.claims
    ]
    return [
        {"name": cache_volume_name(facts.backend), **source},
        *claims,
        *_model_volume(facts),
        {"name": "dshm", "emptyDir": {"medium": "Memory", **non_empty(sizeLimit=facts.backend.shared_memory_size)}},
    ]


def model_volume_name(facts: BackendFacts) -> str:
    """The volume of a model that is served from an image or from its own claim."""
    return bounded(facts.backend.name, "-model")


def _model_volume(facts: BackendFacts) -> list[dict[str, Any]]:
    if facts.source.image is not None:
        source: dict[str, Any] = {"image": {"reference": facts.source.image, "pullPolicy": "IfNotPresent"}}
    elif facts.source.claim is not None:
        source = {"persistentVolumeClaim": {"claimName": facts.source.claim, "readOnly": True}}
    else:
        return []
    return [{"name": model_volume_name(facts), **source}]


def _model_mount(facts: BackendFacts) -> list[dict[str, Any]]:
    path = facts.source.directory if facts.source.image is not None else f"/{facts.source.claim}"
    return [{"name": model_volume_name(facts), "mountPath": path, "readOnly": True}] if _model_volume(facts) else []


def cache_mount(facts: BackendFacts) -> dict[str, Any]:
    """The mount of the weights."""
    return {"name": cache_volume_name(facts.backend), "mountPath": facts.cache.mount}


def data_mounts(facts: BackendFacts) -> list[dict[str, Any]]:
    """The mounts of everything that downloads: weights and source claims."""
    sources = [
        {"name": source_volume_name(claim), "mountPath": f"/{claim}", "readOnly": True} for claim in facts.claims
    ]
    return [cache_mount(facts), *sources]


def engine_mounts(facts: BackendFacts) -> list[dict[str, Any]]:
    """The mounts of an engine: the controller's own, then the user's."""
    return [*own_engine_mounts(facts), *_objects(facts.backend.volume_mounts)]


def own_engine_mounts(facts: BackendFacts) -> list[dict[str, Any]]:
    """Weights and shared memory."""
    return [cache_mount(facts), *_model_mount(facts), {"name": "dshm", "mountPath": SHM_MOUNT}]


def _objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list that a user wrote."""
    return [dict(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _resources(settings: Any) -> Any:
    """The resources of a container that the controller adds."""
    return settings.get("resources") if isinstance(settings, Mapping) else None


def non_empty(**fields: Any) -> dict[str, Any]:
    """The fields that are not empty."""
    return {key: value for key, value in fields.items() if value is not None and value not in ([], {})}


def downloaders(facts: BackendFacts, options: RenderOptions) -> list[dict[str, Any]]:
    """The init containers: the model's unless it is served in place, then one per adapter that is part of the template."""
    name, uri = facts.model.name, facts.backend.model_uri
    containers = []
    if facts.source.downloaded:
        env = downloader_env(facts.env, uri)
        containers += [
            _downloader(bounded(name, "-model-downloader"), uri, facts.source.directory, env, facts, options)
        ]
    if not facts.is_hot:
        for index, adapter in enumerate(facts.backend.adapters):
            url = adapter.artifact_url
            env = downloader_env(without_revisions(facts.env), url)
            container = bounded(name, f"-lora-downloader-{index}")
            containers.append(_downloader(container, url, facts.directory(adapter), env, facts, options))
    return containers


def _downloader(
    name: str, uri: str, target: str, env: list[Mapping[str, Any]], facts: BackendFacts, options: RenderOptions
) -> dict[str, Any]:
    return {
        "name": name,
        "image": options.downloader_image,
        "args": ["--source", literal(uri), "--output-dir", literal(target)],
        **non_empty(env=env, envFrom=env_from(facts.backend), resources=_resources(facts.backend.downloader)),
        "volumeMounts": data_mounts(facts),
    }


def without_revisions(env: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The variables without those that name a revision of the model."""
    return [entry for entry in env if entry["name"] not in REVISIONS]


def downloader_env(env: Iterable[Mapping[str, Any]], *uris: str) -> list[Mapping[str, Any]]:
    """The variables of a program that downloads these: all of them, and for ``s3://`` those with AWS's names under the downloader's own names too."""
    entries = list(env)
    taken = {entry["name"] for entry in entries}
    if not any(uri.startswith("s3://") for uri in uris):
        return entries
    renamed = [{**entry, "name": _AWS_NAMES[entry["name"]]} for entry in entries if entry["name"] in _AWS_NAMES]
    return entries + [entry for entry in renamed if entry["name"] not in taken]


def field_variable(name: str, path: str) -> dict[str, Any]:
    """A variable that holds a field of the pod."""
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def _optional(kind: str, source: str, name: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {kind: {"name": source, "key": name, "optional": True}}}


def engine_env(facts: BackendFacts, first: list[dict[str, Any]], last: list[dict[str, Any]]) -> list[Any]:
    """The user's variables in their order, then the standard ones that the user has not set: ``first`` after those of the pod, ``last`` last.

    POD_NAME and NAMESPACE are the controller's: the sidecar's identity depends on them.
    """
    entries: list[Any] = [entry for entry in facts.env if entry["name"] not in IDENTITY_VARIABLES]
    taken = {entry["name"] for entry in entries}
    standard = [
        field_variable("POD_NAME", "metadata.name"),
        field_variable("NAMESPACE", "metadata.namespace"),
        *first,
        _optional("configMapKeyRef", "redis-config", "REDIS_HOST"),
        _optional("configMapKeyRef", "redis-config", "REDIS_PORT"),
        _optional("secretKeyRef", "redis-secret", "REDIS_PASSWORD"),
        *last,
    ]
    return entries + [entry for entry in standard if entry["name"] not in taken]


def runtime_container(facts: BackendFacts, options: RenderOptions, env: list[Any]) -> dict[str, Any]:
    """The sidecar that downloads and loads adapters and offers metrics under common names."""
    port = facts.runtime_port
    adapters = [adapter.artifact_url for adapter in facts.backend.adapters] if facts.is_hot else []
    return {
        "name": "runtime",
        "image": options.runtime_image,
        "ports": [{"containerPort": port, "protocol": "TCP"}],
        "env": downloader_env(without_revisions(env), *adapters),
        **non_empty(envFrom=env_from(facts.backend), resources=_resources(facts.backend.runtime)),
        "args": [
            "--port",
            str(port),
            "--engine",
            facts.traits.sidecar_engine,
            "--engine-base-url",
            literal(facts.runtime_url),
            "--engine-metrics-path",
            literal(facts.metrics_path),
            "--pod",
            "$(POD_NAME).$(NAMESPACE)",
            "--model",
            literal(facts.model.request_name),
            *(["--host", "::"] if _listens_on_ipv6(facts) else []),
        ],
        "volumeMounts": data_mounts(facts),
    }


def _listens_on_ipv6(facts: BackendFacts) -> bool:
    """Whether the engine listens on every address of both families. The sidecar then does too: its default is IPv4 alone."""
    return any(item.config.get("host") == "::" for item in facts.workers)


def runtime_probe(facts: BackendFacts) -> dict[str, Any]:
    """The readiness of the sidecar."""
    return {
        "httpGet": {"path": "/health", "port": facts.runtime_port},
        "initialDelaySeconds": 5,
        "periodSeconds": 10,
    }


def entry_metadata(facts: BackendFacts, options: RenderOptions) -> dict[str, Any]:
    """The metadata of entry pods: the labels by which servers select them."""
    return {"labels": pod_labels(facts.model, facts.backend, options.dialect), **annotations(facts)}


def annotations(facts: BackendFacts) -> dict[str, Any]:
    """The annotations of pods, as a part of their metadata; empty without any."""
    given = facts.backend.annotations
    return non_empty(annotations=dict(given) if isinstance(given, Mapping) else None)


def further_template(
    facts: BackendFacts, worker: WorkerFacts, options: RenderOptions, container: dict[str, Any]
) -> dict[str, Any]:
    """The template of the pods beside the entry pod. They carry no labels of ours: they serve no HTTP and must not be selected."""
    return {**non_empty(metadata=annotations(facts)), "spec": pod_spec(facts, worker, options, [container])}


def pod_spec(
    facts: BackendFacts,
    worker: WorkerFacts,
    options: RenderOptions,
    containers: list[dict[str, Any]],
    *,
    grace_seconds: int | None = None,
) -> dict[str, Any]:
    """The spec of a pod around its containers.

    A Service called ``vllm`` in the namespace would set ``VLLM_PORT=tcp://…``, at which the engine stops; so no Service's variables are set.
    """
    return {
        "enableServiceLinks": False,
        **non_empty(initContainers=downloaders(facts, options)),
        "containers": containers,
        **non_empty(terminationGracePeriodSeconds=grace_seconds),
        "volumes": volumes(facts),
        **placement(facts.backend, worker.worker),
    }


def placement(backend: Backend, worker: Worker) -> dict[str, Any]:
    """Where the pods may run, and under which service account. The pod's scheduler is left to the cluster unless the user chose one."""
    return non_empty(
        affinity=worker.affinity,
        tolerations=worker.tolerations,
        nodeSelector=worker.node_selector,
        runtimeClassName=backend.runtime_class_name or None,
        priorityClassName=backend.priority_class_name or None,
        serviceAccountName=backend.service_account_name or None,
        imagePullSecrets=_objects(backend.image_pull_secrets),
        securityContext=backend.security_context,
        schedulerName=backend.scheduler_name or None,
    )
