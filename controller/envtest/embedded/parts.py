"""Objects and their subresources as parts: the fields that an update of each takes from the request. Pure."""

from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.resources import PODS, TypeInfo
from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object

Fields = dict[str, Any]
PARTS = ("status", "finalize", "approval", "ephemeralcontainers", "resize")
"""The subresources that are parts of their object: reading one reads the whole object."""

# What updates of the status leave as it is in the metadata. By the strategies of Kubernetes 1.37; other resources, custom ones too, take
# nothing but the managers.
_STATUS_LEAVES: Mapping[ResourceKey, tuple[str, ...]] = {
    PODS: ("ownerReferences",),
    ("apps", "deployments"): ("labels",),
    **dict.fromkeys(
        [
            *(
                ("", name)
                for name in ("namespaces", "nodes", "persistentvolumeclaims", "persistentvolumes", "services")
            ),
            *(("", name) for name in ("replicationcontrollers", "resourcequotas")),
            *(("apps", name) for name in ("daemonsets", "replicasets", "statefulsets")),
            *(("batch", name) for name in ("cronjobs", "jobs")),
            ("autoscaling", "horizontalpodautoscalers"),
            ("certificates.k8s.io", "certificatesigningrequests"),
            ("networking.k8s.io", "ingresses"),
            ("policy", "poddisruptionbudgets"),
        ],
        (),
    ),
}


def merged(info: TypeInfo, current: Object, obj: Fields, subresource: str, now: str) -> Fields:
    """The new object: a request for a subresource changes only its own part, and any other everything but the status.

    New decisions about signing requests get the time ``now``.
    """
    match subresource:
        case "finalize":
            return {**current, "spec": {**meta.spec_of(current), **meta.spec_of(obj)}}
        case "status":
            return _with_status(info, current, obj)
        case "approval":
            return _with_decisions(current, obj, now)
        case "ephemeralcontainers":
            name = "ephemeralContainers"
            added = {name: meta.spec_of(obj)[name]} if name in meta.spec_of(obj) else {}
            return _with_managers({**current, "spec": {**_without(meta.spec_of(current), name), **added}}, obj)
        case "resize":
            return _with_managers({**current, "spec": _resized(meta.spec_of(current), meta.spec_of(obj))}, obj)
    if info.has_status:
        obj.pop("status", None)
        if "status" in current:
            obj["status"] = current["status"]
    return obj


def _with_status(info: TypeInfo, current: Object, obj: Object) -> Fields:
    kept = _without(current, "status")
    status = {"status": obj["status"]} if "status" in obj else {}
    leaves = _STATUS_LEAVES.get(info.key)
    if leaves is None:
        return _with_managers({**kept, **status}, obj)
    before = current["metadata"]
    taken = {name: value for name, value in obj["metadata"].items() if name not in leaves}
    return {**kept, "metadata": taken | {name: before[name] for name in leaves if name in before}, **status}


def _with_decisions(current: Object, obj: Object, now: str) -> Fields:
    """A signing request with the conditions that approve or deny it."""
    given = meta.status_of(obj).get("conditions") or ()
    conditions = [
        {
            **one,
            "lastUpdateTime": one.get("lastUpdateTime") or now,
            "lastTransitionTime": one.get("lastTransitionTime") or now,
        }
        for one in given
    ]
    status = {**meta.status_of(current), **({"conditions": conditions} if conditions else {})}
    return _with_managers({**current, "status": status}, obj)


def _resized(spec: Object, given: Object) -> Fields:
    """The pod's spec with the resources that the request gives its containers; other containers are taken as they are given."""
    result = dict(spec)
    for field in ("containers", "initContainers"):
        old = {one.get("name"): one for one in spec.get(field) or ()}
        if field in given:
            result[field] = [_with_resources(old.get(one.get("name"), one), one) for one in given[field]]
    return result


def _with_resources(container: Object, wanted: Object) -> Fields:
    names = ("resources", "resizePolicy")
    return {**_without(container, *names), **{name: wanted[name] for name in names if name in wanted}}


def _with_managers(obj: Object, given: Object) -> Fields:
    """The object with the managers that the request names."""
    entries = given["metadata"].get("managedFields")
    return {**obj, "metadata": {**obj["metadata"], **({"managedFields": entries} if entries is not None else {})}}


def _without(value: Object, *names: str) -> Fields:
    return {name: item for name, item in value.items() if name not in names}
