"""The cells of pods, nodes, services and workloads. Pure."""

from collections.abc import Mapping

from controller import meta
from controller.envtest.embedded.builtin.cells import (
    NONE,
    UNKNOWN,
    Cell,
    age,
    at,
    number,
    ratio,
    selector_at,
)
from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object


def _pod_statuses(pod: Object) -> list[Object]:
    return list(meta.status_of(pod).get("containerStatuses") or ())


def _pod_ready(pod: Object, _: float) -> str:
    ready = sum(bool(status.get("ready")) for status in _pod_statuses(pod))
    return f"{ready}/{len(meta.spec_of(pod).get('containers') or ())}"


def _pod_status(pod: Object, _: float) -> str:
    if meta.is_deleting(pod):
        return "Terminating"
    status = meta.status_of(pod)
    for one in reversed(_pod_statuses(pod)):
        state = one.get("state") or {}
        for kind in ("waiting", "terminated"):
            if reason := (state.get(kind) or {}).get("reason"):
                return str(reason)
    return str(status.get("reason") or status.get("phase") or "")


def _pod_restarts(pod: Object, _: float) -> str:
    return str(sum(int(status.get("restartCount") or 0) for status in _pod_statuses(pod)))


def _service_ports(service: Object, _: float) -> str:
    ports = meta.spec_of(service).get("ports") or ()
    texts = [
        f"{one['port']}{':' + str(one['nodePort']) if one.get('nodePort') else ''}/{one.get('protocol')}"
        for one in ports
    ]
    return ",".join(texts) or NONE


def _external_address(service: Object, _: float) -> str:
    spec, balancer = meta.spec_of(service), meta.status_of(service).get("loadBalancer") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    addresses = [one.get("ip") or one.get("hostname") for one in balancer.get("ingress") or ()]
    addresses += spec.get("externalIPs") or ()
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else NONE)


def _node_status(node: Object, _: float) -> str:
    conditions = {one.get("type"): one.get("status") for one in meta.status_of(node).get("conditions") or ()}
    ready = {"True": "Ready", None: "Unknown"}.get(conditions.get("Ready"), "NotReady")
    return f"{ready},SchedulingDisabled" if meta.spec_of(node).get("unschedulable") else ready


def _node_roles(node: Object, _: float) -> str:
    prefix = "node-role.kubernetes.io/"
    return (
        ",".join(sorted(label.removeprefix(prefix) for label in meta.labels_of(node) if label.startswith(prefix)))
        or NONE
    )


def _node_address(kind: str) -> Cell:
    def cell(node: Object, _: float) -> str:
        addresses = meta.status_of(node).get("addresses") or ()
        return next((str(one.get("address")) for one in addresses if one.get("type") == kind), NONE)

    return cell


def _job_status(job: Object, _: float) -> str:
    types = {one.get("type") for one in meta.status_of(job).get("conditions") or () if one.get("status") == "True"}
    return next((name for name in ("Complete", "Failed", "Suspended") if name in types), "Running")


_REPLICAS: Mapping[str, Cell] = {
    "Desired": number("spec.replicas"),
    "Current": number("status.replicas"),
    "Ready": number("status.readyReplicas"),
}
CELLS: Mapping[ResourceKey, Mapping[str, Cell]] = {
    ("", "pods"): {
        "Ready": _pod_ready,
        "Status": _pod_status,
        "Restarts": _pod_restarts,
        "IP": at("status.podIP", NONE),
        "Node": at("spec.nodeName", NONE),
        "Nominated Node": at("status.nominatedNodeName", NONE),
        "Readiness Gates": lambda *_: NONE,
    },
    ("", "services"): {
        "Type": at("spec.type"),
        "Cluster-IP": at("spec.clusterIP", NONE),
        "External-IP": _external_address,
        "Port(s)": _service_ports,
    },
    ("", "nodes"): {
        "Status": _node_status,
        "Roles": _node_roles,
        "Version": at("status.nodeInfo.kubeletVersion"),
        "Internal-IP": _node_address("InternalIP"),
        "External-IP": _node_address("ExternalIP"),
        "OS-Image": at("status.nodeInfo.osImage", UNKNOWN),
        "Kernel-Version": at("status.nodeInfo.kernelVersion", UNKNOWN),
        "Container-Runtime": at("status.nodeInfo.containerRuntimeVersion", UNKNOWN),
    },
    ("", "replicationcontrollers"): _REPLICAS,
    ("apps", "replicasets"): _REPLICAS,
    ("apps", "deployments"): {
        "Ready": ratio("status.readyReplicas", "spec.replicas"),
        "Up-to-date": number("status.updatedReplicas"),
        "Available": number("status.availableReplicas"),
    },
    ("apps", "statefulsets"): {"Ready": ratio("status.readyReplicas", "spec.replicas")},
    ("apps", "daemonsets"): {
        "Desired": number("status.desiredNumberScheduled"),
        "Current": number("status.currentNumberScheduled"),
        "Ready": number("status.numberReady"),
        "Up-to-date": number("status.updatedNumberScheduled"),
        "Available": number("status.numberAvailable"),
        "Node Selector": selector_at("spec.template.spec.nodeSelector"),
    },
    ("apps", "controllerrevisions"): {"Controller": lambda *_: NONE, "Revision": number("revision")},
    ("batch", "jobs"): {
        "Status": _job_status,
        "Completions": ratio("status.succeeded", "spec.completions"),
        "Duration": lambda job, now: (
            age(meta.status_of(job).get("startTime"), now) if meta.status_of(job).get("startTime") else ""
        ),
    },
    ("batch", "cronjobs"): {
        "Schedule": at("spec.schedule"),
        "Timezone": at("spec.timeZone", NONE),
        "Suspend": lambda job, _: str(bool(meta.spec_of(job).get("suspend"))),
        "Active": lambda job, _: len(meta.status_of(job).get("active") or ()),
        "Last Schedule": lambda job, now: (
            age(meta.status_of(job)["lastScheduleTime"], now) if meta.status_of(job).get("lastScheduleTime") else NONE
        ),
        "Selector": lambda *_: NONE,
    },
}
