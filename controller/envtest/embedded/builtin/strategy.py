"""The changes that the API server itself makes to objects of the built-in kinds when they are created and updated. Pure."""

from collections.abc import Callable, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import NAMESPACES, PODS
from controller.envtest.embedded.storage import ResourceKey, Storage
from controller.envtest.embedded.writes import User
from controller.meta import Object

Fields = dict[str, Any]
SIGNING_REQUESTS: ResourceKey = ("certificates.k8s.io", "certificatesigningrequests")
PROTECTED_NAMESPACES = ("default", "kube-public", "kube-system")
_FIRST_NODE_PORT, _LAST_NODE_PORT = 30000, 32767
_EVICTION_SECONDS = 300
_QOS = ("cpu", "memory")


def prepare_create(key: ResourceKey, obj: Fields, storage: Storage, user: User) -> Fields:
    """The new object of this user, with its defaults, and with what the server sets itself."""
    if key == SIGNING_REQUESTS:
        return {**obj, "spec": {**meta.spec_of(obj), "username": user.name, "groups": list(user.groups)}}
    prepare = _CREATE.get(key)
    return prepare(obj, storage) if prepare else obj


def prepare_update(key: ResourceKey, obj: Fields, before: Object, storage: Storage) -> Fields:
    """The changed object with what the server keeps or sets itself."""
    if key == ("", "services"):
        return _service_update(obj, before, storage)
    if key == SIGNING_REQUESTS:
        return {**obj, "spec": before["spec"]}
    return obj


def _namespace(obj: Fields, _: Storage) -> Fields:
    finalizers = list(meta.spec_of(obj).get("finalizers") or ())
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    return {**obj, "spec": {"finalizers": finalizers}, "status": {"phase": "Active"}}


def _pod(obj: Fields, _: Storage) -> Fields:
    spec = {"priority": 0, "preemptionPolicy": "PreemptLowerPriority", **obj["spec"]}
    given = spec.get("tolerations") or []
    extra = [_toleration(state) for state in ("not-ready", "unreachable") if not any(map(_tolerates(state), given))]
    spec["tolerations"] = [*given, *extra]
    return {**obj, "spec": spec, "status": {"phase": "Pending", "qosClass": qos_class(obj)}}


def _toleration(state: str) -> Fields:
    key = f"node.kubernetes.io/{state}"
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _EVICTION_SECONDS}


def _tolerates(state: str) -> Callable[[Object], bool]:
    key = f"node.kubernetes.io/{state}"
    return lambda one: one.get("key") in (None, "", key) and one.get("effect") in (None, "", "NoExecute")


def qos_class(pod: Object) -> str:
    """Guaranteed when every container limits and requests the same of CPU and memory, BestEffort when none asks for any."""
    spec = meta.spec_of(pod)
    all_resources = [
        container.get("resources") or {}
        for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ()))
    ]
    asked = [
        item for resources in all_resources for kind in ("limits", "requests") for item in resources.get(kind) or {}
    ]
    if not set(asked) & set(_QOS):
        return "BestEffort"
    guaranteed = all(
        (resources.get("limits") or {}).get(name)
        and resources["limits"][name] == (resources.get("requests") or {}).get(name)
        for resources in all_resources
        for name in _QOS
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _service(obj: Fields, storage: Storage) -> Fields:
    spec = dict(obj["spec"])
    if spec["type"] != "ExternalName":
        if not spec.get("clusterIP"):
            spec["clusterIP"] = _free_address(storage)
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        both = spec["clusterIP"] == "None" and not spec.get("selector")
        spec.setdefault("ipFamilies", ["IPv4", "IPv6"] if both else ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "RequireDualStack" if both else "SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer") and spec.get("allocateLoadBalancerNodePorts") is not False:
        spec["ports"] = _with_node_ports(spec.get("ports") or [], storage)
    return {**obj, "spec": spec, "status": {"loadBalancer": {}}}


def _service_update(obj: Fields, before: Object, storage: Storage) -> Fields:
    """A service keeps its addresses and node ports where an update leaves them out."""
    old, spec = meta.spec_of(before), dict(obj["spec"])
    if spec["type"] == "ExternalName":
        return obj
    if not spec.get("clusterIP"):
        spec["clusterIP"] = old.get("clusterIP") or _free_address(storage)
    if not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    for name, value in (("ipFamilies", ["IPv4"]), ("ipFamilyPolicy", "SingleStack")):
        if not spec.get(name):
            spec[name] = old.get(name) or value
    if spec["type"] in ("NodePort", "LoadBalancer"):
        kept = {(port.get("port"), port.get("protocol")): port.get("nodePort") for port in old.get("ports") or ()}
        ports = [
            {
                **port,
                **(
                    {"nodePort": known}
                    if not port.get("nodePort") and (known := kept.get((port.get("port"), port.get("protocol"))))
                    else {}
                ),
            }
            for port in spec.get("ports") or ()
        ]
        spec["ports"] = _with_node_ports(ports, storage)
    return {**obj, "spec": spec}


def _free_address(storage: Storage) -> str:
    """An address of 10.0.0.0/24 that no service has."""
    taken = {meta.spec_of(service).get("clusterIP") for service in storage.list(("", "services"))}
    return next(address for last in range(10, 65536) if (address := f"10.0.{last // 256}.{last % 256}") not in taken)


def _with_node_ports(ports: list[Fields], storage: Storage) -> list[Fields]:
    taken = {
        port.get("nodePort")
        for service in storage.list(("", "services"))
        for port in meta.spec_of(service).get("ports") or ()
    }
    free = (number for number in range(_FIRST_NODE_PORT, _LAST_NODE_PORT + 1) if number not in taken)
    return [port if port.get("nodePort") else {**port, "nodePort": next(free)} for port in ports]


def _job(obj: Fields, _: Storage) -> Fields:
    """Labels and selector by the job's own uid, unless the creator manages them."""
    spec = dict(obj["spec"])
    if spec.get("manualSelector"):
        return obj
    uid, name = meta.uid_of(obj), meta.name_of(obj)
    template = dict(spec["template"])
    metadata = dict(template.get("metadata") or {})
    labels = {
        "batch.kubernetes.io/controller-uid": uid,
        "batch.kubernetes.io/job-name": name,
        "controller-uid": uid,
        "job-name": name,
    }
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    template["metadata"] = metadata
    spec |= {"template": template, "selector": {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}}
    if not meta.labels_of(obj):
        obj = {**obj, "metadata": {**obj["metadata"], "labels": dict(metadata["labels"])}}
    return {**obj, "spec": spec}


def _node(obj: Fields, _: Storage) -> Fields:
    """A new node is tainted until something says that it is ready."""
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    taints = list(meta.spec_of(obj).get("taints") or ())
    return {**obj, "spec": {**meta.spec_of(obj), "taints": taints if taint in taints else [*taints, taint]}}


def _claim(obj: Fields, storage: Storage) -> Fields:
    """A claim without a storage class gets the newest class that is marked as the default."""
    spec = meta.spec_of(obj)
    if spec.get("storageClassName") is None:
        key = "storageclass.kubernetes.io/is-default-class"
        classes = storage.list(("storage.k8s.io", "storageclasses"))
        marked = [one for one in classes if meta.annotations_of(one).get(key) == "true"]
        if marked:
            newest = max(marked, key=lambda one: str(one["metadata"].get("creationTimestamp")))
            spec = {**spec, "storageClassName": meta.name_of(newest)}
    return {**obj, "spec": spec, "status": {"phase": "Pending"}}


def _phase(phase: str) -> Callable[[Fields, Storage], Fields]:
    return lambda obj, _: {**obj, "status": {"phase": phase}}


_CREATE: Mapping[ResourceKey, Callable[[Fields, Storage], Fields]] = {
    NAMESPACES: _namespace,
    PODS: _pod,
    ("", "services"): _service,
    ("", "nodes"): _node,
    ("batch", "jobs"): _job,
    ("", "persistentvolumeclaims"): _claim,
    ("", "persistentvolumes"): _phase("Pending"),
}
