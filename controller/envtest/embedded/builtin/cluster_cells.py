"""The cells of quotas, autoscalers, signing requests, endpoints, flow control and other objects about a cluster. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from controller import meta
from controller.envtest.embedded.builtin.cells import (
    NONE,
    UNKNOWN,
    UNSET,
    Cell,
    at,
    human_duration,
    names_of,
    number,
    selector_at,
)
from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object

_MOST_TARGETS, _MOST_ENDPOINTS = 2, 3


def _shortened(items: Sequence[str], most: int, separator: str) -> str:
    more = f" + {len(items) - most} more..." if len(items) > most else ""
    return separator.join(items[:most]) + more


def _quota(*, limits: bool) -> Cell:
    """The used amount and the limit of each resource."""

    def cell(quota: Object, _: float) -> str:
        status = meta.status_of(quota)
        used, hard = status.get("used") or {}, status.get("hard") or {}
        return ", ".join(
            f"{name}: {used.get(name, '0')}/{amount}"
            for name, amount in sorted(hard.items())
            if name.startswith("limits") == limits
        )

    return cell


def _targets(autoscaler: Object, _: float) -> str:
    current = meta.status_of(autoscaler).get("currentMetrics") or ()
    metrics = meta.spec_of(autoscaler).get("metrics") or ()
    texts = [_target(metric, current[index] if index < len(current) else {}) for index, metric in enumerate(metrics)]
    return _shortened(texts, _MOST_TARGETS, ", ") or NONE


def _target(metric: Object, current: Object) -> str:
    source = str(metric.get("type"))
    field = source[:1].lower() + source[1:]
    wanted = (metric.get(field) or {}).get("target") or {}
    found = (current.get(field) or {}).get("current") or {}
    for name, end in (("averageUtilization", "%"), ("averageValue", ""), ("value", "")):
        if name in wanted:
            value = f"{found[name]}{end}" if name in found else UNKNOWN
            text = f"{value}/{wanted[name]}{end}"
            average = " (avg)" if name == "averageValue" and field in ("object", "external") else ""
            prefix = f"{metric[field]['name']}: " if field in ("resource", "containerResource") else ""
            return f"{prefix}{text}{average}"
    return UNKNOWN


def _decision(request: Object, _: float) -> str:
    types = [one.get("type") for one in meta.status_of(request).get("conditions") or ()]
    state = [name for name in ("Approved", "Denied") if name in types] or ["Pending"]
    issued = ["Issued"] if meta.status_of(request).get("certificate") else []
    return ",".join([*state, *(["Failed"] if "Failed" in types else []), *issued])


def _requested_duration(request: Object, _: float) -> str:
    seconds = meta.spec_of(request).get("expirationSeconds")
    return NONE if seconds is None else human_duration(float(seconds))


def _endpoints(endpoints: Object, _: float) -> str:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        addresses = [str(one.get("ip")) for one in subset.get("addresses") or ()]
        ports = [one.get("port") for one in subset.get("ports") or ()]
        found += [f"{address}:{port}" for port in ports for address in addresses] if ports else addresses
    return _shortened(found, _MOST_ENDPOINTS, ",") or NONE


def _addresses(endpoint_slice: Object, _: float) -> str:
    found = [address for one in endpoint_slice.get("endpoints") or () for address in one.get("addresses") or ()]
    return _shortened(found, _MOST_ENDPOINTS, ",") or UNSET


def _ports(endpoint_slice: Object, _: float) -> str:
    found = [str(one.get("port", "*")) for one in endpoint_slice.get("ports") or ()]
    return _shortened(found, _MOST_ENDPOINTS, ",") or UNSET


def _missing_level(schema: Object, _: float) -> str:
    conditions: Iterable[Object] = meta.status_of(schema).get("conditions") or ()
    return next((str(one.get("status")) for one in conditions if one.get("type") == "Dangling"), "?")


def _parent(address: Object, _: float) -> str:
    parent = meta.spec_of(address).get("parentRef") or {}
    return "/".join(str(parent[name]) for name in ("group", "resource", "namespace", "name") if parent.get(name))


def _claim_state(claim: Object, _: float) -> str:
    status = meta.status_of(claim)
    states = ["deleted"] if meta.is_deleting(claim) else []
    states += ["allocated"] if status.get("allocation") else []
    states += ["reserved"] if status.get("reservedFor") else []
    return ",".join(states) or "pending"


def _available(service: Object, _: float) -> str:
    conditions = meta.status_of(service).get("conditions") or ()
    found = next((one for one in conditions if one.get("type") == "Available"), {"status": "Unknown"})
    status, reason = found.get("status"), found.get("reason")
    return str(status) if status == "True" or not reason else f"{status} ({reason})"


def _service(service: Object, _: float) -> str:
    backend = meta.spec_of(service).get("service")
    return f"{backend.get('namespace')}/{backend.get('name')}" if backend else "Local"


def _length(path: str) -> Cell:
    found = at(path, ())
    return lambda obj, now: len(found(obj, now))


def _flag(path: str) -> Cell:
    found = at(path, None)
    return lambda obj, now: bool(found(obj, now))


_REPLICA_COUNTS: Mapping[str, Cell] = {"Desired": number("spec.replicas"), "Available": number("status.replicas")}
_POLICY: Mapping[str, Cell] = {
    "Validations": _length("spec.validations"),
    "Mutations": _length("spec.mutations"),
    "ParamKind": at("spec.paramKind.kind", UNSET),
}
_POLICY_BINDING: Mapping[str, Cell] = {"PolicyName": at("spec.policyName"), "ParamRef": at("spec.paramRef.name", UNSET)}
CELLS: Mapping[ResourceKey, Mapping[str, Cell]] = {
    ("autoscaling", "scales"): _REPLICA_COUNTS,
    ("", "resourcequotas"): {"Request": _quota(limits=False), "Limit": _quota(limits=True)},
    ("", "endpoints"): {"Endpoints": _endpoints},
    ("", "podtemplates"): {"Pod Labels": selector_at("template.metadata.labels")},
    ("discovery.k8s.io", "endpointslices"): {
        "AddressType": at("addressType"),
        "Ports": _ports,
        "Endpoints": _addresses,
    },
    ("autoscaling", "horizontalpodautoscalers"): {
        "Reference": lambda obj, _: f"{obj['spec']['scaleTargetRef']['kind']}/{obj['spec']['scaleTargetRef']['name']}",
        "Targets": _targets,
        "MinPods": lambda obj, _: str(obj["spec"].get("minReplicas", UNSET)),
        "MaxPods": number("spec.maxReplicas"),
        "Replicas": number("status.currentReplicas"),
    },
    ("certificates.k8s.io", "certificatesigningrequests"): {
        "SignerName": at("spec.signerName"),
        "Requestor": at("spec.username"),
        "RequestedDuration": _requested_duration,
        "Condition": _decision,
    },
    ("flowcontrol.apiserver.k8s.io", "flowschemas"): {
        "PriorityLevel": at("spec.priorityLevelConfiguration.name"),
        "MatchingPrecedence": number("spec.matchingPrecedence"),
        "DistinguisherMethod": at("spec.distinguisherMethod.type", NONE),
        "MissingPL": _missing_level,
    },
    ("flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations"): {
        "Type": at("spec.type"),
        "NominalConcurrencyShares": at("spec.limited.nominalConcurrencyShares", NONE),
        "Queues": at("spec.limited.limitResponse.queuing.queues", NONE),
        "HandSize": at("spec.limited.limitResponse.queuing.handSize", NONE),
        "QueueLengthLimit": at("spec.limited.limitResponse.queuing.queueLengthLimit", NONE),
    },
    ("apiregistration.k8s.io", "apiservices"): {"Service": _service, "Available": _available},
    ("networking.k8s.io", "servicecidrs"): {"CIDRs": names_of("spec.cidrs")},
    ("networking.k8s.io", "ipaddresses"): {"ParentRef": _parent},
    ("resource.k8s.io", "resourceclaims"): {"State": _claim_state},
    ("storage.k8s.io", "csinodes"): {"Drivers": _length("spec.drivers")},
    ("storage.k8s.io", "volumeattachments"): {
        "Attacher": at("spec.attacher"),
        "PV": at("spec.source.persistentVolumeName"),
        "Node": at("spec.nodeName"),
        "Attached": _flag("status.attached"),
    },
    ("storage.k8s.io", "csidrivers"): {
        "AttachRequired": _flag("spec.attachRequired"),
        "PodInfoOnMount": _flag("spec.podInfoOnMount"),
        "StorageCapacity": _flag("spec.storageCapacity"),
        "TokenRequests": names_of("spec.tokenRequests", "audience", UNSET),
        "RequiresRepublish": _flag("spec.requiresRepublish"),
        "Modes": names_of("spec.volumeLifecycleModes"),
    },
    ("admissionregistration.k8s.io", "mutatingadmissionpolicies"): _POLICY,
    ("admissionregistration.k8s.io", "validatingadmissionpolicies"): _POLICY,
    ("admissionregistration.k8s.io", "mutatingadmissionpolicybindings"): _POLICY_BINDING,
    ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"): _POLICY_BINDING,
}
