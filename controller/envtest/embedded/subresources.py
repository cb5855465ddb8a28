"""Subresources that are not a part of the object: scale, eviction, binding, tokens. Pure."""

import base64
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.builtin import catalog
from controller.envtest.embedded.refusals import invalid
from controller.envtest.embedded.resources import TypeInfo
from controller.meta import NamespacedName, Object, jsonio
from controller.meta.errors import BadRequest, Cause, Conflict

SCALE = "autoscaling/v1"
SCALES = TypeInfo(
    *("autoscaling", "v1", "scales", "scale", "Scale", "ScaleList"),
    schema=catalog.definition("io.k8s.api.autoscaling.v1.Scale"),
    columns=tuple({"name": name} for name in ("Name", "Desired", "Available", "Age")),
)
"""Scales as a resource, for patches and tables of them."""
TOKEN_REQUESTS = TypeInfo(
    *("authentication.k8s.io", "v1", "tokenrequests", "tokenrequest", "TokenRequest", "TokenRequestList"), schema={}
)
"""Requests for tokens as a resource, for errors about them."""
_DEFAULT_EXPIRY, _SHORTEST_EXPIRY, _LONGEST_EXPIRY = 3600, 600, 2**32


def scale_of(info: TypeInfo, obj: Object) -> dict[str, Any]:
    """The Scale of an object. Raises NotFound's kin when the resource has none."""
    paths = info.scale
    assert paths is not None, f"{info.plural} have no scale"
    status: dict[str, Any] = {"replicas": at(obj, paths.status) or 0}
    if paths.selector and (selector := at(obj, paths.selector)):
        status["selector"] = selector if isinstance(selector, str) else _selector_text(selector)
    metadata = {
        name: value
        for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if (value := obj["metadata"].get(name))
    }
    replicas = at(obj, paths.spec)
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": SCALE, "metadata": metadata, "spec": spec, "status": status}


def _selector_text(selector: Mapping[str, Any]) -> str:
    matched = (
        selector.get("matchLabels", {}) if "matchLabels" in selector or "matchExpressions" in selector else selector
    )
    parts = [f"{key}={value}" for key, value in sorted(matched.items())]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        operators = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append(operators[expression["operator"]])
    return ",".join(parts)


def scaled(info: TypeInfo, obj: Object, scale: Any) -> dict[str, Any]:
    """The object with the replicas of a Scale. Raises BadRequest for another body, Invalid for negative replicas."""
    paths = info.scale
    assert paths is not None, f"{info.plural} have no scale"
    if not isinstance(scale, Mapping) or scale.get("kind", "Scale") != "Scale":
        raise BadRequest("the body of a scale request is a Scale")
    replicas = meta.spec_of(scale).get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise BadRequest("spec.replicas of a Scale must be an integer")
    if replicas < 0:
        cause = Cause(
            "spec.replicas", "FieldValueInvalid", f"Invalid value: {replicas}: must be greater than or equal to 0"
        )
        raise invalid(info, meta.name_of(obj), [cause])
    version = meta.resource_version_of(scale)
    if version and version != meta.resource_version_of(obj):
        raise Conflict(
            f'Operation cannot be fulfilled on {info.qualified} "{meta.name_of(obj)}": the object has been modified'
        )
    return _set(obj, paths.spec.split("."), replicas)


def applied_scale(info: TypeInfo, key: NamespacedName, scale: Any) -> dict[str, Any]:
    """An applied Scale as a configuration of the object that is scaled. Raises BadRequest for another body."""
    paths = info.scale
    assert paths is not None, f"{info.plural} have no scale"
    if not isinstance(scale, Mapping) or (scale.get("apiVersion"), scale.get("kind")) != (SCALE, "Scale"):
        raise BadRequest(f"the body of an applied scale is a Scale of {SCALE}")
    given = meta.metadata_of(scale)
    metadata = {name: given[name] for name in ("uid", "resourceVersion") if given.get(name)}
    configuration = {"apiVersion": info.api_version, "kind": info.kind, "metadata": {"name": key.name, **metadata}}
    replicas = meta.spec_of(scale).get("replicas")
    return configuration if replicas is None else _set(configuration, paths.spec.split("."), replicas)


def _set(value: Any, path: list[str], new: Any) -> dict[str, Any]:
    inner = value if isinstance(value, Mapping) else {}
    return {**inner, path[0]: _set(inner.get(path[0]), path[1:], new) if path[1:] else new}


def at(obj: Object, path: str) -> Any:
    """The value at a dotted path, or None."""
    value: Any = obj
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def bound(pod: Object, binding: Any, now: str) -> dict[str, Any]:
    """The pod on the node that a Binding names. Raises Conflict when it is on one, BadRequest for another body."""
    target = binding.get("target") if isinstance(binding, Mapping) else None
    if not isinstance(target, Mapping) or not target.get("name"):
        raise BadRequest("the body of a binding names a node in target.name")
    spec = meta.spec_of(pod)
    if spec.get("nodeName"):
        raise Conflict(
            f'Operation cannot be fulfilled on pods/binding "{meta.name_of(pod)}": pod is already assigned to node "{spec["nodeName"]}"'
        )
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": now}
    status = meta.status_of(pod)
    conditions = [one for one in status.get("conditions") or () if one.get("type") != "PodScheduled"]
    return {
        **pod,
        "spec": {**spec, "nodeName": target["name"]},
        "status": {**status, "conditions": [*conditions, condition]},
    }


def token(account: Object, request: Any, now: float) -> dict[str, Any]:
    """A TokenRequest with a token for the service account. The token names the account and is not signed.

    Raises Invalid for one that would expire within ten minutes.
    """
    spec = dict(meta.spec_of(request)) if isinstance(request, Mapping) else {}
    seconds = _DEFAULT_EXPIRY if spec.get("expirationSeconds") is None else int(spec["expirationSeconds"])
    if not _SHORTEST_EXPIRY <= seconds <= _LONGEST_EXPIRY:
        bound = "less than 10 minutes" if seconds < _SHORTEST_EXPIRY else "larger than 2^32 seconds"
        text = f"Invalid value: {seconds}: may not specify a duration {bound}"
        raise invalid(TOKEN_REQUESTS, "", [Cause("spec.expirationSeconds", "FieldValueInvalid", text)])
    expiry = now + seconds
    subject = f"system:serviceaccount:{meta.namespace_of(account)}:{meta.name_of(account)}"
    claims = {"sub": subject, "uid": meta.uid_of(account), "exp": int(expiry), "iss": "embedded"}
    parts = ({"alg": "none"}, claims)
    text = ".".join(base64.urlsafe_b64encode(jsonio.dumps(part)).decode().rstrip("=") for part in parts) + ".unsigned"
    spec.setdefault("audiences", ["https://kubernetes.default.svc"])
    spec.setdefault("expirationSeconds", _DEFAULT_EXPIRY)
    metadata = {
        "name": meta.name_of(account),
        "namespace": meta.namespace_of(account),
        "creationTimestamp": meta.format_time(now),
    }
    status = {"token": text, "expirationTimestamp": meta.format_time(expiry)}
    return {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": metadata,
        "spec": spec,
        "status": status,
    }


def subject_of(bearer: str) -> tuple[str, tuple[str, ...]] | None:
    """User and groups of a token that ``token`` made; None for any other."""
    try:
        payload = bearer.split(".")[1]
        claims = jsonio.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        user = str(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    if not user.startswith("system:serviceaccount:"):
        return None
    namespace = user.split(":")[2]
    return user, ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
