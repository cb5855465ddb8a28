"""The Model's types: the one source of parsing, of the field reference and of the CRD.

Parsing asks for the right types and nothing else: unknown keys are ignored, absent and null fields read as their defaults, and what Kubernetes
itself types (env, envFrom, resources, affinity, tolerations, modelMatch) or what is free JSON (config) stays as it was written. Bounds and
patterns stand with the fields as JSON schema; the CRD and ``validate`` read them there.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from controller import meta
from controller.api.kinds import MODEL
from controller.meta import Object, Resource

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SOURCE_PATTERN = r"^(hf://|s3://|obs://|pvc://|ms://).+"
MODEL_PATTERN = r"^(hf://|s3://|obs://|pvc://|ms://|oci://).+"
CACHE_PATTERN = r"^(hostpath://|pvc://).+"
WORKERS_OF = {
    "vLLM": ("server",),
    "vLLMDisaggregated": ("prefill", "decode"),
    "SGLang": ("server",),
    "SGLangDisaggregated": ("prefill", "decode"),
    "MindIE": ("server",),
    "MindIEDisaggregated": ("prefill", "decode", "controller", "coordinator"),
}
"""The backend types that the CRD knows, each with the types of its workers."""
WORKER_TYPES = ("server", "prefill", "decode", "controller", "coordinator")
COPY, IN_PLACE = "Copy", "InPlace"
"""The values of ``modelAccess``."""
MOST_REPLICAS = 1_000_000

Json = Any
Int = Annotated[int, Field(strict=True)]


class ApiType(BaseModel):
    """A part of the API: frozen, camelCase on the wire, unknown keys ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def _field(absent: Any, description: str, example: Any, *, alias: str | None = None, **schema: Any) -> Any:
    """A field with its place in the reference and the schema keywords that bound it."""
    return Field(absent, alias=alias, description=description, examples=[example], json_schema_extra=schema)


class LoraAdapter(ApiType):
    """A LoRA adapter that the engines of a backend offer beside the base model."""

    name: str = _field(
        "", "Name that clients put into the model field of a request.", "legal", pattern=NAME_PATTERN, maxLength=63
    )
    artifact_url: str = _field(
        "",
        "Where the adapter comes from: hf://, s3://, obs://, ms:// or pvc://CLAIM/PATH.",
        "hf://acme/llama-legal-lora",
        alias="artifactURL",
        pattern=SOURCE_PATTERN,
        maxLength=1024,
    )
    artifact_version: str | None = _field(
        None,
        "Any text; another one says that the content at artifactURL has changed, so that it is downloaded again and replaces the old.",
        "2026-03-01",
        maxLength=253,
    )


class Worker(ApiType):
    """One role of a backend and the pods that play it."""

    type: str = _field(
        "server",
        "Role: server, or prefill and decode of a disaggregated backend.",
        "server",
        enum=list(WORKER_TYPES),
        default="server",
    )
    image: str = _field("", "Image of the inference engine.", "vllm/vllm-openai:v0.10.2", maxLength=512)
    replicas: Int | None = _field(
        None,
        "Instances of this role inside one replica; absent or 0 means 1.",
        1,
        minimum=0,
        maximum=MOST_REPLICAS,
    )
    pods: Int | None = _field(
        None,
        "Pods of one instance: above 1, an entry pod and further ones; absent or 0 means 1.",
        2,
        minimum=0,
        maximum=MOST_REPLICAS,
    )
    resources: Json = _field(None, "Resources of the engine container.", {"limits": {"nvidia.com/gpu": "1"}})
    affinity: Json = _field(
        None,
        "Scheduling affinity of the pods.",
        {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]
            }
        },
    )
    tolerations: Json = _field(None, "Tolerations of the pods.", [{"key": "gpu", "operator": "Exists"}])
    node_selector: Json = _field(None, "Labels a node must have to run the pods.", {"accelerator": "h100"})
    config: Json = _field(
        None,
        "Arguments of the engine: each key becomes a flag.",
        {"max-model-len": 8192, "enable-prefix-caching": True},
    )
    min_replicas: Int | None = _field(
        None,
        "Lower bound of this role's instances, which the backend's autoscalingPolicy then scales inside each replica; with the dialect v1 only.",
        1,
        minimum=0,
        maximum=MOST_REPLICAS,
    )
    max_replicas: Int | None = _field(
        None, "Upper bound of this role's instances, beside minReplicas.", 4, minimum=1, maximum=MOST_REPLICAS
    )

    @property
    def scales(self) -> bool:
        """Whether the instances of this role have bounds of their own."""
        return self.min_replicas is not None or self.max_replicas is not None


class Backend(ApiType):
    """A set of engines that serve the model in one way."""

    name: str = _field(
        "",
        "Name of the backend; a rename removes its children and creates new ones.",
        "main",
        pattern=NAME_PATTERN,
        maxLength=55,
    )
    type: str = _field("", "Engine family.", "vLLM", enum=list(WORKERS_OF))
    model_uri: str = _field(
        "",
        "Where the weights come from: hf://, s3://, obs://, ms://, pvc://CLAIM/PATH or the image oci://IMAGE.",
        "hf://Qwen/Qwen3-0.6B",
        alias="modelURI",
        pattern=MODEL_PATTERN,
        maxLength=1024,
    )
    model_access: str | None = _field(
        None,
        "How a pvc:// model is read: Copy (the default) copies it into the cache, InPlace serves it from its claim.",
        COPY,
        enum=[COPY, IN_PLACE],
    )
    cache_uri: str | None = _field(
        None,
        "Volume that holds downloaded weights: hostpath://PATH or pvc://CLAIM; absent means an emptyDir.",
        "pvc://weights",
        alias="cacheURI",
        pattern=CACHE_PATTERN,
        maxLength=1024,
    )
    env_from: Json = _field(
        None,
        "Sources of environment variables for the downloaders and the runtime sidecar.",
        [{"secretRef": {"name": "s3-credentials"}}],
    )
    env: Json = _field(
        None,
        "Environment variables of the engine, the sidecar and the downloaders.",
        [{"name": "HF_ENDPOINT", "value": "https://hub.example.com"}],
    )
    min_replicas: Int = _field(
        0, "Lower bound of replicas, and their number at creation.", 1, minimum=0, maximum=MOST_REPLICAS
    )
    max_replicas: Int = _field(1, "Upper bound of replicas.", 4, minimum=1, maximum=MOST_REPLICAS)
    scaling_cost: Int | None = _field(None, "Cost of one replica, for autoscaling at model level.", 4, minimum=0)
    route_weight: Int | None = _field(
        None,
        "Share of the traffic, relative to the other backends.",
        70,
        minimum=0,
        maximum=100,
        default=100,
    )
    scale_to_zero_grace_period: str | None = _field(
        None, "Accepted for compatibility; no component uses it yet.", "60s", maxLength=32
    )
    workers: tuple[Worker, ...] = _field(
        (), "Roles and their pods.", [{"type": "server", "image": "vllm/vllm-openai:v0.10.2"}], minItems=1, maxItems=8
    )
    lora_adapters: tuple[LoraAdapter, ...] | None = _field(
        None,
        "LoRA adapters of this backend.",
        [{"name": "legal", "artifactURL": "hf://acme/llama-legal-lora"}],
        maxItems=10,
    )
    autoscaling_policy: Mapping[str, Any] | None = _field(
        None,
        "Autoscaling of this backend alone.",
        {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]},
    )
    scheduler_name: str | None = _field(None, "Scheduler of the ModelInfer and of its pods.", "volcano", maxLength=63)
    runtime_class_name: str | None = _field(None, "Runtime class of the pods.", "nvidia", maxLength=253)
    priority_class_name: str | None = _field(None, "Priority class of the pods.", "high", maxLength=253)
    service_account_name: str | None = _field(None, "Service account of the pods.", "models", maxLength=253)
    image_pull_secrets: Json = _field(None, "Secrets for pulling the images of the pods.", [{"name": "registry-token"}])
    security_context: Json = _field(None, "Security settings of the pods.", {"fsGroup": 1000})
    annotations: Json = _field(None, "Annotations of the pods.", {"example.com/queue": "research"})
    volumes: Json = _field(
        None, "Further volumes of the pods.", [{"name": "templates", "configMap": {"name": "chat-templates"}}]
    )
    volume_mounts: Json = _field(
        None, "Further mounts of the engine.", [{"name": "templates", "mountPath": "/templates", "readOnly": True}]
    )
    shared_memory_size: Json = _field(
        None, "Largest size of the shared memory at /dev/shm; absent means half of the node's memory.", "16Gi"
    )
    recovery_policy: str | None = _field(
        None,
        "What is built again after a pod of a replica failed: the whole replica (InferGroupRecreate, the default), its role, or nothing.",
        "RoleRecreate",
        enum=["InferGroupRecreate", "RoleRecreate", "None"],
    )
    rollout: Json = _field(
        None,
        "Bounds of a rollout: maxUnavailable and partition, numbers of replicas or percentages.",
        {"maxUnavailable": 1},
    )
    gang_scheduling: Json = _field(
        None,
        "Pods of a replica start together: minRoleReplicas, the minimum number of instances of each role; an empty object means all.",
        {"minRoleReplicas": {"leader": 1}},
    )
    network_topology: Json = _field(
        None,
        "How close the pods of a replica must be: mode, and highestTierAllowed.",
        {"mode": "hard", "highestTierAllowed": 1},
    )
    downloader: Json = _field(None, "Settings of the downloaders.", {"resources": {"limits": {"memory": "4Gi"}}})
    runtime: Json = _field(None, "Settings of the runtime sidecar.", {"resources": {"limits": {"memory": "1Gi"}}})

    @property
    def adapters(self) -> tuple[LoraAdapter, ...]:
        """The LoRA adapters, in list order."""
        return self.lora_adapters or ()

    @property
    def weight(self) -> int:
        """The effective route weight."""
        return 100 if self.route_weight is None else self.route_weight


class ModelSpec(ApiType):
    """Which model to serve, on which backends."""

    name: str | None = _field(
        None,
        "Name that clients put into the model field of a request; absent means metadata.name.",
        "assistant",
        pattern=NAME_PATTERN,
        maxLength=64,
    )
    owner: str | None = _field(None, "Free text about who answers for the model.", "team-search")
    backends: tuple[Backend, ...] = _field(
        (),
        "Inference backends.",
        [
            {
                "name": "main",
                "type": "vLLM",
                "modelURI": "hf://Qwen/Qwen3-0.6B",
                "minReplicas": 1,
                "maxReplicas": 1,
                "workers": [{"image": "vllm/vllm-openai:v0.10.2"}],
            }
        ],
        minItems=1,
        maxItems=16,
    )
    autoscaling_policy: Mapping[str, Any] | None = _field(
        None,
        "Autoscaling over all backends by cost.",
        {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]},
    )
    cost_expansion_rate_percent: Int | None = _field(
        None,
        "Growth of the cost per scaling step, with autoscaling at model level; absent means 200.",
        150,
        minimum=0,
        maximum=1000,
    )
    model_match: Json = _field(
        None, "Further conditions that a request must meet.", {"headers": {"x-tenant": {"exact": "gold"}}}
    )


class ModelParseError(Exception):
    """The object has not the shape of a Model. ``problems`` holds (path, message) pairs."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))
        self.problems = problems


class Model:
    """A Model as the controller reads it: identity from the metadata, the typed spec, and the object itself.

    ``resource`` is the kind of the object in the cluster, which owns the children: it may be another one that stands for a Model.
    """

    __slots__ = ("annotations", "generation", "name", "namespace", "object", "resource", "spec", "uid")

    def __init__(self, obj: Object, spec: ModelSpec, resource: Resource = MODEL) -> None:
        self.object = obj
        self.spec = spec
        self.resource = resource
        self.name = meta.name_of(obj)
        self.namespace = meta.namespace_of(obj)
        self.uid = meta.uid_of(obj)
        self.generation = meta.generation_of(obj)
        self.annotations = meta.annotations_of(obj)

    @classmethod
    def from_object(cls, obj: Object, resource: Resource = MODEL) -> "Model":
        """Reads the object. Raises ModelParseError when some part has the wrong type."""
        try:
            return cls(obj, ModelSpec.model_validate(normalized(obj.get("spec"))), resource)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False)
            raise ModelParseError(tuple((_path(problem["loc"]), problem["msg"]) for problem in problems)) from None
        except RecursionError:
            raise ModelParseError((("spec", "is nested too deeply"),)) from None

    @classmethod
    def from_readable_parts(cls, obj: Object, resource: Resource = MODEL) -> "Model":
        """Reads the object as if parts of the wrong type were absent, so that everything else can still be judged."""
        spec = normalized(obj.get("spec"))
        while True:
            try:
                return cls(obj, ModelSpec.model_validate(spec), resource)
            except ValidationError as error:
                for problem in error.errors(include_url=False, include_input=False):
                    _remove(spec, problem["loc"])

    def with_object(self, obj: Object) -> "Model":
        """The same spec with another version of the object, which must be of the same generation."""
        return Model(obj, self.spec, self.resource)

    @property
    def adapter_names(self) -> frozenset[str]:
        """The names of the adapters of all backends."""
        return frozenset(adapter.name for backend in self.spec.backends for adapter in backend.adapters)

    @property
    def request_name(self) -> str:
        """The name clients ask for."""
        return self.spec.name or self.name


def normalized(value: Any, *, free: bool = False) -> Any:
    """The value with one spelling for each meaning: no nulls in objects, integral numbers as integers. ``free`` JSON keeps its nulls."""
    if isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if type(value) is dict or isinstance(value, Mapping):
        return {
            key: normalized(item, free=free or key == "config")
            for key, item in value.items()
            if free or item is not None
        }
    return [normalized(item, free=free) for item in value] if isinstance(value, list | tuple) else value


def _remove(value: Any, location: tuple[int | str, ...]) -> None:
    *parents, last = location
    for part in parents:
        value = value[part]
    if isinstance(last, int):
        value[last] = {}
    else:
        del value[last]


def _path(location: tuple[int | str, ...]) -> str:
    text = "spec"
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text
