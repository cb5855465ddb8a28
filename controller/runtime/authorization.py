"""Asks the API server who may read the metrics of a secured endpoint, as other components of a cluster do."""

import hashlib
import time
from collections.abc import Hashable
from typing import Any

import structlog
from cachetools import TTLCache

from controller.client import Client
from controller.meta import Resource, canonical_json
from controller.meta.errors import ApiError

_log = structlog.get_logger("controller.runtime")

TOKEN_REVIEW = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
SUBJECT_ACCESS_REVIEW = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
_AUTHENTICATED_SECONDS = 60.0
_ALLOWED_SECONDS = 300.0
_DENIED_SECONDS = 30.0
_REMEMBERED = 1024


class MetricsAuthorizer:
    """Accepts callers whose bearer token the API server authenticates (TokenReview) and who may ``get`` the path (SubjectAccessReview).

    Answers are cached: a token for a minute, a right for five minutes, a missing right for half a minute.
    """

    def __init__(self, client: Client, *, path: str = "/metrics") -> None:
        self._client = client
        self._path = path
        self._users: TTLCache[Hashable, dict[str, Any]] = TTLCache(_REMEMBERED, _AUTHENTICATED_SECONDS, time.monotonic)
        self._allowed: TTLCache[Hashable, bool] = TTLCache(_REMEMBERED, _ALLOWED_SECONDS, time.monotonic)
        self._denied: TTLCache[Hashable, bool] = TTLCache(_REMEMBERED, _DENIED_SECONDS, time.monotonic)

    async def __call__(self, authorization: str) -> int:
        """The HTTP code for a caller with this Authorization header: 200, 401, 403, or 500 when the API server gave no answer."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return 401
        try:
            user = await self._authenticate(token.strip())
            if user is None:
                return 401
            return 200 if await self._may_read(user) else 403
        except ApiError as error:
            _log.error("Cannot check who reads the metrics", error=str(error))
            return 500

    async def _authenticate(self, token: str) -> dict[str, Any] | None:
        key = hashlib.sha256(token.encode()).digest()
        if (known := self._users.get(key)) is not None:
            return known
        review = {"apiVersion": TOKEN_REVIEW.api_version, "kind": TOKEN_REVIEW.kind, "spec": {"token": token}}
        status = (await self._client.create(TOKEN_REVIEW, review)).get("status", {})
        if not status.get("authenticated"):
            return None
        user: dict[str, Any] = status.get("user", {})
        self._users[key] = user
        return user

    async def _may_read(self, user: dict[str, Any]) -> bool:
        key = canonical_json(user)
        if key in self._allowed:
            return True
        if key in self._denied:
            return False
        spec = {
            "user": user.get("username", ""),
            "uid": user.get("uid", ""),
            "groups": user.get("groups", []),
            "extra": user.get("extra", {}),
            "nonResourceAttributes": {"path": self._path, "verb": "get"},
        }
        review = {"apiVersion": SUBJECT_ACCESS_REVIEW.api_version, "kind": SUBJECT_ACCESS_REVIEW.kind, "spec": spec}
        status = (await self._client.create(SUBJECT_ACCESS_REVIEW, review)).get("status", {})
        allowed = bool(status.get("allowed")) and not status.get("denied")
        (self._allowed if allowed else self._denied)[key] = True
        return allowed
