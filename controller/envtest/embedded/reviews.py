"""The user of a request, and the rights that RBAC objects give to a user. Pure.

The server itself admits everybody to everything; these answers are for clients that ask.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded.storage import Storage
from controller.envtest.embedded.subresources import subject_of
from controller.envtest.embedded.writes import ADMIN, ADMINISTRATORS, User
from controller.meta import NamespacedName, Object
from controller.meta.errors import BadRequest, Cause, Invalid

_RBAC = "rbac.authorization.k8s.io"


def user_of(authorization: str, impersonated: str = "", groups: Iterable[str] = ()) -> User:
    """The user that a request impersonates, else that of its ``Authorization`` header: a service account or an administrator."""
    if impersonated:
        given = tuple(groups) or _groups_of(impersonated)
        return User(impersonated, (*given, "system:authenticated"))
    scheme, _, bearer = authorization.partition(" ")
    found = subject_of(bearer) if scheme.lower() == "bearer" else None
    return User(*found) if found else ADMIN


def _groups_of(user: str) -> tuple[str, ...]:
    """The groups that a service account is in by its name."""
    parts = user.split(":")
    is_account = user.startswith("system:serviceaccount:") and len(parts) == 4
    return ("system:serviceaccounts", f"system:serviceaccounts:{parts[2]}") if is_account else ()


def reviewed(kind: str, body: Any, namespace: str, user: User, storage: Storage) -> dict[str, Any]:
    """The review with its answer in ``status``. Raises Invalid and BadRequest for one that asks nothing."""
    spec = dict(meta.spec_of(body)) if isinstance(body, Mapping) else {}
    match kind:
        case "SelfSubjectReview":
            return {"status": {"userInfo": user.as_object()}}
        case "TokenReview":
            return {"spec": spec, "status": _token_status(str(spec.get("token") or ""))}
        case "SelfSubjectRulesReview":
            return {"spec": spec, "status": _rules_status(storage, user, str(spec.get("namespace") or namespace))}
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            if not spec.get("user") and not spec.get("groups"):
                cause = Cause(
                    "spec.user",
                    "FieldValueInvalid",
                    'Invalid value: "": at least one of user or group must be specified',
                )
                raise Invalid(f"{kind} is invalid: {cause.message}", causes=(cause,))
            user = User(str(spec.get("user") or ""), tuple(spec.get("groups") or ()))
    if bool(spec.get("resourceAttributes")) == bool(spec.get("nonResourceAttributes")):
        raise BadRequest("exactly one of nonResourceAttributes or resourceAttributes must be specified")
    return {"spec": spec, "status": _access_status(storage, user, spec)}


def _token_status(token: str) -> dict[str, Any]:
    found = subject_of(token)
    if found is None:
        return {"user": {}, "error": "the token is not one of this server"}
    return {"authenticated": True, "user": User(*found).as_object()}


def _access_status(storage: Storage, user: User, spec: Object) -> dict[str, Any]:
    reason = allowed_by(storage, user, spec.get("resourceAttributes") or {}, spec.get("nonResourceAttributes") or {})
    return {"allowed": reason is not None, **({"reason": reason} if reason else {})}


def allowed_by(storage: Storage, user: User, resource: Object, path: Object) -> str | None:
    """Why the user may do this: a sentence that names the binding; None when no binding allows it."""
    if ADMINISTRATORS in user.groups:
        return ""
    for binding, rules in _bindings(storage, user, str(resource.get("namespace") or "")):
        if any(_allows(rule, resource, path) for rule in rules):
            return f"RBAC: allowed by {binding['kind']} {meta.name_of(binding)!r}"
    return None


def _bindings(storage: Storage, user: User, namespace: str) -> Iterable[tuple[Object, Iterable[Object]]]:
    for plural, place in (("clusterrolebindings", ""), ("rolebindings", namespace)):
        if plural == "rolebindings" and not namespace:
            continue
        for binding in storage.list((_RBAC, plural), place):
            if any(_is_subject(subject, user, meta.namespace_of(binding)) for subject in binding.get("subjects") or ()):
                yield binding, _rules(storage, binding)


def _is_subject(subject: Object, user: User, namespace: str) -> bool:
    name = str(subject.get("name"))
    match subject.get("kind"):
        case "User":
            return name == user.name
        case "Group":
            return name in user.groups
        case _:
            return user.name == f"system:serviceaccount:{subject.get('namespace') or namespace}:{name}"


def _rules(storage: Storage, binding: Object) -> Iterable[Object]:
    reference = binding.get("roleRef") or {}
    is_cluster = reference.get("kind") == "ClusterRole"
    plural, namespace = ("clusterroles", "") if is_cluster else ("roles", meta.namespace_of(binding))
    role = storage.get((_RBAC, plural), NamespacedName(namespace, str(reference.get("name"))))
    return (role or {}).get("rules") or ()


def _allows(rule: Object, resource: Object, path: Object) -> bool:
    if path:
        return _has(rule, "verbs", path.get("verb")) and any(
            url == path.get("path") or (url.endswith("*") and str(path.get("path")).startswith(url[:-1]))
            for url in rule.get("nonResourceURLs") or ()
        )
    subresource = resource.get("subresource")
    wanted = f"{resource.get('resource')}/{subresource}" if subresource else resource.get("resource")
    names = rule.get("resourceNames") or ()
    return (
        _has(rule, "verbs", resource.get("verb"))
        and _has(rule, "apiGroups", resource.get("group") or "")
        and (
            _has(rule, "resources", wanted)
            or (bool(subresource) and f"*/{subresource}" in (rule.get("resources") or ()))
        )
        and (not names or resource.get("name") in names)
    )


def _has(rule: Object, name: str, wanted: Any) -> bool:
    values = rule.get(name) or ()
    return "*" in values or wanted in values


def _rules_status(storage: Storage, user: User, namespace: str) -> dict[str, Any]:
    rules: list[Object] = []
    if ADMINISTRATORS in user.groups:
        rules.append({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]})
    for _, found in _bindings(storage, user, namespace):
        rules += found
    resources = [rule for rule in rules if not rule.get("nonResourceURLs")]
    paths = [rule for rule in rules if rule.get("nonResourceURLs")]
    return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}
