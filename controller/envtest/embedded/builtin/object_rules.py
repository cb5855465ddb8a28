"""The rules of configuration, events, leases, rights and claims. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded.builtin.common_rules import Rule
from controller.envtest.embedded.causes import forbidden, required, unsupported, wrong
from controller.meta import LabelSelector
from controller.meta.errors import Cause

_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_MAX_NOTE = 1024
_MAX_DATA = 1024 * 1024


def _data(value: Any, path: str) -> Iterator[Cause]:
    total = 0
    both = set(value.get("data") or ()) & set(value.get("binaryData") or ())
    for name in ("data", "binaryData"):
        for key, item in (value.get(name) or {}).items():
            total += len(item.encode())
            if not _DATA_KEY.fullmatch(key) or key in (".", ".."):
                yield wrong(
                    f"{name}[{key}]", key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                )
            if key in both and name == "data":
                yield wrong(f"{name}[{key}]", key, "duplicate of key present in the other map")
    if total > _MAX_DATA * (4 / 3 if "type" in value else 1):
        yield Cause(
            "data" if "type" in value else "", "FieldValueTooLong", f"Too long: may not be more than {_MAX_DATA} bytes"
        )


_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret(value: Any, path: str) -> Iterator[Cause]:
    yield from _data(value, path)
    data, type_ = value.get("data") or {}, value.get("type", "")
    for key in _SECRET_KEYS.get(type_, ()):
        if key not in data:
            yield required(f"data[{key}]")
    if type_ == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield required("data[username]")
        yield required("data[password]")


def _lease(value: Any, path: str) -> Iterator[Cause]:
    if (duration := value.get("leaseDurationSeconds")) is not None and duration <= 0:
        yield wrong(f"{path}.leaseDurationSeconds", duration, "must be greater than 0")
    if (value.get("leaseTransitions") or 0) < 0:
        yield wrong(f"{path}.leaseTransitions", value["leaseTransitions"], "must be greater than or equal to 0")


def _core_event(value: Any, path: str) -> Iterator[Cause]:
    namespace = (value.get("involvedObject") or {}).get("namespace") or ""
    if namespace and namespace != value["metadata"].get("namespace", ""):
        yield wrong("involvedObject.namespace", namespace, "does not match event.namespace")


def _event(value: Any, path: str) -> Iterator[Cause]:
    for name in ("eventTime", "reportingController", "reportingInstance", "action", "reason"):
        if not value.get(name):
            yield required(name)
    if len(str(value.get("note") or "").encode()) > _MAX_NOTE:
        yield wrong("message", "", f"can have at most {_MAX_NOTE} characters")
    if value.get("type") not in ("Normal", "Warning"):
        yield wrong("type", value.get("type"), "has invalid value")


def _policy_rule(value: Any, path: str) -> Iterator[Cause]:
    if value.get("nonResourceURLs"):
        if value.get("resources") or value.get("apiGroups"):
            yield wrong(
                f"{path}.nonResourceURLs",
                value["nonResourceURLs"],
                "rules cannot apply to both regular resources and non-resource URLs",
            )
        return
    if not value.get("apiGroups"):
        yield required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not value.get("resources"):
        yield required(f"{path}.resources", "resource rules must supply at least one resource")


def _subject(value: Any, path: str) -> Iterator[Cause]:
    kind = value.get("kind")
    if kind and kind not in ("ServiceAccount", "User", "Group"):
        yield unsupported(f"{path}.kind", kind, ["Group", "ServiceAccount", "User"])


def _role_ref(value: Any, path: str) -> Iterator[Cause]:
    if value.get("kind") not in ("Role", "ClusterRole"):
        yield unsupported(f"{path}.kind", value.get("kind"), ["Role", "ClusterRole"])


def _aggregation_rule(value: Any, path: str) -> Iterator[Cause]:
    selectors = value.get("clusterRoleSelectors")
    if not selectors:
        yield required(
            f"{path}.clusterRoleSelectors", "at least one clusterRoleSelector required if aggregationRule is non-nil"
        )
    for index, selector in enumerate(selectors or ()):
        yield from _selector(selector, f"{path}.clusterRoleSelectors[{index}]")


def _selector(value: Any, path: str) -> Iterator[Cause]:
    causes = []
    for index, entry in enumerate(value.get("matchExpressions") or ()):
        where, operator, values = f"{path}.matchExpressions[{index}]", entry.get("operator"), entry.get("values")
        if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
            causes.append(wrong(f"{where}.operator", operator, "not a valid selector operator"))
        elif operator in ("In", "NotIn") and not values:
            causes.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist") and values:
            causes.append(
                forbidden(f"{where}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            )
    if not causes:
        try:
            LabelSelector.from_object(value)
        except ValueError as error:
            causes.append(wrong(path, value, str(error)))
    yield from causes


def _claim(value: Any, path: str) -> Iterator[Cause]:
    if not value.get("accessModes"):
        yield required(f"{path}.accessModes", "at least 1 access mode is required")
    if "storage" not in ((value.get("resources") or {}).get("requests") or {}):
        yield required(f"{path}.resources[storage]")


RULES: Mapping[str, Rule] = {
    "core.v1.ConfigMap": _data,
    "core.v1.Secret": _secret,
    "coordination.v1.LeaseSpec": _lease,
    "core.v1.Event": _core_event,
    "events.v1.Event": _event,
    "rbac.v1.PolicyRule": _policy_rule,
    "rbac.v1.AggregationRule": _aggregation_rule,
    "rbac.v1.Subject": _subject,
    "rbac.v1.RoleRef": _role_ref,
    "core.v1.PersistentVolumeClaimSpec": _claim,
}
