"""The cells of tables of the built-in kinds, as kubectl prints them. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import TypeInfo
from controller.meta import Object

Cell = Callable[[Object, float], Any]
_NONE, _UNKNOWN, _UNSET = "<none>", "<unknown>", "<unset>"


def row(info: TypeInfo, obj: Object, columns: Sequence[Object], now: float) -> list[Any]:
    """The cells of one object. A column that nothing is known of shows ``<unknown>``."""
    known = {**_COMMON, **_CELLS.get(info.key, {})}
    return [known[column["name"]](obj, now) if column["name"] in known else _UNKNOWN for column in columns]


def age(value: Any, now: float) -> str:
    """The age of a time, as kubectl writes it."""
    try:
        return human_duration(now - meta.parse_time(str(value)).timestamp())
    except ValueError:
        return _UNKNOWN if value is None else "<invalid>"


def human_duration(seconds: float) -> str:
    """A duration as kubectl shows ages: ``90s``, ``5m30s``, ``3h``, ``2d5h``, ``2y10d``."""
    whole = int(seconds)
    if whole < 0:
        return "0s" if whole >= -1 else "<invalid>"
    minutes, hours, days, years = whole // 60, whole // 3600, whole // 86400, whole // 86400 // 365
    for bound, text in (
        (whole < 120, f"{whole}s"),
        (minutes < 10, _two(minutes, "m", whole % 60, "s")),
        (hours < 3, f"{minutes}m"),
        (hours < 8, _two(hours, "h", minutes % 60, "m")),
        (hours < 48, f"{hours}h"),
        (days < 8, _two(days, "d", hours % 24, "h")),
        (years < 2, f"{days}d"),
        (years < 8, _two(years, "y", days % 365, "d")),
    ):
        if bound:
            return text
    return f"{years}y"


def _two(large: int, unit: str, small: int, small_unit: str) -> str:
    return f"{large}{unit}{small}{small_unit}" if small else f"{large}{unit}"


def _at(path: str, default: Any = "") -> Cell:
    names = path.split(".")

    def cell(obj: Object, _: float) -> Any:
        value: Any = obj
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        return default if value is None or value == "" else value

    return cell


def _age_of(path: str) -> Cell:
    found = _at(path, None)
    return lambda obj, now: age(found(obj, now), now)


def _count(*names: str) -> Cell:
    return lambda obj, _: str(sum(len(obj.get(name) or ()) for name in names))


def _number(path: str) -> Cell:
    found = _at(path, 0)
    return lambda obj, now: int(found(obj, now))


def _selector(path: str) -> Cell:
    found = _at(path, None)

    def cell(obj: Object, now: float) -> str:
        value = found(obj, now) or {}
        labels = value.get("matchLabels", {}) if "matchLabels" in value or "matchExpressions" in value else value
        return ",".join(f"{key}={item}" for key, item in sorted(labels.items())) or _NONE

    return cell


def _containers(field: str) -> Cell:
    def cell(obj: Object, _: float) -> str:
        template = obj.get("spec", obj).get("template") or obj.get("template") or {}
        spec = template.get("spec") or (
            obj["spec"].get("jobTemplate", {}).get("spec", {}).get("template", {}).get("spec") or {}
        )
        return ",".join(str(one.get(field, "")) for one in spec.get("containers") or ())

    return cell


def _ratio(left: str, right: str) -> Cell:
    first, second = _number(left), _number(right)
    return lambda obj, now: f"{first(obj, now)}/{second(obj, now)}"


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
    return ",".join(texts) or _NONE


def _external_address(service: Object, _: float) -> str:
    spec, balancer = meta.spec_of(service), meta.status_of(service).get("loadBalancer") or {}
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName"))
    addresses = [one.get("ip") or one.get("hostname") for one in balancer.get("ingress") or ()]
    addresses += spec.get("externalIPs") or ()
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else _NONE)


def _node_status(node: Object, _: float) -> str:
    conditions = {one.get("type"): one.get("status") for one in meta.status_of(node).get("conditions") or ()}
    ready = {"True": "Ready", None: "Unknown"}.get(conditions.get("Ready"), "NotReady")
    return f"{ready},SchedulingDisabled" if meta.spec_of(node).get("unschedulable") else ready


def _node_roles(node: Object, _: float) -> str:
    prefix = "node-role.kubernetes.io/"
    return (
        ",".join(sorted(label.removeprefix(prefix) for label in meta.labels_of(node) if label.startswith(prefix)))
        or _NONE
    )


def _node_address(kind: str) -> Cell:
    def cell(node: Object, _: float) -> str:
        addresses = meta.status_of(node).get("addresses") or ()
        return next((str(one.get("address")) for one in addresses if one.get("type") == kind), _NONE)

    return cell


def _event_object(name: str) -> Cell:
    def cell(event: Object, _: float) -> str:
        target = event.get(name) or event.get("involvedObject") or event.get("regarding") or {}
        return f"{str(target.get('kind', '')).lower()}/{target.get('name', '')}"

    return cell


def _event_seen(event: Object, now: float) -> str:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("deprecatedLastTimestamp"),
        event.get("eventTime"),
    )
    return age(next((time for time in times if time), None), now)


def _event_first_seen(event: Object, now: float) -> str:
    times = (event.get("firstTimestamp"), event.get("deprecatedFirstTimestamp"), event.get("eventTime"))
    return age(next((time for time in times if time), None), now)


def _event_source(event: Object, _: float) -> str:
    source = event.get("source") or event.get("deprecatedSource") or {}
    return ", ".join(
        part for part in (source.get("component") or event.get("reportingComponent"), source.get("host")) if part
    )


def _event_text(event: Object, _: float) -> str:
    return str(event.get("message") or event.get("note") or "").strip()


def _role(binding: Object, _: float) -> str:
    reference = binding.get("roleRef") or {}
    return f"{reference.get('kind')}/{reference.get('name')}"


def _subjects(kind: str) -> Cell:
    def cell(binding: Object, _: float) -> str:
        found = [one for one in binding.get("subjects") or () if one.get("kind") == kind]
        return ", ".join(
            f"{one['namespace']}/{one['name']}" if one.get("namespace") else str(one.get("name")) for one in found
        )

    return cell


def _job_status(job: Object, _: float) -> str:
    types = {one.get("type") for one in meta.status_of(job).get("conditions") or () if one.get("status") == "True"}
    return next((name for name in ("Complete", "Failed", "Suspended") if name in types), "Running")


def _modes(obj: Object, _: float) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short.get(mode, mode) for mode in meta.spec_of(obj).get("accessModes") or ())


def _names_of(path: str, key: str = "name") -> Cell:
    found = _at(path, ())
    return lambda obj, now: ",".join(str(one.get(key) if isinstance(one, Mapping) else one) for one in found(obj, now))


def _is_established(crd: Object, _: float) -> bool:
    return meta.is_condition_true(crd, "Established")


_CREATED = _age_of("metadata.creationTimestamp")
_COMMON: Mapping[str, Cell] = {
    "Name": lambda obj, _: meta.name_of(obj),
    "Age": _CREATED,
    "Created At": _at("metadata.creationTimestamp"),
    "Containers": _containers("name"),
    "Images": _containers("image"),
    "Selector": _selector("spec.selector"),
}
_EVENT: Mapping[str, Cell] = {
    "Last Seen": _event_seen,
    "Type": _at("type"),
    "Reason": _at("reason"),
    "Object": _event_object("involvedObject"),
    "Subobject": _at("involvedObject.fieldPath"),
    "Source": _event_source,
    "Message": _event_text,
    "First Seen": _event_first_seen,
    "Count": lambda event, _: int(
        event.get("count") or event.get("deprecatedCount") or (event.get("series") or {}).get("count") or 1
    ),
}
_BINDING: Mapping[str, Cell] = {
    "Role": _role,
    "Users": _subjects("User"),
    "Groups": _subjects("Group"),
    "ServiceAccounts": _subjects("ServiceAccount"),
}
_REPLICAS: Mapping[str, Cell] = {
    "Desired": _number("spec.replicas"),
    "Current": _number("status.replicas"),
    "Ready": _number("status.readyReplicas"),
}
_STORAGE: Mapping[str, Cell] = {
    "Status": lambda obj, _: "Terminating" if meta.is_deleting(obj) else meta.status_of(obj).get("phase", ""),
    "Capacity": _at("status.capacity.storage"),
    "Access Modes": _modes,
    "StorageClass": _at("spec.storageClassName"),
    "VolumeAttributesClass": _at("spec.volumeAttributesClassName", _UNSET),
    "VolumeMode": _at("spec.volumeMode", _UNSET),
}
_WEBHOOKS: Mapping[str, Cell] = {"Webhooks": lambda obj, _: len(obj.get("webhooks") or ())}
_CELLS: Mapping[tuple[str, str], Mapping[str, Cell]] = {
    ("", "configmaps"): {"Data": _count("data", "binaryData")},
    ("", "secrets"): {"Type": _at("type"), "Data": _count("data")},
    ("", "namespaces"): {"Status": _at("status.phase")},
    ("", "events"): _EVENT,
    ("", "pods"): {
        "Ready": _pod_ready,
        "Status": _pod_status,
        "Restarts": _pod_restarts,
        "IP": _at("status.podIP", _NONE),
        "Node": _at("spec.nodeName", _NONE),
        "Nominated Node": _at("status.nominatedNodeName", _NONE),
        "Readiness Gates": lambda *_: _NONE,
    },
    ("", "services"): {
        "Type": _at("spec.type"),
        "Cluster-IP": _at("spec.clusterIP", _NONE),
        "External-IP": _external_address,
        "Port(s)": _service_ports,
    },
    ("", "nodes"): {
        "Status": _node_status,
        "Roles": _node_roles,
        "Version": _at("status.nodeInfo.kubeletVersion"),
        "Internal-IP": _node_address("InternalIP"),
        "External-IP": _node_address("ExternalIP"),
        "OS-Image": _at("status.nodeInfo.osImage", _UNKNOWN),
        "Kernel-Version": _at("status.nodeInfo.kernelVersion", _UNKNOWN),
        "Container-Runtime": _at("status.nodeInfo.containerRuntimeVersion", _UNKNOWN),
    },
    ("", "persistentvolumeclaims"): {**_STORAGE, "Volume": _at("spec.volumeName")},
    ("", "persistentvolumes"): {
        **_STORAGE,
        "Capacity": _at("spec.capacity.storage"),
        "Reclaim Policy": _at("spec.persistentVolumeReclaimPolicy"),
        "Claim": _at("spec.claimRef.name"),
        "Reason": _at("status.reason"),
    },
    ("", "replicationcontrollers"): _REPLICAS,
    ("apps", "replicasets"): _REPLICAS,
    ("apps", "deployments"): {
        "Ready": _ratio("status.readyReplicas", "spec.replicas"),
        "Up-to-date": _number("status.updatedReplicas"),
        "Available": _number("status.availableReplicas"),
    },
    ("apps", "statefulsets"): {"Ready": _ratio("status.readyReplicas", "spec.replicas")},
    ("apps", "daemonsets"): {
        "Desired": _number("status.desiredNumberScheduled"),
        "Current": _number("status.currentNumberScheduled"),
        "Ready": _number("status.numberReady"),
        "Up-to-date": _number("status.updatedNumberScheduled"),
        "Available": _number("status.numberAvailable"),
        "Node Selector": _selector("spec.template.spec.nodeSelector"),
    },
    ("apps", "controllerrevisions"): {"Controller": lambda *_: _NONE, "Revision": _number("revision")},
    ("batch", "jobs"): {
        "Status": _job_status,
        "Completions": _ratio("status.succeeded", "spec.completions"),
        "Duration": lambda job, now: (
            age(meta.status_of(job).get("startTime"), now) if meta.status_of(job).get("startTime") else ""
        ),
    },
    ("batch", "cronjobs"): {
        "Schedule": _at("spec.schedule"),
        "Timezone": _at("spec.timeZone", _NONE),
        "Suspend": lambda job, _: bool(meta.spec_of(job).get("suspend")),
        "Active": lambda job, _: len(meta.status_of(job).get("active") or ()),
        "Last Schedule": lambda job, now: (
            age(meta.status_of(job)["lastScheduleTime"], now) if meta.status_of(job).get("lastScheduleTime") else _NONE
        ),
        "Selector": lambda *_: _NONE,
    },
    ("coordination.k8s.io", "leases"): {"Holder": _at("spec.holderIdentity")},
    ("rbac.authorization.k8s.io", "rolebindings"): _BINDING,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _BINDING,
    ("apiextensions.k8s.io", "customresourcedefinitions"): {
        "Scope": _at("spec.scope"),
        "Versions": _names_of("spec.versions"),
        "Group": _at("spec.group"),
        "Kind": _at("spec.names.kind"),
        "ShortNames": _names_of("spec.names.shortNames"),
        "Established": _is_established,
    },
    ("autoscaling", "horizontalpodautoscalers"): {
        "Reference": lambda obj, _: f"{obj['spec']['scaleTargetRef']['kind']}/{obj['spec']['scaleTargetRef']['name']}",
        "MinPods": lambda obj, _: str(obj["spec"].get("minReplicas", _UNSET)),
        "MaxPods": _number("spec.maxReplicas"),
        "Replicas": _number("status.currentReplicas"),
    },
    ("policy", "poddisruptionbudgets"): {
        "Min Available": _at("spec.minAvailable", "N/A"),
        "Max Unavailable": _at("spec.maxUnavailable", "N/A"),
        "Allowed Disruptions": _number("status.disruptionsAllowed"),
    },
    ("networking.k8s.io", "ingresses"): {
        "Class": _at("spec.ingressClassName", _NONE),
        "Hosts": lambda obj, _: ",".join(rule.get("host") or "*" for rule in obj["spec"].get("rules") or ()) or "*",
        "Address": lambda *_: "",
        "Ports": lambda obj, _: "80, 443" if obj["spec"].get("tls") else "80",
    },
    ("networking.k8s.io", "networkpolicies"): {"Pod-Selector": _selector("spec.podSelector")},
    ("networking.k8s.io", "ingressclasses"): {
        "Controller": _at("spec.controller"),
        "Parameters": _at("spec.parameters.kind", _NONE),
    },
    ("storage.k8s.io", "storageclasses"): {
        "Provisioner": _at("provisioner"),
        "ReclaimPolicy": _at("reclaimPolicy"),
        "VolumeBindingMode": _at("volumeBindingMode"),
        "AllowVolumeExpansion": lambda obj, _: bool(obj.get("allowVolumeExpansion")),
    },
    ("scheduling.k8s.io", "priorityclasses"): {
        "Value": _number("value"),
        "Global-Default": lambda obj, _: bool(obj.get("globalDefault")),
        "PreemptionPolicy": _at("preemptionPolicy"),
    },
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _WEBHOOKS,
    ("node.k8s.io", "runtimeclasses"): {"Handler": _at("handler")},
}
