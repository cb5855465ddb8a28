"""The defaults of Kubernetes for fields that built-in objects leave out. Pure.

Constants are a table by type. A default that depends on other fields is a function, called after the constants of the same object.
The tables follow the released defaulting of the API's own types; the conformance suite compares whole stored objects on both planes.
"""

import base64
import functools
from collections.abc import Callable, Mapping
from typing import Any

from controller.envtest.embedded.builtin import catalog

Schema = Mapping[str, Any]
Fields = dict[str, Any]

_MODE = {"defaultMode": 420}
_HISTORY = {"revisionHistoryLimit": 10, "replicas": 1}
_WEBHOOK = {
    "failurePolicy": "Fail",
    "matchPolicy": "Equivalent",
    "namespaceSelector": {},
    "objectSelector": {},
    "timeoutSeconds": 10,
}
_TCP = {"protocol": "TCP"}

NAMESPACE_LABEL = "kubernetes.io/metadata.name"

CONSTANTS: Mapping[str, Fields] = {
    "core.v1.PodSpec": {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "schedulerName": "default-scheduler",
    },
    **{
        key: {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
        for key in ("core.v1.Container", "core.v1.EphemeralContainer")
    },
    "core.v1.ContainerPort": _TCP,
    "core.v1.Probe": {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
    "core.v1.HTTPGetAction": {"path": "/", "scheme": "HTTP"},
    "core.v1.GRPCAction": {"service": ""},
    "core.v1.ObjectFieldSelector": {"apiVersion": "v1"},
    **dict.fromkeys(
        (
            "core.v1.SecretVolumeSource",
            "core.v1.ConfigMapVolumeSource",
            "core.v1.DownwardAPIVolumeSource",
            "core.v1.ProjectedVolumeSource",
        ),
        _MODE,
    ),
    "core.v1.ServiceAccountTokenProjection": {"expirationSeconds": 3600},
    "core.v1.HostPathVolumeSource": {"type": ""},
    "core.v1.ResourceFieldSelector": {"divisor": "0"},
    "core.v1.ServicePort": _TCP,
    "core.v1.ServiceSpec": {"sessionAffinity": "None", "type": "ClusterIP"},
    "core.v1.EndpointPort": _TCP,
    "core.v1.PersistentVolumeClaimSpec": {"volumeMode": "Filesystem"},
    "core.v1.PersistentVolumeSpec": {"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"},
    "core.v1.ReplicationControllerSpec": {"replicas": 1},
    "core.v1.Secret": {"type": "Opaque"},
    "apps.v1.DeploymentSpec": {**_HISTORY, "progressDeadlineSeconds": 600},
    "apps.v1.ReplicaSetSpec": {"replicas": 1},
    "apps.v1.StatefulSetSpec": {
        **_HISTORY,
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "apps.v1.DaemonSetSpec": {"revisionHistoryLimit": 10},
    "batch.v1.CronJobSpec": {
        "concurrencyPolicy": "Allow",
        "suspend": False,
        "successfulJobsHistoryLimit": 3,
        "failedJobsHistoryLimit": 1,
    },
    "networking.v1.NetworkPolicyPort": _TCP,
    "rbac.v1.RoleRef": {"apiGroup": "rbac.authorization.k8s.io"},
    "storage.v1.StorageClass": {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"},
    "storage.v1.CSIDriverSpec": {
        "attachRequired": True,
        "podInfoOnMount": False,
        "storageCapacity": False,
        "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "requiresRepublish": False,
        "seLinuxMount": False,
        "volumeLifecycleModes": ["Persistent"],
    },
    "scheduling.v1.PriorityClass": {"preemptionPolicy": "PreemptLowerPriority"},
    "discovery.v1.EndpointPort": {"name": "", **_TCP},
    "admissionregistration.v1.ValidatingWebhook": _WEBHOOK,
    "admissionregistration.v1.MutatingWebhook": {**_WEBHOOK, "reinvocationPolicy": "Never"},
    "admissionregistration.v1.RuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.NamedRuleWithOperations": {"scope": "*"},
    "admissionregistration.v1.ValidatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "admissionregistration.v1.MutatingAdmissionPolicySpec": {"failurePolicy": "Fail"},
    "admissionregistration.v1.MatchResources": {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
    },
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": {"port": 443},
    "flowcontrol.v1.LimitedPriorityLevelConfiguration": {"nominalConcurrencyShares": 30, "lendablePercent": 0},
    "admissionregistration.v1.ServiceReference": {"port": 443},
    "autoscaling.v2.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
    "autoscaling.v1.HorizontalPodAutoscalerSpec": {"minReplicas": 1},
}


def _container(container: Fields) -> None:
    image = str(container.get("image") or "")
    name, _, tag = image.rpartition("/")[2].partition(":")
    latest = "@" not in image and tag in ("", "latest") and bool(name)
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    for probe in ("livenessProbe", "startupProbe"):
        if probe in container:
            container[probe].setdefault("successThreshold", 1)


def _pod_spec(spec: Fields) -> None:
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    if name := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = name
    if spec.get("hostNetwork"):
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        for port in (port for container in containers for port in container.get("ports") or ()):
            port.setdefault("hostPort", port.get("containerPort"))
    for volume in spec.get("volumes") or ():
        if set(volume) == {"name"}:
            volume["emptyDir"] = {}


def _pod(pod: Fields) -> None:
    spec = pod["spec"]
    spec.setdefault("enableServiceLinks", True)
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        if limits := resources.get("limits"):
            container["resources"] = {**resources, "requests": {**limits, **(resources.get("requests") or {})}}
    status = pod.get("status") or {}
    if status.get("podIP") and not status.get("podIPs"):
        status["podIPs"] = [{"ip": status["podIP"]}]


def _secret(secret: Fields) -> None:
    given = secret.pop("stringData", None) or {}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in given.items()}
    if encoded:
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _replication_controller(obj: Fields) -> None:
    labels = ((obj["spec"].get("template") or {}).get("metadata") or {}).get("labels") or {}
    if labels and not obj["metadata"].get("labels"):
        obj["metadata"]["labels"] = dict(labels)
    if labels and not obj["spec"].get("selector"):
        obj["spec"]["selector"] = dict(labels)


def _namespace(namespace: Fields) -> None:
    metadata = namespace["metadata"]
    if metadata.get("name"):
        metadata["labels"] = {**(metadata.get("labels") or {}), NAMESPACE_LABEL: metadata["name"]}


def _daemon_set(obj: Fields) -> None:
    annotations = obj["metadata"].setdefault("annotations", {})
    annotations.setdefault("deprecated.daemonset.template.generation", "1")


def _rolling(key: str, **bounds: Any) -> Callable[[Fields], None]:
    def fill(spec: Fields) -> None:
        strategy = spec.setdefault(key, {})
        strategy.setdefault("type", "RollingUpdate")
        if strategy["type"] == "RollingUpdate":
            strategy["rollingUpdate"] = {**bounds, **(strategy.get("rollingUpdate") or {})}

    return fill


_JOB: Fields = {"backoffLimit": 6, "completionMode": "NonIndexed", "suspend": False, "manualSelector": False}


def _job(job: Fields) -> None:
    """A Job has defaults that the template of a CronJob has not."""
    spec = job["spec"]
    for key, value in _JOB.items():
        spec.setdefault(key, value)
    labels = (spec["template"].get("metadata") or {}).get("labels")
    if labels and not job["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(labels)
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") else "TerminatingOrFailed")


def _service(spec: Fields) -> None:
    type_ = spec["type"]
    if type_ != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if type_ in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if type_ == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec["sessionAffinity"] == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": 10800}})


def _service_port(port: Fields) -> None:
    if port.get("targetPort") in (None, 0, ""):
        port["targetPort"] = port.get("port", 0)


def _network_policy(spec: Fields) -> None:
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


def _subject(subject: Fields) -> None:
    if subject.get("kind") in ("User", "Group"):
        subject.setdefault("apiGroup", "rbac.authorization.k8s.io")


def _autoscaler(spec: Fields) -> None:
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _definition(spec: Fields) -> None:
    names = spec.get("names")
    if isinstance(names, dict) and names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    spec.setdefault("conversion", {"strategy": "None"})


_EXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1"
FUNCTIONS: Mapping[str, Callable[[Fields], None]] = {
    "core.v1.Container": _container,
    "core.v1.EphemeralContainer": _container,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.Pod": _pod,
    "core.v1.ServiceSpec": _service,
    "core.v1.ServicePort": _service_port,
    "apps.v1.DeploymentSpec": _rolling("strategy", maxUnavailable="25%", maxSurge="25%"),
    "apps.v1.StatefulSetSpec": _rolling("updateStrategy", partition=0, maxUnavailable=1),
    "apps.v1.DaemonSetSpec": _rolling("updateStrategy", maxUnavailable=1, maxSurge=0),
    "batch.v1.Job": _job,
    "core.v1.Namespace": _namespace,
    "core.v1.Secret": _secret,
    "core.v1.ReplicationController": _replication_controller,
    "apps.v1.DaemonSet": _daemon_set,
    "networking.v1.NetworkPolicySpec": _network_policy,
    "rbac.v1.Subject": _subject,
    "autoscaling.v2.HorizontalPodAutoscalerSpec": _autoscaler,
    f"{_EXTENSIONS}.CustomResourceDefinitionSpec": _definition,
}


def apply(value: Any, schema: Schema) -> None:
    """Fills the defaults into an object that ``typed.read`` has made; the object is changed in place."""
    name = schema.get("x-name", "")
    if not _reaches(name) and "x-name" in schema:
        return
    if isinstance(value, list):
        for item in value:
            apply(item, schema.get("items") or {})
    elif isinstance(value, dict):
        _fill(value, schema, name)


def _fill(value: Fields, schema: Schema, name: str) -> None:
    for key, item in CONSTANTS.get(name, {}).items():
        if value.get(key) in (None, "", {}):
            value[key] = dict(item) if isinstance(item, dict) else list(item) if isinstance(item, list) else item
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    if isinstance(extra, Mapping):
        for item in value.values():
            apply(item, extra)
    for key, item in value.items():
        if isinstance(item, dict | list) and key in properties:
            apply(item, properties[key])
    if name in FUNCTIONS:
        FUNCTIONS[name](value)


@functools.cache
def _reaching() -> frozenset[str]:
    """The types that have defaults, or hold a type that has."""
    holders = {
        catalog.short_name(name): set(map(catalog.short_name, catalog.references(schema)))
        for name, schema in catalog.definitions().items()
    }
    found = set(CONSTANTS) | set(FUNCTIONS)
    while more := {name for name, held in holders.items() if name not in found and held & found}:
        found |= more
    return frozenset(found)


def _reaches(name: str) -> bool:
    return name in _reaching()
