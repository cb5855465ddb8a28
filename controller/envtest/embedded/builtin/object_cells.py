"""The cells of configuration, events, rights, storage, policies and definitions. Pure."""

from collections.abc import Mapping

from controller import meta
from controller.envtest.embedded.builtin.cells import (
    NONE,
    UNSET,
    Cell,
    age,
    at,
    count,
    names_of,
    number,
    selector_at,
)
from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object


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


def _modes(obj: Object, _: float) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    bound = meta.status_of(obj) if obj.get("kind") == "PersistentVolumeClaim" else meta.spec_of(obj)
    return ",".join(short.get(mode, mode) for mode in bound.get("accessModes") or ())


def _versions(crd: Object, _: float) -> str:
    served = [one for one in meta.spec_of(crd).get("versions") or () if one.get("served")]
    return ",".join(sorted(f"{one['name']}{'(storage)' if one.get('storage') else ''}" for one in served))


def _class_name(storage_class: Object, _: float) -> str:
    key = "storageclass.kubernetes.io/is-default-class"
    is_default = meta.annotations_of(storage_class).get(key) == "true"
    return meta.name_of(storage_class) + (" (default)" if is_default else "")


def _is_established(crd: Object, _: float) -> bool:
    return meta.is_condition_true(crd, "Established")


_EVENT: Mapping[str, Cell] = {
    "Last Seen": _event_seen,
    "Type": at("type"),
    "Reason": at("reason"),
    "Object": _event_object("involvedObject"),
    "Subobject": at("involvedObject.fieldPath"),
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
_STORAGE: Mapping[str, Cell] = {
    "Status": lambda obj, _: "Terminating" if meta.is_deleting(obj) else meta.status_of(obj).get("phase", ""),
    "Capacity": at("status.capacity.storage"),
    "Access Modes": _modes,
    "StorageClass": at("spec.storageClassName"),
    "VolumeAttributesClass": at("spec.volumeAttributesClassName", UNSET),
    "VolumeMode": at("spec.volumeMode", UNSET),
}
_WEBHOOKS: Mapping[str, Cell] = {"Webhooks": lambda obj, _: len(obj.get("webhooks") or ())}
CELLS: Mapping[ResourceKey, Mapping[str, Cell]] = {
    ("", "configmaps"): {"Data": count("data", "binaryData")},
    ("", "secrets"): {"Type": at("type"), "Data": lambda secret, _: len(secret.get("data") or ())},
    ("", "namespaces"): {"Status": at("status.phase")},
    ("", "events"): _EVENT,
    ("", "persistentvolumeclaims"): {**_STORAGE, "Volume": at("spec.volumeName")},
    ("", "persistentvolumes"): {
        **_STORAGE,
        "Capacity": at("spec.capacity.storage"),
        "Reclaim Policy": at("spec.persistentVolumeReclaimPolicy"),
        "Claim": at("spec.claimRef.name"),
        "Reason": at("status.reason"),
    },
    ("coordination.k8s.io", "leases"): {"Holder": at("spec.holderIdentity")},
    ("rbac.authorization.k8s.io", "rolebindings"): _BINDING,
    ("rbac.authorization.k8s.io", "clusterrolebindings"): _BINDING,
    ("apiextensions.k8s.io", "customresourcedefinitions"): {
        "Scope": at("spec.scope"),
        "Versions": _versions,
        "Group": at("spec.group"),
        "Kind": at("spec.names.kind"),
        "ShortNames": names_of("spec.names.shortNames"),
        "Established": _is_established,
    },
    ("policy", "poddisruptionbudgets"): {
        "Min Available": at("spec.minAvailable", "N/A"),
        "Max Unavailable": at("spec.maxUnavailable", "N/A"),
        "Allowed Disruptions": number("status.disruptionsAllowed"),
    },
    ("networking.k8s.io", "ingresses"): {
        "Class": at("spec.ingressClassName", NONE),
        "Hosts": lambda obj, _: ",".join(rule.get("host") or "*" for rule in obj["spec"].get("rules") or ()) or "*",
        "Address": lambda *_: "",
        "Ports": lambda obj, _: "80, 443" if obj["spec"].get("tls") else "80",
    },
    ("networking.k8s.io", "networkpolicies"): {"Pod-Selector": selector_at("spec.podSelector")},
    ("networking.k8s.io", "ingressclasses"): {
        "Controller": at("spec.controller"),
        "Parameters": at("spec.parameters.kind", NONE),
    },
    ("storage.k8s.io", "storageclasses"): {
        "Name": _class_name,
        "Provisioner": at("provisioner"),
        "ReclaimPolicy": at("reclaimPolicy"),
        "VolumeBindingMode": at("volumeBindingMode"),
        "AllowVolumeExpansion": lambda obj, _: bool(obj.get("allowVolumeExpansion")),
    },
    ("scheduling.k8s.io", "priorityclasses"): {
        "Value": number("value"),
        "Global-Default": lambda obj, _: bool(obj.get("globalDefault")),
        "PreemptionPolicy": at("preemptionPolicy"),
    },
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): _WEBHOOKS,
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): _WEBHOOKS,
    ("node.k8s.io", "runtimeclasses"): {"Handler": at("handler")},
}
