"""Admission reviews as values: the request of the API server, the answer to it, and the JSON patch of a changed object. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.meta import Object

API_VERSION = "admission.k8s.io/v1"
KIND = "AdmissionReview"


class ReviewError(ValueError):
    """The body is not an AdmissionReview of version v1. The message is one sentence."""


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """The request that the API server asks about.

    ``operation``: CREATE, UPDATE, DELETE or CONNECT. ``object`` is the new state, None for DELETE; ``old_object`` the present one, None
    for CREATE. ``name`` may be empty for a CREATE with ``generateName``. With ``dry_run`` nothing is stored, so a webhook must have no
    side effects. ``raw`` is the whole request, for everything else (``userInfo``, ``options``, ``resource``).
    """

    uid: str
    operation: str
    kind: str
    namespace: str
    name: str
    subresource: str
    object: Object | None
    old_object: Object | None
    user: str
    dry_run: bool
    raw: Mapping[str, Any]

    @classmethod
    def from_review(cls, review: Any) -> "AdmissionRequest":
        """The request of a review. Raises ReviewError."""
        if not isinstance(review, Mapping) or review.get("kind") != KIND:
            raise ReviewError("The body is not an AdmissionReview.")
        if review.get("apiVersion") != API_VERSION:
            raise ReviewError(f"The version of the AdmissionReview is not {API_VERSION}.")
        raw = review.get("request")
        if not isinstance(raw, Mapping) or not isinstance(raw.get("uid"), str):
            raise ReviewError("The AdmissionReview has no request with a uid.")
        return cls(
            uid=raw["uid"],
            operation=str(raw.get("operation", "")),
            kind=str(_mapping(raw, "kind").get("kind", "")),
            namespace=str(raw.get("namespace", "")),
            name=str(raw.get("name", "")),
            subresource=str(raw.get("subResource", "")),
            object=_mapping(raw, "object") or None,
            old_object=_mapping(raw, "oldObject") or None,
            user=str(_mapping(raw, "userInfo").get("username", "")),
            dry_run=raw.get("dryRun") is True,
            raw=raw,
        )


@dataclass(frozen=True, slots=True)
class AdmissionResponse:
    """The answer. ``message`` is what the user reads when the request is denied; ``warnings`` are shown by kubectl in any case.

    ``patch`` is a JSON patch (RFC 6902); only answers of mutating webhooks have one.
    """

    allowed: bool
    message: str = ""
    code: int = 200
    warnings: Sequence[str] = ()
    patch: Sequence[Mapping[str, Any]] = ()


def allowed(*warnings: str) -> AdmissionResponse:
    """Let the request pass, with these warnings."""
    return AdmissionResponse(True, warnings=warnings)


def denied(message: str, *warnings: str, code: int = 403) -> AdmissionResponse:
    """Refuse the request. ``message`` is one sentence that says what is wrong and how it would be right."""
    return AdmissionResponse(False, message, code, warnings)


def json_patch(old: Object, new: Object) -> list[dict[str, Any]]:
    """The JSON patch from ``old`` to ``new``: mappings are compared key by key, everything else is replaced as a whole."""
    return _operations("", old, new)


def _operations(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    gone = [key for key in old if key not in new]
    operations: list[dict[str, Any]] = [{"op": "remove", "path": f"{path}/{_escaped(key)}"} for key in gone]
    for key, value in new.items():
        place = f"{path}/{_escaped(key)}"
        if key not in old:
            operations.append({"op": "add", "path": place, "value": value})
        elif isinstance(value, Mapping) and isinstance(old[key], Mapping):
            operations += _operations(place, old[key], value)
        elif value != old[key] or type(value) is not type(old[key]):
            operations.append({"op": "replace", "path": place, "value": value})
    return operations


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
