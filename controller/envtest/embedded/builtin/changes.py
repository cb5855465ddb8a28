"""The fields that an update may not change in objects of the built-in kinds. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin.strategy import SIGNING_REQUESTS, qos_class
from controller.envtest.embedded.causes import shown
from controller.meta import Object
from controller.meta.errors import Cause

Path = tuple[str, ...]

# Fields that cannot change, by resource.
IMMUTABLE: Mapping[tuple[str, str], tuple[Path, ...]] = {
    ("", "secrets"): (("type",),),
    ("apps", "deployments"): (("spec", "selector"),),
    ("apps", "replicasets"): (("spec", "selector"),),
    ("apps", "daemonsets"): (("spec", "selector"),),
    ("apps", "controllerrevisions"): (("data",),),
    ("batch", "jobs"): (("spec", "selector"), ("spec", "template"), ("spec", "completionMode")),
    ("rbac.authorization.k8s.io", "rolebindings"): (("roleRef",),),
    ("rbac.authorization.k8s.io", "clusterrolebindings"): (("roleRef",),),
    ("storage.k8s.io", "storageclasses"): (
        ("provisioner",),
        ("parameters",),
        ("reclaimPolicy",),
        ("volumeBindingMode",),
    ),
    ("scheduling.k8s.io", "priorityclasses"): (("value",), ("preemptionPolicy",)),
    ("node.k8s.io", "runtimeclasses"): (("handler",),),
    ("discovery.k8s.io", "endpointslices"): (("addressType",),),
    ("networking.k8s.io", "ingressclasses"): (("spec", "controller"),),
    ("", "persistentvolumes"): (("spec", "volumeMode"),),
    ("apps", "statefulsets"): (("spec", "serviceName"), ("spec", "selector"), ("spec", "podManagementPolicy")),
}
# Everything in the spec is fixed but these.
_CHANGEABLE: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("apps", "statefulsets"): (
        "serviceName",
        "selector",
        "podManagementPolicy",
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ),
    ("", "persistentvolumeclaims"): ("resources", "volumeAttributesClassName", "volumeName"),
}
_POD_CHANGES = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def violations(key: tuple[str, str], before: Object, after: Object, subresource: str = "") -> Iterator[Cause]:
    """The forbidden changes in an update of this resource or of a subresource of it."""
    if subresource in _PARTS_OF_PODS:
        yield from _PARTS_OF_PODS[subresource](before, after)
        return
    for path in IMMUTABLE.get(key, ()):
        if _at(before, path) != _at(after, path):
            yield Cause(".".join(path), "FieldValueInvalid", "Invalid value: field is immutable")
    if key in _CHANGEABLE:
        free = _CHANGEABLE[key]
        if _without(meta.spec_of(before), free) != _without(meta.spec_of(after), free):
            yield Cause("spec", "FieldValueForbidden", f"Forbidden: updates may only change {', '.join(free)}")
    if key in _SPECIAL:
        yield from _SPECIAL[key](before, after)


def _at(obj: Object, path: Path) -> Any:
    value: Any = obj
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _without(spec: Object, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in spec.items() if name not in names}


def _data(before: Object, after: Object) -> Iterator[Cause]:
    if before.get("immutable") is not True:
        return
    for name in ("immutable", "data", "binaryData"):
        if after.get(name) != before.get(name):
            yield Cause(name, "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set")


def _pod(before: Object, after: Object) -> Iterator[Cause]:
    old, new = meta.spec_of(before), meta.spec_of(after)
    for field in ("containers", "initContainers"):
        if len(old.get(field) or ()) != len(new.get(field) or ()):
            text = "Forbidden: pod updates may not add or remove containers"
            yield Cause(f"spec.{field}", "FieldValueForbidden", text)
            return
    if _frozen(old) != _frozen(new):
        yield Cause("spec", "FieldValueForbidden", f"Forbidden: {_POD_CHANGES}")
        return
    tolerations = new.get("tolerations") or ()
    if any(one not in tolerations for one in old.get("tolerations") or ()):
        text = "Forbidden: existing toleration can not be modified except its tolerationSeconds"
        yield Cause("spec.tolerations", "FieldValueForbidden", text)


def _ephemeral_containers(before: Object, after: Object) -> Iterator[Cause]:
    """Debugging containers are added, never changed or removed."""
    field, found = "ephemeralContainers", meta.spec_of(after).get("ephemeralContainers") or ()
    new = {one.get("name"): one for one in found}
    for old in meta.spec_of(before).get(field) or ():
        if new.get(old.get("name")) != old:
            text = f"Forbidden: existing ephemeral containers {shown(old.get('name'))} may not be changed or removed"
            yield Cause(f"spec.{field}", "FieldValueForbidden", text)
    others = {one.get("name") for one in _containers(after)}
    for index, one in enumerate(found):
        if one.get("name") in others:
            text = f"Duplicate value: {shown(one.get('name'))}"
            yield Cause(f"spec.{field}[{index}].name", "FieldValueDuplicate", text)


def _containers(pod: Object) -> Iterator[Object]:
    for field in ("containers", "initContainers"):
        yield from meta.spec_of(pod).get(field) or ()


def _resize(before: Object, after: Object) -> Iterator[Cause]:
    """A pod keeps its containers and its class of service, and only its CPU and memory change."""
    if [one.get("name") for one in _containers(before)] != [one.get("name") for one in _containers(after)]:
        yield Cause("spec.containers", "FieldValueForbidden", "Forbidden: pod updates may not add or remove containers")
        return
    if qos_class(before) != qos_class(after):
        text = f"Invalid value: {shown(qos_class(before))}: Pod QOS Class may not change as a result of resizing"
        yield Cause("spec", "FieldValueInvalid", text)
    for old, new in zip(_containers(before), _containers(after), strict=True):
        if _fixed_resources(old) != _fixed_resources(new):
            yield Cause("spec", "FieldValueForbidden", "Forbidden: only cpu and memory resources are mutable")
            return


def _fixed_resources(container: Object) -> dict[str, Any]:
    resources = container.get("resources") or {}
    return {kind: found for kind, values in resources.items() if (found := _without(values, ("cpu", "memory")))}


def _frozen(spec: Object) -> dict[str, Any]:
    rest = _without(spec, ("containers", "initContainers", "activeDeadlineSeconds", "tolerations", "schedulingGates"))
    for field in ("containers", "initContainers"):
        rest[field] = [_without(container, ("image",)) for container in spec.get(field) or ()]
    return rest


def _service(before: Object, after: Object) -> Iterator[Cause]:
    old, new = meta.spec_of(before), meta.spec_of(after)
    if old.get("clusterIP") and new.get("type") != "ExternalName" and old.get("clusterIP") != new.get("clusterIP"):
        yield Cause("spec.clusterIPs[0]", "FieldValueInvalid", "Invalid value: may not change once set")


def _definition(before: Object, after: Object) -> Iterator[Cause]:
    for path in (("spec", "group"), ("spec", "scope"), ("spec", "names", "plural"), ("spec", "names", "kind")):
        if _at(before, path) != _at(after, path):
            yield Cause(".".join(path), "FieldValueInvalid", "Invalid value: field is immutable")
    served = {version.get("name") for version in meta.spec_of(after).get("versions") or ()}
    for index, name in enumerate(
        meta.status_of(after).get("storedVersions") or meta.status_of(before).get("storedVersions") or ()
    ):
        if name not in served:
            text = f"Invalid value: {shown(name)}: must appear in spec.versions"
            yield Cause(f"status.storedVersions[{index}]", "FieldValueInvalid", text)


_PARTS_OF_PODS: Mapping[str, Callable[[Object, Object], Iterator[Cause]]] = {
    "ephemeralcontainers": _ephemeral_containers,
    "resize": _resize,
}


def _decisions(before: Object, after: Object) -> Iterator[Cause]:
    """Decisions about signing requests stay, and a request is not both approved and denied."""
    old, new = ([one.get("type") for one in meta.status_of(obj).get("conditions") or ()] for obj in (before, after))
    for decision in ("Approved", "Denied", "Failed"):
        if decision in old and decision not in new:
            text = f"Forbidden: updates may not remove a condition of type {shown(decision)}"
            yield Cause("status.conditions", "FieldValueForbidden", text)
    if {"Approved", "Denied"} <= set(new):
        text = "Invalid value: Approved and Denied conditions are mutually exclusive"
        yield Cause("status.conditions", "FieldValueInvalid", text)


_SPECIAL: Mapping[tuple[str, str], Callable[[Object, Object], Iterator[Cause]]] = {
    ("", "configmaps"): _data,
    ("", "secrets"): _data,
    ("", "pods"): _pod,
    ("", "services"): _service,
    SIGNING_REQUESTS: _decisions,
    ("apiextensions.k8s.io", "customresourcedefinitions"): _definition,
}
