"""The Model's types: the one source of parsing, of the field reference and of the CRD.

Parsing is lenient: unknown keys are ignored, absent and null fields read as their defaults, and everything that Kubernetes itself types
(env, envFrom, resources, affinity, tolerations, modelMatch) or that is free JSON (config) stays exactly as it was written.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from controller import meta
from controller.meta import Object

NAME_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
SOURCE_PATTERN = r"^(hf://|s3://|obs://|pvc://|ms://).+"
CACHE_PATTERN = r"^(hostpath://|pvc://).+"
Json = Any


class ApiType(BaseModel):
    """A part of the API: frozen, camelCase on the wire, unknown keys ignored."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")


def _integral(value: Any) -> Any:
    """JSON has one kind of number: 3.0 is the integer 3; a boolean is no number."""
    if isinstance(value, bool):
        raise ValueError("a boolean is no number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


Int = Annotated[int, BeforeValidator(_integral), Field(strict=True)]


class LoraAdapter(ApiType):
    """A LoRA adapter that the engines of a backend offer beside the base model."""

    name: str = Field(
        "", description="Name that clients put into the model field of a request.", pattern=NAME_PATTERN, max_length=63
    )
    artifact_url: str = Field(
        "", alias="artifactURL", description="Where the adapter comes from: hf://, s3://, obs://, ms:// or pvc://CLAIM/PATH.",
        pattern=SOURCE_PATTERN, max_length=1024,
    )  # fmt: skip


class Worker(ApiType):
    """One role of a backend and the pods that play it."""

    type: str = Field("server", description="Role: server, or prefill and decode of a disaggregated backend.")
    image: str = Field("", description="Image of the inference engine.", max_length=512)
    replicas: Int | None = Field(
        None, description="Instances of this role inside one replica; absent or 0 means 1.", ge=0, le=1000000
    )
    pods: Int | None = Field(
        None,
        description="Pods of one instance: above 1, an entry pod and Ray workers; absent or 0 means 1.",
        ge=0,
        le=1000000,
    )
    resources: Json = Field(None, description="Resources of the engine container.")
    affinity: Json = Field(None, description="Scheduling affinity of the pods.")
    tolerations: Json = Field(None, description="Tolerations of the pods.")
    node_selector: Json = Field(None, description="Labels a node must have to run the pods.")
    config: Json = Field(None, description="Arguments of the engine: each key becomes a flag.")


class Backend(ApiType):
    """A set of engines that serve the model in one way."""

    name: str = Field(
        "",
        description="Name of the backend; a rename removes its children and creates new ones.",
        pattern=NAME_PATTERN,
        max_length=55,
    )
    type: str = Field("", description="Engine family.")
    model_uri: str = Field(
        "",
        alias="modelURI",
        description="Where the weights come from: hf://, s3://, obs://, ms:// or pvc://CLAIM/PATH.",
        pattern=SOURCE_PATTERN,
        max_length=1024,
    )
    cache_uri: str | None = Field(
        None,
        alias="cacheURI",
        description="Volume that holds downloaded weights: hostpath://PATH or pvc://CLAIM; absent means an emptyDir.",
        pattern=CACHE_PATTERN,
        max_length=1024,
    )
    env_from: Json = Field(
        None, description="Sources of environment variables for the downloaders and the runtime sidecar."
    )
    env: Json = Field(None, description="Environment variables of the engine, the sidecar and the downloaders.")
    min_replicas: Int = Field(0, description="Lower bound of replicas, and their number at creation.", ge=0, le=1000000)
    max_replicas: Int = Field(1, description="Upper bound of replicas.", ge=1, le=1000000)
    scaling_cost: Int | None = Field(None, description="Cost of one replica, for autoscaling at model level.", ge=0)
    route_weight: Int | None = Field(
        None, description="Share of the traffic, relative to the other backends.", ge=0, le=100
    )
    scale_to_zero_grace_period: str | None = Field(
        None, description="Accepted for compatibility; no component uses it yet.", max_length=32
    )
    workers: tuple[Worker, ...] = Field((), description="Roles and their pods.", min_length=1, max_length=8)
    lora_adapters: tuple[LoraAdapter, ...] | None = Field(
        None, description="LoRA adapters of this backend.", max_length=10
    )
    autoscaling_policy: Mapping[str, Any] | None = Field(None, description="Autoscaling of this backend alone.")
    scheduler_name: str | None = Field(None, description="Scheduler of the ModelInfer and of its pods.", max_length=63)
    runtime_class_name: str | None = Field(None, description="Runtime class of the pods.", max_length=253)

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

    name: str | None = Field(
        None,
        description="Name that clients put into the model field of a request; absent means metadata.name.",
        pattern=NAME_PATTERN,
        max_length=64,
    )
    owner: str | None = Field(None, description="Free text about who answers for the model.")
    backends: tuple[Backend, ...] = Field((), description="Inference backends.", min_length=1, max_length=16)
    autoscaling_policy: Mapping[str, Any] | None = Field(None, description="Autoscaling over all backends by cost.")
    cost_expansion_rate_percent: Int | None = Field(
        None, description="Growth of the cost per scaling step, with autoscaling at model level.", ge=0, le=1000
    )
    model_match: Json = Field(None, description="Further conditions that a request must meet.")


class ModelParseError(Exception):
    """The object has not the shape of a Model. ``problems`` holds (path, message) pairs."""

    def __init__(self, problems: tuple[tuple[str, str], ...]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in problems))
        self.problems = problems


class Model:
    """A Model as the controller reads it: identity from the metadata, the typed spec, and the object itself."""

    __slots__ = ("annotations", "generation", "name", "namespace", "object", "spec", "uid")

    def __init__(self, obj: Object, spec: ModelSpec) -> None:
        self.object = obj
        self.spec = spec
        self.name = meta.name_of(obj)
        self.namespace = meta.namespace_of(obj)
        self.uid = meta.uid_of(obj)
        self.generation = meta.generation_of(obj)
        self.annotations = meta.annotations_of(obj)

    @classmethod
    def from_object(cls, obj: Object) -> "Model":
        """Reads the object. Raises ModelParseError when some part has the wrong type."""
        return cls(obj, parse_spec(obj))

    @property
    def request_name(self) -> str:
        """The name clients ask for."""
        return self.spec.name or self.name


def parse_spec(obj: Object) -> ModelSpec:
    """The typed spec. Raises ModelParseError."""
    try:
        return ModelSpec.model_validate(_without_nulls(obj.get("spec")))
    except ValidationError as error:
        raise ModelParseError(
            tuple(
                (_path(problem["loc"]), problem["msg"])
                for problem in error.errors(include_url=False, include_input=False)
            )
        ) from None
    except RecursionError:
        raise ModelParseError((("spec", "is nested too deeply"),)) from None


_TYPED_LISTS = {"backends", "workers", "loraAdapters"}


def _without_nulls(value: Any) -> Any:
    """Null means absent, in the parts that are typed here."""
    if not isinstance(value, Mapping):
        return value
    return {
        key: [_without_nulls(entry) for entry in item]
        if key in _TYPED_LISTS and isinstance(item, list | tuple)
        else item
        for key, item in value.items()
        if item is not None
    }


def _path(location: tuple[int | str, ...]) -> str:
    text = "spec"
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text
