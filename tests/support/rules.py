"""One table of the rules of the Model API: for each a Model that breaks this rule alone, and a close one that keeps it.

The offline rules and a real API server are both held to it.
"""

from dataclasses import dataclass
from typing import Any

from controller.api.rules import Rule
from tests.support.factories import a_backend, a_model, a_worker

A, C, W = "admission", "controller", "warning"
"""Where a rule acts: the CRD refuses the Model, the controller writes nothing for it, it is only mentioned."""


@dataclass(frozen=True)
class Case:
    """A rule, the path of its finding, where it acts (any of A, C, W), and the two Models."""

    rule: Rule
    path: str
    acts: tuple[str, ...]
    broken: dict[str, Any]
    kept: dict[str, Any]

    @property
    def id(self) -> str:
        """For the test report."""
        return f"{self.rule} {self.path}"


def case(rule: Rule, path: str, acts: tuple[str, ...], broken: dict[str, Any], kept: dict[str, Any]) -> Case:
    return Case(rule, path, acts, broken, kept)


def of_backend(rule: Rule, path: str, acts: tuple[str, ...], broken: dict[str, Any], kept: dict[str, Any]) -> Case:
    """Both Models differ in fields of their only backend; the path is below it."""
    where = f"spec.backends[0].{path}" if path else "spec.backends[0]"
    return Case(rule, where, acts, a_model("chat", a_backend(**broken)), a_model("chat", a_backend(**kept)))


def of_worker(rule: Rule, path: str, acts: tuple[str, ...], broken: dict[str, Any], kept: dict[str, Any]) -> Case:
    """Both Models differ in fields of their only worker; the path is below it."""
    where = f"workers[0].{path}" if path else "workers[0]"
    return of_backend(rule, where, acts, {"workers": [a_worker(**broken)]}, {"workers": [a_worker(**kept)]})


OF_TWO = {"tensor-parallel-size": 2}
"""A config for two pods."""


def of_config(rule: Rule, key: str, broken: Any, kept: Any, acts: tuple[str, ...] = (C,), **backend: Any) -> Case:
    """Both Models differ in the config of their only worker, into which the CRD cannot look."""
    models = [a_model("chat", a_backend(workers=[a_worker(config=config)], **backend)) for config in (broken, kept)]
    return Case(rule, f"spec.backends[0].workers[0].config{key}", acts, models[0], models[1])


def a_pair(
    prefill: dict[str, Any] | None = None, decode: dict[str, Any] | None = None, **backend: Any
) -> dict[str, Any]:
    """A valid disaggregated backend, with further fields of its two workers."""
    workers = [a_worker(**{"type": "prefill", **(prefill or {})}), a_worker(**{"type": "decode", **(decode or {})})]
    return a_backend("pd", type="vLLMDisaggregated", workers=workers, **backend)


def connected(prefill: Any, decode: Any) -> dict[str, Any]:
    """A disaggregated Model whose workers have these connectors; None is none."""
    configs = [None if given is None else {"kv-transfer-config": given} for given in (prefill, decode)]
    return a_model("chat", a_pair({"config": configs[0]}, {"config": configs[1]}))


def adapters(*names: str, url: str = "hf://org/lora") -> list[dict[str, str]]:
    return [{"name": name, "artifactURL": url} for name in names]


def policy(**fields: Any) -> dict[str, Any]:
    """A valid policy with further fields."""
    return {"metrics": [{"metricName": "waiting", "targetValue": 8}], **fields}


def scaled(**behavior: Any) -> dict[str, Any]:
    """A backend's policy with this behavior."""
    return {"autoscalingPolicy": policy(behavior=behavior)}


def multi(*names: str) -> dict[str, Any]:
    """A MultiConnector of these."""
    inner = [{"kv_connector": name, "kv_role": "kv_both"} for name in names]
    return {"kv_connector": "MultiConnector", "kv_role": "kv_both", "kv_connector_extra_config": {"connectors": inner}}


def node_term(expression: dict[str, Any]) -> dict[str, Any]:
    """A worker whose nodes must match this expression."""
    terms = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}


def anti_affinity(term: dict[str, Any]) -> dict[str, Any]:
    """A worker whose pods keep away from others by this term."""
    return {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def nixl(port: int, **config: Any) -> dict[str, Any]:
    """A disaggregated Model whose side channels are at this port, with further keys in both configs."""
    transfer = {"kv-transfer-config": {"kv_connector": "NixlConnector", "kv_role": "kv_both"}, **config}
    env = [{"name": "VLLM_NIXL_SIDE_CHANNEL_PORT", "value": str(port)}]
    return a_model("chat", a_pair({"config": transfer}, {"config": transfer}, env=env))


def mooncake(port: int) -> dict[str, Any]:
    """A disaggregated Model whose connectors use this port."""
    transfer = {"kv_connector": "MooncakeConnectorV1", "kv_role": "kv_both", "kv_port": port}
    return connected(transfer, transfer)


def metrics(*pairs: tuple[str, Any]) -> dict[str, Any]:
    return {"autoscalingPolicy": {"metrics": [{"metricName": name, "targetValue": target} for name, target in pairs]}}


def costly(name: str, **fields: Any) -> dict[str, Any]:
    """A backend that fits model-level autoscaling."""
    return a_backend(name, scalingCost=1, **fields)


def asked_for_as(name: str, backend: dict[str, Any]) -> dict[str, Any]:
    """A Model whose clients ask for another name than its own."""
    model = a_model("chat", backend)
    return {**model, "spec": {"name": name, **model["spec"]}}


PRODUCER = {"kv_connector": "NixlConnector", "kv_role": "kv_producer"}
CONSUMER = {"kv_connector": "NixlConnector", "kv_role": "kv_consumer"}
HOT = {"env": [{"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "1"}]}
S3 = {"modelURI": "s3://bucket/path"}
KEYS = [{"name": "ACCESS_KEY", "value": "a"}, {"name": "SECRET_KEY", "value": "s"}]
AWS_KEYS = [{"name": "AWS_ACCESS_KEY_ID", "value": "a"}, {"name": "AWS_SECRET_ACCESS_KEY", "value": "s"}]


def _sglang(config: dict[str, Any]) -> dict[str, Any]:
    """A backend of SGLang that loads adapters into running engines."""
    return {**HOT, "type": "SGLang", "workers": [a_worker(image="lmsysorg/sglang:v0.5.23", config=config)]}


def _hot_key(**source: Any) -> dict[str, Any]:
    return {"env": [*HOT["env"], {"name": "VLLM_API_KEY", **source}]}


def _port(value: str) -> dict[str, Any]:
    return {"env": [{"name": "RUNTIME_PORT", "value": value}]}


def _deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def with_metadata(**metadata: Any) -> dict[str, Any]:
    """A valid Model with these fields of ``metadata``."""
    model = a_model("chat")
    return {**model, "metadata": {**model["metadata"], **metadata}}


OF_THE_MODEL = (
    case(Rule.METADATA, "metadata.annotations.a", (A, C),
         with_metadata(annotations={"a": True}), with_metadata(annotations={"a": "true"})),
    case(Rule.DIALECT, "metadata.annotations.registry.volcano.sh/dialect", (C,),
         with_metadata(annotations={"registry.volcano.sh/dialect": "v2"}),
         with_metadata(annotations={"registry.volcano.sh/dialect": "v1"})),
    case(Rule.DIALECT, "metadata.annotations.registry.volcano.sh/dialect", (C,),
         with_metadata(annotations={"registry.volcano.sh/dialect": "V1"}),
         with_metadata(annotations={"registry.volcano.sh/dialect": ""})),
    case(Rule.TOTAL_REPLICAS, "spec.backends", (A, C),
         a_model("chat", *(a_backend(n, minReplicas=600_000, maxReplicas=600_000) for n in "ab")),
         a_model("chat", *(a_backend(n, minReplicas=500_000, maxReplicas=500_000) for n in "ab"))),
    case(Rule.AUTOSCALING_LEVEL, "spec.autoscalingPolicy", (A,),
         a_model("chat", costly("a", autoscalingPolicy=policy()), autoscalingPolicy=policy()),
         a_model("chat", costly("a"), autoscalingPolicy=policy())),
    case(Rule.AUTOSCALING_FIELD, "spec.costExpansionRatePercent", (A,),
         a_model(costExpansionRatePercent=150),
         a_model("chat", costly("a"), autoscalingPolicy=policy(), costExpansionRatePercent=150)),
    of_backend(Rule.AUTOSCALING_FIELD, "scalingCost", (A,), {"scalingCost": 1}, {"scalingCost": 0}),
    case(Rule.AUTOSCALING_FIELD, "spec.backends[0].scaleToZeroGracePeriod", (A,),
         a_model("chat", a_backend(scaleToZeroGracePeriod="30s")),
         a_model("chat", costly("main", scaleToZeroGracePeriod="30s"), autoscalingPolicy=policy())),
    of_backend(Rule.AUTOSCALED_MINIMUM, "minReplicas", (A,),
               {"minReplicas": 0, "autoscalingPolicy": policy()}, {"minReplicas": 1, "autoscalingPolicy": policy()}),
    of_backend(Rule.FIXED_REPLICAS, "minReplicas", (A,), {"maxReplicas": 2}, {"minReplicas": 2, "maxReplicas": 2}),
    case(Rule.AUTOSCALED_MINIMUM, "spec.backends", (A,),
         a_model("chat", costly("a", minReplicas=0), autoscalingPolicy=policy()),
         a_model("chat", costly("a", minReplicas=0), costly("b"), autoscalingPolicy=policy())),
    case(Rule.SCALING_COST, "spec.backends[0].scalingCost", (A,),
         a_model("chat", a_backend(), autoscalingPolicy=policy()), a_model("chat", costly("main"), autoscalingPolicy=policy())),
    case(Rule.NAME, "metadata.name", (A, C), a_model("1chat"), a_model("chat-1")),
    case(Rule.ROUTE_WEIGHTS, "spec.backends", (A, C),
         a_model("chat", a_backend("a", routeWeight=0), a_backend("b", routeWeight=0)),
         a_model("chat", a_backend("a", routeWeight=0), a_backend("b", routeWeight=1))),
    case(Rule.ROUTE_SIZE, "spec.backends", (A, C),
         a_model("chat", *(a_backend(f"b{n}") for n in range(17))), a_model("chat", *(a_backend(f"b{n}") for n in range(16)))),
    case(Rule.ROUTE_SIZE, "spec.backends", (C,),
         a_model("chat", a_backend("a", loraAdapters=adapters(*"bcdefg")), a_backend("b", loraAdapters=adapters(*"hijkl"))),
         a_model("chat", a_backend("a", loraAdapters=adapters(*"bcdefg")), a_backend("b", loraAdapters=adapters(*"bijkl")))),
    case(Rule.ADAPTER_NAME, "spec.backends[0].loraAdapters[0].name", (A, C),
         asked_for_as("assistant", a_backend(loraAdapters=adapters("assistant"))),
         asked_for_as("assistant", a_backend(loraAdapters=adapters("legal")))),
    case(Rule.MISSING_SPEC, "spec", (C,),
         {"apiVersion": "registry.volcano.sh/v1alpha1", "kind": "Model", "metadata": {"name": "chat"}}, a_model()),
    case(Rule.MODEL_MATCH, "spec.modelMatch.body.model", (W,),
         a_model("chat", a_backend(loraAdapters=adapters("legal")), modelMatch={"body": {"model": "chat"}}),
         a_model("chat", a_backend(), modelMatch={"body": {"model": "chat"}})),
    case(Rule.ADAPTER_SOURCE, "spec.backends[1].loraAdapters[0].artifactURL", (W,),
         a_model("chat", *(a_backend(n, loraAdapters=adapters("legal", url=f"hf://org/{n}")) for n in "ab")),
         a_model("chat", *(a_backend(n, loraAdapters=adapters("legal")) for n in "ab"))),
)  # fmt: skip

OF_A_BACKEND = (
    of_backend(Rule.WORKERS, "workers", (A, C), {"workers": [a_worker(), a_worker()]}, {"workers": [a_worker()]}),
    of_backend(Rule.WORKERS, "workers", (A, C), {"workers": [a_worker(type="prefill")]}, {"workers": [a_worker()]}),
    case(Rule.WORKERS, "spec.backends[0].workers", (A, C),
         a_model("chat", a_pair({"type": "decode"})), a_model("chat", a_pair())),
    case(Rule.WORKERS, "spec.backends[0].workers", (A, C),
         a_model("chat", a_pair({"type": "server"})), a_model("chat", a_pair())),
    of_backend(Rule.REPLICA_BOUNDS, "minReplicas", (A, C),
               {"minReplicas": 3, "maxReplicas": 2, **scaled()}, {"minReplicas": 2, "maxReplicas": 2, **scaled()}),
    case(Rule.GRACE_PERIOD, "spec.backends[0].scaleToZeroGracePeriod", (A,),
         a_model("chat", costly("a", scaleToZeroGracePeriod="1801s"), autoscalingPolicy=policy()),
         a_model("chat", costly("a", scaleToZeroGracePeriod="1800s"), autoscalingPolicy=policy())),
    case(Rule.GRACE_PERIOD, "spec.backends[0].scaleToZeroGracePeriod", (A,),
         a_model("chat", costly("a", scaleToZeroGracePeriod="-1s"), autoscalingPolicy=policy()),
         a_model("chat", costly("a", scaleToZeroGracePeriod="0s"), autoscalingPolicy=policy())),
    case(Rule.GRACE_PERIOD, "spec.backends[0].scaleToZeroGracePeriod", (A,),
         a_model("chat", costly("a", scaleToZeroGracePeriod="soon"), autoscalingPolicy=policy()),
         a_model("chat", costly("a", scaleToZeroGracePeriod="1m30s"), autoscalingPolicy=policy())),
    of_backend(Rule.ADAPTER_NAME, "loraAdapters[0].name", (C,), {"loraAdapters": adapters("chat")}, {"loraAdapters": adapters("chat-2")}),
    of_backend(Rule.DUPLICATE_ADAPTER, "loraAdapters[1].name", (A, C), {"loraAdapters": adapters("a", "a")}, {"loraAdapters": adapters("a", "b")}),
    of_backend(Rule.DUPLICATE_ADAPTER, "loraAdapters[1].name", (A, C),
               {"loraAdapters": [*adapters("a"), *adapters("a", url="hf://org/other")]}, {"loraAdapters": adapters("a", "b")}),
    of_backend(Rule.PVC_SOURCE, "modelURI", (A, C), {"modelURI": "pvc://claim"}, {"modelURI": "pvc:///claim/path"}),
    of_backend(Rule.PVC_SOURCE, "modelURI", (A, C), {"modelURI": "pvc://claim/a/../b"}, {"modelURI": "pvc://claim/a/..b"}),
    of_backend(Rule.PVC_SOURCE, "modelURI", (C,), {"modelURI": "pvc://claim/."}, {"modelURI": "pvc://claim/./a"}),
    of_backend(Rule.PVC_SOURCE, "loraAdapters[0].artifactURL", (A, C),
               {"loraAdapters": adapters("a", url="pvc://Claim/a")}, {"loraAdapters": adapters("a", url="pvc://claim/a")}),
    of_backend(Rule.PVC_CACHE, "cacheURI", (A, C), {"cacheURI": "pvc://claim/path"}, {"cacheURI": "pvc:///claim/"}),
    of_backend(Rule.HOSTPATH, "cacheURI", (A, C), {"cacheURI": "hostpath:///"}, {"cacheURI": "hostpath://data"}),
    of_backend(Rule.HOSTPATH, "cacheURI", (A, C), {"cacheURI": "hostpath:///a/../b"}, {"cacheURI": "hostpath:///a/./..b//c/"}),
    of_backend(Rule.HOSTPATH, "cacheURI", (C,), {"cacheURI": "hostpath:///a:b"}, {"cacheURI": "hostpath:///a b"}),
    of_backend(Rule.MOUNT_COLLISION, "cacheURI", (C,), {"cacheURI": "hostpath:///dev"}, {"cacheURI": "hostpath:///device"}),
    of_backend(Rule.MOUNT_COLLISION, "cacheURI", (C,), {"cacheURI": "hostpath:///dev/shm/x"}, {"cacheURI": "hostpath:///dev/shmx"}),
    of_backend(Rule.MOUNT_COLLISION, "modelURI", (C,), {"modelURI": "pvc://cache/a"}, {"modelURI": "pvc://cache/a", "cacheURI": "pvc://cache"}),
    of_backend(Rule.MOUNT_COLLISION, "loraAdapters[0].artifactURL", (C,),
               {"loraAdapters": adapters("a", url="pvc://dev/a")}, {"loraAdapters": adapters("a", url="pvc://devel/a")}),
    case(Rule.DISAGGREGATED_PODS, "spec.backends[0].workers[1].pods", (A, C),
         a_model("chat", a_pair(None, {"pods": 2})), a_model("chat", a_pair({"pods": 0}, {"pods": 1}))),
    of_backend(Rule.HIDDEN_FILES, "cacheURI", (W,), {"cacheURI": "hostpath:///usr"}, {"cacheURI": "hostpath:///usr/share/models"}),
    of_backend(Rule.HIDDEN_FILES, "cacheURI", (W,), {"cacheURI": "pvc://opt"}, {"cacheURI": "pvc://options"}),
    of_backend(Rule.HIDDEN_FILES, "modelURI", (W,), {"modelURI": "pvc://etc/m"}, {"modelURI": "pvc://weights/etc"}),
    of_backend(Rule.MISSING_CREDENTIALS, "modelURI", (W,), S3, {**S3, "env": KEYS}),
    of_backend(Rule.MISSING_CREDENTIALS, "modelURI", (W,), S3, {**S3, "envFrom": [{"secretRef": {"name": "keys"}}]}),
    of_backend(Rule.MISSING_CREDENTIALS, "modelURI", (W,), {**S3, "env": AWS_KEYS[:1]}, {**S3, "env": AWS_KEYS}),
    of_backend(Rule.MODEL_ACCESS, "modelAccess", (C,), {"modelAccess": "InPlace"}, {"modelAccess": "InPlace", "modelURI": "pvc://c/m"}),
    of_backend(Rule.MODEL_ACCESS, "modelURI", (C,), {"modelURI": "oci://a b"}, {"modelURI": "oci://registry.example.com/a:b"}),
    of_backend(Rule.MOUNT_COLLISION, "cacheURI", (C,), {"modelURI": "oci://a", "cacheURI": "hostpath:///models"}, {"modelURI": "oci://a", "cacheURI": "hostpath:///model"}),
    of_backend(Rule.MOUNT_COLLISION, "modelURI", (C,), {"modelURI": "pvc://dev/m", "modelAccess": "InPlace"}, {"modelURI": "pvc://devel/m", "modelAccess": "InPlace"}),
    case(Rule.SHARED_DIRECTORY, "spec.backends[1].modelURI", (W,),
         a_model("chat", a_backend("a", cacheURI="pvc://c"), a_backend("b", cacheURI="pvc://c", env=[{"name": "HF_ENDPOINT", "value": "https://m"}])),
         a_model("chat", a_backend("a", cacheURI="pvc://c"), a_backend("b", cacheURI="pvc://c", env=[{"name": "HF_REVISION", "value": "v2"}]))),
    of_backend(Rule.MISSING_CREDENTIALS, "loraAdapters[0].artifactURL", (W,), {"loraAdapters": adapters("a", url="obs://b/a"), "env": KEYS[:1]},
               {"loraAdapters": adapters("a", url="obs://b/a"), "envFrom": [{"secretRef": {"name": "keys"}}]}),
    of_backend(Rule.RUNTIME_PORT, "env[0].value", (W,), _port("70000"), _port("7000")),
    of_backend(Rule.RUNTIME_PORT, "env[0].value", (W,), _port("http"), {"env": [{"name": "RUNTIME_PORT", "value": ""}]}),
    of_backend(Rule.PORT_CONFLICT, "", (C,), _port("8000"), _port("8001")),
    of_backend(Rule.PORT_CONFLICT, "", (C,), _port("5557"), _port("5556")),
    case(Rule.PORT_CONFLICT, "spec.backends[0]", (C,), nixl(5557), nixl(5558)),
    case(Rule.PORT_CONFLICT, "spec.backends[0]", (C,), nixl(5556, **{"data-parallel-size": 2}), nixl(5556, **{"data-parallel-size": 1})),
    case(Rule.PORT_CONFLICT, "spec.backends[0]", (C,),
         nixl(8100, **{"kv-events-config.endpoint": "tcp://*:5600"}), nixl(5601, **{"kv-events-config.endpoint": "tcp://*:5600"})),
    case(Rule.PORT_CONFLICT, "spec.backends[0]", (C,), mooncake(8000), mooncake(14579)),
    of_backend(Rule.ADAPTERS_NOT_HOT, "env[0]", (W,),
               {**HOT, "loraAdapters": adapters("a"), "workers": [a_worker(pods=2, config=OF_TWO)]},
               {**HOT, "loraAdapters": adapters("a"), "workers": [a_worker(pods=2, config=OF_TWO)], "cacheURI": "pvc://c"}),
    of_backend(Rule.API_KEY, "env[1].valueFrom", (C,), _hot_key(valueFrom={"configMapKeyRef": {"name": "c", "key": "k"}}),
               _hot_key(valueFrom={"secretKeyRef": {"name": "s", "key": "k"}})),
    of_backend(Rule.API_KEY, "env[1].valueFrom", (C,), _hot_key(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}), _hot_key(value="k")),
    of_backend(Rule.API_KEY, "env[1].valueFrom", (C,), _hot_key(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}),
               {**_hot_key(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}}), "workers": [a_worker(config={"api-key": "k"})]}),
    of_backend(Rule.RUNTIME_ADAPTERS, "workers[0].config.max-lora-rank", (C,), _sglang({}), _sglang({"max-lora-rank": 16})),
    of_backend(Rule.RUNTIME_ADAPTERS, "workers[0].config.max-lora-rank", (C,), _sglang({}), _sglang({"lora-paths": ["a=/b"]})),
    of_backend(Rule.RUNTIME_ADAPTERS, "workers[0].config.data-parallel-size", (C,),
               _sglang({"max-lora-rank": 16, "data-parallel-size": 2}), _sglang({"max-lora-rank": 16, "data-parallel-size": 1})),
)  # fmt: skip

OF_A_WORKER = (
    of_worker(Rule.IDLE_PODS, "pods", (W,), {"pods": 2}, {"pods": 2, "config": {"tensor_parallel_size": "2"}}),
    of_worker(Rule.IDLE_PODS, "pods", (W,),
              {"pods": 2, "config": {"tensor-parallel-size": 8}, "resources": {"limits": {"nvidia.com/gpu": 8}}},
              {"pods": 2, "config": {"tensor-parallel-size": 8, "data-parallel-size": 2}, "resources": {"limits": {"nvidia.com/gpu": 8}}}),
    of_worker(Rule.DEVICES, "resources", (W,),
              {"config": {"tensor-parallel-size": 8}, "resources": {"limits": {"nvidia.com/gpu": 1}}},
              {"config": {"tensor-parallel-size": 8}, "resources": {"limits": {"nvidia.com/gpu": "8"}}}),
    of_worker(Rule.DEVICES, "resources", (W,),
              {"pods": 2, "config": {"tensor-parallel-size": 4, "pipeline-parallel-size": 4}, "resources": {"limits": {"nvidia.com/gpu": 4}}},
              {"pods": 2, "config": {"tensor-parallel-size": 4, "pipeline-parallel-size": 2}, "resources": {"limits": {"nvidia.com/gpu": 4}}}),
    of_worker(Rule.IMAGE, "image", (A, C), {"image": "a b"}, {"image": "registry.example.com:5000/vllm@sha256:0a"}),
    of_worker(Rule.IMAGE, "image", (A, C), {"image": ""}, {"image": "x"}),
    of_worker(Rule.IMAGE, "image", (A, C), {"image": "vllm\u00a0latest"}, {"image": "vllm"}),
    case(Rule.POD_NAME_LENGTH, "spec.backends[0].workers[0]", (C,),
         a_model("n" * 25, a_backend("b" * 25)), a_model("n" * 24, a_backend("b" * 25))),
    case(Rule.POD_NAME_LENGTH, "spec.backends[0].workers[0]", (C,),
         a_model("n" * 24, {**a_pair(), "name": "b" * 25}), a_model("n" * 23, {**a_pair(), "name": "b" * 25})),
    of_config(Rule.CONFIG, "", [], {}),
    of_config(Rule.CONFIG, "", "max-model-len: 1", {"max-model-len": None}),
    of_config(Rule.CONFIG_KEY, ".max-model-len", {"max_model_len": 1, "max-model-len": 2}, {"max_model_len": None, "max-model-len": 2}),
    of_config(Rule.CONTROLLED_OPTION, ".model", {"model": "x"}, {"model": None}),
    of_config(Rule.CONTROLLED_OPTION, ".lora_modules", {"lora_modules": "x"}, {"lora_modules": None}, loraAdapters=adapters("a")),
    of_config(Rule.CONTROLLED_OPTION, ".enable_lora", {"enable_lora": False}, {"enable_lora": True}, loraAdapters=adapters("a")),
    of_config(Rule.CONTROLLED_OPTION, ".enable-lora", {"enable-lora": False}, {"enable-lora": None}, **HOT),
    of_config(Rule.CONFIG_KEY, ".", {"": 1}, {"seed": 1}),
    of_config(Rule.CONFIG_KEY, ".a b", {"a b": 1}, {"additional-config.b_c-d": 1}),
    of_config(Rule.CONFIG_KEY, ".-a", {"-a": 1}, {"-a": None}),
    of_config(Rule.PORT, ".port", {"port": 70000}, {"port": 65535.0}),
    of_config(Rule.PORT, ".port", {"port": "http"}, {"port": "08080"}),
    of_config(Rule.PORT, ".port", {"port": True}, {"port": None}),
    case(Rule.PORT, "spec.backends[0].workers[1].config.port", (C,),
         a_model("chat", a_pair({"config": {"port": 9000}})),
         a_model("chat", a_pair({"config": {"port": 9000}}, {"config": {"port": "9000"}}))),
    of_config(Rule.SERVED_MODEL_NAME, ".served-model-name", {"served-model-name": ""}, {"served_model_name": "x" * 256}),
    of_config(Rule.SERVED_MODEL_NAME, ".served-model-name", {"served-model-name": ["a", 1]}, {"served-model-name": ["a", "b"]}),
    of_config(Rule.SERVED_MODEL_NAME, ".served-model-name", {"served-model-name": "x" * 257}, {"served-model-name": None}),
    of_config(Rule.SERVED_MODEL_NAME, ".served-model-name", {"served-model-name": []}, {"served-model-name": ["a"]}),
    case(Rule.SERVED_MODEL_NAME, "spec.backends[0].workers[1].config.served-model-name", (C,),
         a_model("chat", a_pair({"config": {"served-model-name": "a"}}, {"config": {"served-model-name": "b"}})),
         a_model("chat", a_pair({"config": {"served-model-name": "a"}}, {"config": {"served_model_name": ["a"]}}))),
    case(Rule.ADAPTER_NAME, "spec.backends[0].loraAdapters[0].name", (C,),
         a_model("chat", a_backend(loraAdapters=adapters("b"), workers=[a_worker(config={"served-model-name": ["a", "b"]})])),
         a_model("chat", a_backend(loraAdapters=adapters("c"), workers=[a_worker(config={"served-model-name": ["a", "b"]})]))),
    of_config(Rule.UNREACHABLE_ENGINE, ".host", {"host": "127.0.0.1"}, {"host": "::"}),
    of_config(Rule.UNREACHABLE_ENGINE, ".uds", {"uds": "/tmp/s"}, {"uds": None}),
    of_config(Rule.UNREACHABLE_ENGINE, ".ssl_keyfile", {"ssl_keyfile": "/k"}, {"ssl_keyfile": None}),
    of_config(Rule.UNREACHABLE_ENGINE, ".ssl-certfile", {"ssl-certfile": "/c"}, {"host": "0.0.0.0"}),
    of_config(Rule.UNREACHABLE_ENGINE, ".headless", {"headless": True}, {"headless": False}),
    of_config(Rule.UNKNOWN_OPTION, ".max-model-length", {"max-model-length": 1}, {"max-model-len": 1}, (W,)),
    of_config(Rule.UNKNOWN_OPTION, ".dis", {"dis": True}, {"disable-log-stats": True}, (W,)),
    of_config(Rule.UNKNOWN_OPTION, ".tp", {"tp": 2}, {"tensor-parallel-size": 2}, (W,)),
    of_config(Rule.UNKNOWN_OPTION, ".nnodes", {"nnodes": 1}, {"swap_space": 4}, (W,)),
    of_config(Rule.ABBREVIATED_OPTION, ".tensor_parallel", {"tensor_parallel": 2}, {"tensor_parallel_size": 2}, (W,)),
    of_config(Rule.BOOLEAN_TEXT, ".trust-remote-code", {"trust-remote-code": "false"}, {"trust-remote-code": False}, (W,)),
    of_config(Rule.BOOLEAN_TEXT, ".enforce-eager", {"enforce-eager": 0}, {"enforce-eager": ""}, (W,)),
    of_config(Rule.OPTION_TYPE, ".enforce-eager", {"enforce-eager": "perhaps"}, {"enforce-eager": True}, (W,)),
    of_config(Rule.OPTION_TYPE, ".quantization", {"quantization": ["a", "b"]}, {"quantization": "a"}),
    of_config(Rule.OPTION_TYPE, ".seed", {"seed": "many"}, {"seed": "7"}, (W,)),
    of_config(Rule.OPTION_TYPE, ".max-model-len", {"max-model-len": "32 k"}, {"max-model-len": "32k"}, (W,)),
    of_config(Rule.OPTION_TYPE, ".gpu-memory-utilization", {"gpu-memory-utilization": True}, {"gpu-memory-utilization": "0.9"}, (W,)),
    of_config(Rule.OPTION_TYPE, ".compilation-config", {"compilation-config": 3}, {"compilation-config": '{"level":3}'}, (W,)),
    of_config(Rule.OPTION_TYPE, ".allowed-origins", {"allowed-origins": "*"}, {"allowed-origins": ["*"]}, (W,)),
    of_config(Rule.OPTION_TYPE, ".api-key", {"api-key": ["-a"]}, {"api-key": ["a"]}, (W,)),
    of_config(Rule.OPTION_TYPE, ".seed.x", {"seed.x": 1}, {"hf-overrides.x": 1}, (W,)),
    of_config(Rule.OPTION_TYPE, ".hf-overrides.x", {"hf-overrides": "org.fn", "hf-overrides.x": 1}, {"hf-overrides": {}, "hf-overrides.x": 1}),
    of_config(Rule.OPTION_TYPE, ".hf-overrides.", {"hf-overrides.": 1}, {"hf-overrides.x": 1}, (W,)),
    of_config(Rule.OPTION_TYPE, ".hf-overrides.x..y", {"hf-overrides.x..y": 1}, {"hf-overrides.x.y": 1}, (W,)),
    of_config(Rule.OPTION_CHOICE, ".dtype", {"dtype": "bf16"}, {"dtype": "bfloat16"}, (W,)),
    of_config(Rule.VARIABLE_REFERENCE, ".chat-template", {"chat-template": "$(KEY)"}, {"chat-template": "$KEY $( )"}, (W,)),
    of_config(Rule.NESTING, "", {"additional-config": _deep(64)}, {"additional-config": _deep(63)}),
    of_config(Rule.CHARACTERS, ".chat-template", {"chat-template": "b\0"}, {"chat-template": "b\x01"}),
    of_config(Rule.CHARACTERS, ".middleware[0]", {"middleware": ["b\ud83d"]}, {"middleware": ["b\U0001f600"]}),
    of_config(Rule.CHARACTERS, ".hf-overrides", {"hf-overrides": {"b\ude00": 1}}, {"hf-overrides": {"b\U0001f600": 1}}),
    of_config(Rule.UPPER_CASE_KEY, ".maxLen", {"maxLen": 1}, {"max-model-len": 1}, (W,)),
)  # fmt: skip

GPU = "nvidia.com/gpu"
OF_A_POD = (
    of_worker(Rule.POD, "resources.limits.nvidia.com/gpu", (C,), {"resources": {"limits": {GPU: "0.5"}}}, {"resources": {"limits": {GPU: "2e0"}}}),
    of_worker(Rule.POD, "resources.requests.nvidia.com/gpu", (C,), {"resources": {"requests": {GPU: 1}}}, {"resources": {"limits": {GPU: 1}}}),
    of_worker(Rule.POD, "resources.requests.nvidia.com/gpu", (C,),
              {"resources": {"limits": {GPU: 2}, "requests": {GPU: 1}}}, {"resources": {"limits": {GPU: 2}, "requests": {GPU: "2"}}}),
    of_worker(Rule.POD, "resources.requests.memory", (C,),
              {"resources": {"limits": {"memory": "1Gi"}, "requests": {"memory": "2Gi"}}},
              {"resources": {"limits": {"memory": "2Gi"}, "requests": {"memory": "1Gi"}}}),
    of_worker(Rule.POD, "resources.limits.gpu", (C,), {"resources": {"limits": {"gpu": 1}}}, {"resources": {"limits": {"cpu": "500m"}}}),
    of_worker(Rule.POD, "resources.claims", (C,), {"resources": {"claims": [{"name": "gpu"}]}}, {"resources": {"claims": []}}),
    of_worker(Rule.POD, "tolerations[0].operator", (C,), {"tolerations": [{"key": "a", "operator": "Exist"}]}, {"tolerations": [{"key": "a", "operator": "Exists"}]}),
    of_worker(Rule.POD, "tolerations[0].operator", (C,), {"tolerations": [{"value": "a"}]}, {"tolerations": [{"operator": "Exists"}]}),
    of_worker(Rule.POD, "tolerations[0].value", (C,),
              {"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, {"tolerations": [{"key": "a", "operator": "Equal", "value": "b"}]}),
    of_worker(Rule.POD, "tolerations[0].effect", (C,), {"tolerations": [{"key": "a", "effect": "NoStart"}]}, {"tolerations": [{"key": "a", "effect": "NoSchedule"}]}),
    of_worker(Rule.POD, "nodeSelector.a b", (C,), {"nodeSelector": {"a b": "x"}}, {"nodeSelector": {"example.com/a": ""}}),
    of_worker(Rule.POD, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values", (C,),
              node_term({"key": "a", "operator": "In"}), node_term({"key": "a", "operator": "In", "values": ["b"]})),
    of_worker(Rule.POD, "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey", (C,),
              anti_affinity({"topologyKey": ""}), anti_affinity({"topologyKey": "kubernetes.io/hostname"})),
    of_backend(Rule.POD, "env[0].name", (C,), {"env": [{"name": "A=B"}]}, {"env": [{"name": "A.B-c"}]}),
    of_backend(Rule.POD, "env[0].valueFrom", (C,), {"env": [{"name": "A", "valueFrom": {}}]},
               {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}),
    of_backend(Rule.POD, "runtimeClassName", (C,), {"runtimeClassName": "A b"}, {"schedulerName": "a b"}),
    of_backend(Rule.POD, "serviceAccountName", (C,), {"serviceAccountName": "a b"}, {"imagePullSecrets": [{"name": "s"}]}),

    of_backend(Rule.POD_ANNOTATIONS, "annotations", (W,), {"annotations": {"example.com/Queue": "a b"}}, {"annotations": {}}),
    of_backend(Rule.POD, "sharedMemorySize", (C,), {"sharedMemorySize": "-1Gi"}, {"sharedMemorySize": "16Gi"}),
    of_backend(Rule.POD, "downloader.resources.limits.gpu", (C,),
               {"downloader": {"resources": {"limits": {"gpu": 1}}}}, {"downloader": {"resources": {"limits": {"cpu": 1}}}}),
    of_backend(Rule.POD, "runtime.resources.requests.cpu", (C,),
               {"runtime": {"resources": {"limits": {"cpu": 1}, "requests": {"cpu": 2}}}}, {"runtime": {"resources": {"requests": {"cpu": 2}}}}),
    of_backend(Rule.POD, "volumes[0]", (C,), {"volumes": [{"name": "a", "emptyDir": {}, "secret": {"secretName": "s"}}]}, {"volumes": [{"name": "a", "emptyDir": {}}], "securityContext": {"fsGroup": 1}}),
    of_backend(Rule.POD, "volumes[1].name", (C,),
               {"volumes": [{"name": "a", "emptyDir": {}}, {"name": "a", "secret": {"secretName": "s"}}]},
               {"volumes": [{"name": "a", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}, {"name": "b", "secret": {"secretName": "s"}}]}),
    of_backend(Rule.POD, "volumes[0].name", (C,), {"volumes": [{"name": "dshm", "emptyDir": {}}]},
               {"volumes": [{"name": "c", "persistentVolumeClaim": {"claimName": "x"}}, {"name": "n", "nfs": {"server": "s", "path": "/p"}}]}),
    of_backend(Rule.POD, "volumeMounts[0].name", (C,), {"volumeMounts": [{"name": "a", "mountPath": "/a"}]},
               {"volumes": [{"name": "a", "hostPath": {"path": "/x"}}], "volumeMounts": [{"name": "a", "mountPath": "/a"}]}),
    of_backend(Rule.POD, "volumeMounts[0].mountPath", (C,),
               {"volumes": [{"name": "a", "emptyDir": {}}], "volumeMounts": [{"name": "a", "mountPath": "/dev/shm"}]},
               {"volumes": [{"name": "a", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}], "volumeMounts": [{"name": "a", "mountPath": "/a", "subPath": "b"}]}),
    of_backend(Rule.GANG_SCHEDULING, "gangScheduling.minRoleReplicas.prefill", (C,),
               {"gangScheduling": {"minRoleReplicas": {"prefill": 1}}}, {"gangScheduling": {"minRoleReplicas": {"leader": 1}}}),
    of_backend(Rule.GANG_SCHEDULING, "gangScheduling.minRoleReplicas.leader", (C,),
               {"gangScheduling": {"minRoleReplicas": {"leader": 2}}}, {"gangScheduling": {}}),
    of_backend(Rule.POD, "envFrom[0]", (C,), {"envFrom": [{"prefix": "A"}]}, {"envFrom": [{"secretRef": {"name": "s"}}]}),
)  # fmt: skip

OF_A_CONNECTOR = (
    case(Rule.CONNECTOR, "spec.backends[0].workers[0].config.kv-transfer-config", (C,),
         connected(multi("NixlConnector", "LMCacheConnectorV1"), multi("NixlConnector")), connected(multi("OffloadingConnector", "NixlConnector"), CONSUMER)),
    case(Rule.CONNECTOR, "spec.backends[0].workers[1].config.kv-transfer-config", (C,),
         connected(multi("NixlConnector"), multi("OffloadingConnector")), connected(multi("NixlConnector"), multi("NixlConnector"))),
    case(Rule.CONNECTOR, "spec.backends[0].workers[0].config.kv-transfer-config.kv_connector", (C,),
         a_model("chat", a_pair({"config": {"kv-transfer-config.kv_connector": "Other", "kv-transfer-config.kv_role": "kv_both"}},
                                {"config": {"kv-transfer-config": CONSUMER}})),
         a_model("chat", a_pair({"config": {"kv-transfer-config.kv_connector": "NixlConnector", "kv-transfer-config.kv_role": "kv_both"}},
                                {"config": {"kv-transfer-config": CONSUMER}}))),
    case(Rule.CONNECTOR, "spec.backends[0].workers[1].config.kv-transfer-config", (C,),
         connected(PRODUCER, None), connected(PRODUCER, CONSUMER)),
    case(Rule.CONNECTOR, "spec.backends[0].workers[0].config.kv-transfer-config", (C,),
         connected("{", CONSUMER), connected('{"kv_connector":"NixlConnector","kv_role":"kv_both"}', CONSUMER)),
    case(Rule.CONNECTOR, "spec.backends[0].workers[0].config.kv-transfer-config", (C,),
         connected({**PRODUCER, "kv_connector": "Other"}, CONSUMER), connected(None, None)),
    case(Rule.CONNECTOR, "spec.backends[0].workers[0].config.kv-transfer-config", (C,),
         connected(CONSUMER, CONSUMER), connected({**CONSUMER, "kv_role": "kv_both"}, CONSUMER)),
    case(Rule.CONNECTOR, "spec.backends[0].workers[1].config.kv-transfer-config", (C,),
         connected(PRODUCER, PRODUCER), connected(PRODUCER, {**PRODUCER, "kv_role": "kv_both"})),
    case(Rule.CONNECTOR, "spec.backends[0].workers", (C,),
         connected(PRODUCER, {**CONSUMER, "kv_connector": "LMCacheConnectorV1"}),
         connected({**PRODUCER, "kv_connector": "MooncakeConnector"}, {**CONSUMER, "kv_connector": "MooncakeConnectorV1"})),
)  # fmt: skip

OF_A_POLICY = (
    case(Rule.REGULAR_EXPRESSION, "spec.modelMatch.uri.regex", (W,), a_model(modelMatch={"uri": {"regex": "*"}}), a_model(modelMatch={"uri": {"regex": r"\Q*\E"}})),
    case(Rule.REGULAR_EXPRESSION, "spec.modelMatch.headers.tenant.regex", (W,), a_model(modelMatch={"headers": {"tenant": {"regex": "(?!a)b"}}}),
         a_model(modelMatch={"headers": {"tenant": {"regex": r"(?i)(?P<a>[[:alpha:]]+)\pL(?s-i:b)\z"}}})),
    of_backend(Rule.ROLLOUT, "rollout.maxUnavailable", (C,), {"rollout": {"maxUnavailable": 0}}, {"rollout": {"maxUnavailable": 1}}),
    of_backend(Rule.ROLLOUT, "rollout.maxUnavailable", (C,), {"minReplicas": 3, "maxReplicas": 3, "rollout": {"maxUnavailable": "33%"}},
               {"minReplicas": 3, "maxReplicas": 3, "rollout": {"maxUnavailable": "34%"}}),
    of_backend(Rule.METRIC_TARGET, "autoscalingPolicy.metrics[0].targetValue", (A, C), metrics(("a", 0)), metrics(("a", 1))),
    of_backend(Rule.METRIC_TARGET, "autoscalingPolicy.metrics[0].targetValue", (A, C), metrics(("a", "-1m")), metrics(("a", "1m"))),
    of_backend(Rule.DUPLICATE_METRIC, "autoscalingPolicy.metrics[1].metricName", (A, C), metrics(("a", 1), ("a", 2)), metrics(("a", 1), ("b", 1))),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleDown.period", (A, C),
               scaled(scaleDown={"period": "31m"}), scaled(scaleDown={"period": "30m"})),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleDown.stabilizationWindow", (A, C),
               scaled(scaleDown={"stabilizationWindow": ""}), scaled(scaleDown={"stabilizationWindow": "0s"})),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleUp.stablePolicy.period", (A, C),
               scaled(scaleUp={"stablePolicy": {"period": "5"}}), scaled(scaleUp={"stablePolicy": {"period": "1.5s"}})),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleUp.stablePolicy.stabilizationWindow", (A,),
               scaled(scaleUp={"stablePolicy": {"stabilizationWindow": "1s1m"}}),
               scaled(scaleUp={"stablePolicy": {"stabilizationWindow": "1m1s"}})),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleUp.panicPolicy.period", (A, C),
               scaled(scaleUp={"panicPolicy": {"period": "-1s"}}), scaled(scaleUp={"panicPolicy": {"period": "100ms"}})),
    of_backend(Rule.POLICY_DURATION, "autoscalingPolicy.behavior.scaleUp.panicPolicy.panicModeHold", (A, C),
               scaled(scaleUp={"panicPolicy": {"period": "1s", "panicModeHold": "1h"}}),
               scaled(scaleUp={"panicPolicy": {"period": "1s", "panicModeHold": "0h30m"}})),
)  # fmt: skip

OF_THE_SCHEMA = (
    case(Rule.SCHEMA, "spec.backends", (A, C), {**a_model(), "spec": {"backends": []}}, a_model()),
    case(Rule.SCHEMA, "spec.backends[1]", (A, C), a_model("chat", a_backend("a"), a_backend("a")), a_model("chat", a_backend("a"))),
    of_backend(Rule.SCHEMA, "modelURI", (A, C), {"modelURI": None}, {"modelURI": "ms://org/repo"}),
    of_backend(Rule.SCHEMA, "modelURI", (A, C), {"modelURI": "http://host/x"}, {"modelURI": "hf://a b\nc"}),
    of_backend(Rule.SCHEMA, "modelURI", (A,), {"modelURI": "hf://" + "x" * 1020}, {"modelURI": "hf://" + "x" * 1019}),
    of_backend(Rule.SCHEMA, "name", (A, C), {"name": "Main"}, {"name": "0-main"}),
    of_backend(Rule.SCHEMA, "name", (A, C), {"name": "main\n"}, {"name": "main"}),
    of_backend(Rule.TYPE, "minReplicas", (A, C), {"minReplicas": "1"}, {"minReplicas": 1}),
    of_backend(Rule.SCHEMA, "routeWeight", (A, C), {"routeWeight": 101}, {"routeWeight": 100}),
    of_backend(Rule.SCHEMA, "env[1]", (A, C), {"env": [{"name": "A"}, {"name": "A"}]}, {"env": [{"name": "A"}, {"name": "B"}]}),
    of_backend(Rule.TYPE, "env[0].value", (A, C), {"env": [{"name": "A", "value": 1}]}, {"env": [{"name": "A", "value": "1"}]}),
    of_worker(Rule.SCHEMA, "resources.limits.nvidia.com/gpu", (A, C),
              {"resources": {"limits": {"nvidia.com/gpu": "one"}}}, {"resources": {"limits": {"nvidia.com/gpu": "1e0"}}}),
    of_worker(Rule.TYPE, "affinity.nodeAffinity", (A, C), {"affinity": {"nodeAffinity": 1}}, {"affinity": {"nodeAffinity": {}}}),
    of_worker(Rule.SCHEMA, "image", (A,), {"image": "x" * 513}, {"image": "x" * 512}),
)  # fmt: skip

CASES = (*OF_THE_MODEL, *OF_A_BACKEND, *OF_A_WORKER, *OF_A_POD, *OF_A_CONNECTOR, *OF_A_POLICY, *OF_THE_SCHEMA)
