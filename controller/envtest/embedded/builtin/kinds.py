"""The built-in resources as this server serves them: from the catalog, with what the API server's code says of each. Pure."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded.builtin import catalog
from controller.envtest.embedded.resources import ScalePaths, Subresource, TypeInfo
from controller.envtest.embedded.storage import ResourceKey

_APPS = ("daemonsets", "deployments", "replicasets", "statefulsets")
_WEBHOOKS = (
    "mutatingadmissionpolicies",
    "mutatingadmissionpolicybindings",
    "mutatingwebhookconfigurations",
    "validatingadmissionpolicies",
    "validatingadmissionpolicybindings",
    "validatingwebhookconfigurations",
)
_HAS_GENERATION = frozenset(
    {
        *_APPS,
        *_WEBHOOKS,
        "cronjobs",
        "customresourcedefinitions",
        "deviceclasses",
        "devicetaintrules",
        "endpointslices",
        "flowschemas",
        "horizontalpodautoscalers",
        "ingressclasses",
        "ingresses",
        "jobs",
        "networkpolicies",
        "poddisruptionbudgets",
        "pods",
        "podtemplates",
        "priorityclasses",
        "prioritylevelconfigurations",
        "replicationcontrollers",
        "resourceslices",
    }
)
_NEEDS_VERSION = frozenset(
    {
        *_WEBHOOKS,
        "apiservices",
        "clustertrustbundles",
        "csidrivers",
        "csinodes",
        "csistoragecapacities",
        "customresourcedefinitions",
        "leases",
        "podcertificaterequests",
        "poddisruptionbudgets",
        "runtimeclasses",
        "storageversionmigrations",
        "volumeattachments",
    }
)
_CREATED_BY_PUT = frozenset(
    {
        "clusterrolebindings",
        "clusterroles",
        "endpoints",
        "events",
        "leases",
        "limitranges",
        "rolebindings",
        "roles",
        "runtimeclasses",
        "services",
    }
)
_RETURNS_DELETED = frozenset(
    {
        "csidrivers",
        "csinodes",
        "deviceclasses",
        "persistentvolumeclaims",
        "persistentvolumes",
        "pods",
        "podtemplates",
        "resourceclaims",
        "resourceclaimtemplates",
        "resourcequotas",
        "resourceslices",
        "serviceaccounts",
        "services",
        "storageclasses",
        "volumeattachments",
        "volumeattributesclasses",
    }
)
_OBJECT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_SELECTABLE: Mapping[ResourceKey, tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "replicationcontrollers"): ("status.replicas",),
    ("", "events"): (
        *(f"involvedObject.{name}" for name in _OBJECT_FIELDS),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("events.k8s.io", "events"): (
        *(f"regarding.{name}" for name in _OBJECT_FIELDS),
        "reason",
        "reportingController",
        "type",
    ),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
    ("certificates.k8s.io", "certificatesigningrequests"): ("spec.signerName",),
    ("resource.k8s.io", "resourceslices"): ("spec.nodeName", "spec.driver"),
}
NEW_EVENT_NAMES: Mapping[str, str] = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_DEPRECATED: Mapping[ResourceKey, str] = {
    ("", "endpoints"): "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
# Resources that Kubernetes has and this server leaves out; a client that asks for them gets 404.
LEFT_OUT = frozenset({("v1", "componentstatuses"), ("autoscaling/v1", "horizontalpodautoscalers")})


@functools.cache
def built_in() -> tuple[TypeInfo, ...]:
    """All of them. Resources without stored objects, like reviews, have only the verb ``create``."""
    return tuple(info for api_version, entries in catalog.resources().items() for info in _of(api_version, entries))


def _of(api_version: str, entries: list[dict[str, Any]]) -> Iterator[TypeInfo]:
    for entry in entries:
        if "/" not in entry["name"] and (api_version, entry["name"]) not in LEFT_OUT:
            yield _info(
                api_version, entry, [other for other in entries if other["name"].startswith(f"{entry['name']}/")]
            )


def _info(api_version: str, entry: dict[str, Any], below: list[dict[str, Any]]) -> TypeInfo:
    group, _, version = api_version.rpartition("/")
    plural, kind = entry["name"], entry["kind"]
    is_new_event = (group, plural) == ("events.k8s.io", "events")
    subresources = {sub.name: sub for sub in map(_subresource, below)}
    schema = catalog.schema_of_kind(api_version, kind)
    assert schema is not None, f"the catalog has no schema of {api_version} {kind}"
    return TypeInfo(
        group=group,
        version=version,
        plural=plural,
        singular=entry["singularName"],
        kind=kind,
        list_kind=f"{kind}List",
        schema=schema,
        namespaced=entry["namespaced"],
        has_generation=plural in _HAS_GENERATION,
        unconditional_update=plural not in _NEEDS_VERSION,
        create_on_update=plural in _CREATED_BY_PUT,
        returns_deleted=plural in _RETURNS_DELETED,
        verbs=tuple(entry["verbs"]),
        short_names=tuple(entry.get("shortNames", ())),
        categories=tuple(entry.get("categories", ())),
        columns=tuple(entry.get("columns", ())),
        selectable=_SELECTABLE.get((group, plural), ()),
        subresources=subresources,
        scale=ScalePaths() if "scale" in subresources else None,
        stored_as=("", "events") if is_new_event else None,
        renamed=NEW_EVENT_NAMES if is_new_event else {},
        warning=_DEPRECATED.get((group, plural), ""),
    )


def _subresource(entry: dict[str, Any]) -> Subresource:
    group, version = entry.get("group", ""), entry.get("version", "")
    return Subresource(
        name=entry["name"].partition("/")[2],
        kind=entry["kind"],
        api_version=f"{group}/{version}" if group else version,
        verbs=tuple(entry["verbs"]),
    )
