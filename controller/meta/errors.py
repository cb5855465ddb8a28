"""The errors that an API server returns, as types. No code matches on the text of a message.

``status_error`` is the one border where an HTTP answer becomes an exception, ``to_status`` the way back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from controller.meta import jsonio
from controller.meta.objects import Object


class ApiError(Exception):
    """Any failure of a request to an API server."""


class TransportError(ApiError):
    """No answer: refused, reset, timed out, or TLS failed. Whether the server acted is unknown."""


class InvalidRequest(ApiError, ValueError):
    """The request would have meant something else than it says, and was not sent: an empty name, or one that changes the path."""


class DecodeError(ApiError):
    """An answer with a success code whose body could not be read."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of ``status.details.causes``."""

    field: str
    reason: str
    message: str


class StatusError(ApiError):
    """The server's refusal.

    ``code`` is the HTTP status, ``reason`` the machine-readable reason (the class's own when the body had none), ``retry_after``
    the seconds the server asked us to wait, ``status`` the decoded Status body (empty when there was none).
    """

    code: ClassVar[int | None] = None

    def __init__(
        self,
        message: str,
        *,
        http_code: int | None = None,
        reason: str = "",
        causes: tuple[Cause, ...] = (),
        retry_after: float | None = None,
        status: Object | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.http_code = http_code if http_code is not None else self.code or 500
        self.reason = reason or _DEFAULT_REASON.get(type(self).__name__, "Unknown")
        self.causes = causes
        self.retry_after = retry_after
        self.status: Object = status or {}

    def has_cause(self, reason: str) -> bool:
        """Whether one of the causes has this reason."""
        return any(cause.reason == reason for cause in self.causes)


class BadRequest(StatusError):
    """400: the request itself is wrong."""

    code = 400


class Unauthorized(StatusError):
    """401: no or bad credentials."""

    code = 401


class Forbidden(StatusError):
    """403: known, but not allowed; also a terminating namespace (cause ``NamespaceTerminating``)."""

    code = 403


class NotFound(StatusError):
    """404: no such object, or no such resource."""

    code = 404

    @property
    def is_unknown_resource(self) -> bool:
        """Whether the server does not know the resource, rather than the object: then its answer names no object."""
        details = self.status.get("details")
        return not (isinstance(details, Mapping) and details.get("name"))


class MethodNotAllowed(StatusError):
    """405: this resource does not know the verb."""

    code = 405


class Conflict(StatusError):
    """409 with reason ``Conflict``: read the object again and decide again."""

    code = 409


class AlreadyExists(StatusError):
    """409 with reason ``AlreadyExists``: a create met an object of that name."""

    code = 409


class Gone(StatusError):
    """410: the version asked for is compacted away; list again."""

    code = 410


class RequestEntityTooLarge(StatusError):
    """413: the body is larger than the server takes."""

    code = 413


class UnsupportedMediaType(StatusError):
    """415: the body's type is not understood here."""

    code = 415


class Invalid(StatusError):
    """422: a schema, a rule or a webhook refuses the object."""

    code = 422


class TooManyRequests(StatusError):
    """429: too many requests; try again later."""

    code = 429


class InternalError(StatusError):
    """500: an unspecified failure of the server."""

    code = 500


class NotImplementedByServer(StatusError):
    """501: the server does not implement this."""

    code = 501


class ServiceUnavailable(StatusError):
    """502 or 503: the server is not available."""

    code = 503


class Timeout(StatusError):
    """504: the server gave up waiting."""

    code = 504


_BY_CODE: dict[int, type[StatusError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    410: Gone,
    413: RequestEntityTooLarge,
    415: UnsupportedMediaType,
    422: Invalid,
    429: TooManyRequests,
    500: InternalError,
    501: NotImplementedByServer,
    502: ServiceUnavailable,
    503: ServiceUnavailable,
    504: Timeout,
}
_DEFAULT_REASON = {
    "BadRequest": "BadRequest",
    "Unauthorized": "Unauthorized",
    "Forbidden": "Forbidden",
    "NotFound": "NotFound",
    "MethodNotAllowed": "MethodNotAllowed",
    "Conflict": "Conflict",
    "AlreadyExists": "AlreadyExists",
    "Gone": "Gone",
    "RequestEntityTooLarge": "RequestEntityTooLarge",
    "UnsupportedMediaType": "UnsupportedMediaType",
    "Invalid": "Invalid",
    "TooManyRequests": "TooManyRequests",
    "InternalError": "InternalError",
    "NotImplementedByServer": "NotImplemented",
    "ServiceUnavailable": "ServiceUnavailable",
    "Timeout": "Timeout",
}
_BODY_EXCERPT = 512


def status_error(code: int, body: Object | str | bytes, retry_after: float | None = None) -> StatusError:
    """The exception for an HTTP answer of 400 or more, or for the Status object of an ERROR watch event.

    ``body`` may be a Status mapping, its JSON, or any text; ``retry_after`` is the header's value in seconds and wins over the body's
    ``details.retryAfterSeconds``.
    """
    status, text = _status_of(body)
    reason = status.get("reason") if isinstance(status.get("reason"), str) else ""
    details = status.get("details")
    details = details if isinstance(details, Mapping) else {}
    if retry_after is None and isinstance(seconds := details.get("retryAfterSeconds"), int | float) and seconds > 0:
        retry_after = float(seconds)
    kind = AlreadyExists if reason == "AlreadyExists" else Gone if reason == "Expired" else _class_of(code)
    message = status.get("message")
    return kind(
        message if isinstance(message, str) and message else text or f"the server answered {code}",
        http_code=code,
        reason=reason or "",
        causes=_causes(details.get("causes")),
        retry_after=retry_after,
        status=status,
    )


def _class_of(code: int) -> type[StatusError]:
    return _BY_CODE.get(code) or (InternalError if code >= 500 else StatusError)


def _status_of(body: Object | str | bytes) -> tuple[Object, str]:
    if isinstance(body, Mapping):
        return body, ""
    try:
        value = jsonio.loads(body)
    except ValueError:
        value = None
    if isinstance(value, Mapping) and value.get("kind") == "Status":
        return value, ""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    return {}, text.strip()[:_BODY_EXCERPT]


def _causes(value: object) -> tuple[Cause, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(
        Cause(str(item.get("field") or ""), str(item.get("reason") or ""), str(item.get("message") or ""))
        for item in value
        if isinstance(item, Mapping)
    )


def reason_of(error: BaseException) -> str:
    """The machine-readable reason of a StatusError, else the exception's class name."""
    return error.reason if isinstance(error, StatusError) else type(error).__name__


def is_transient(error: BaseException) -> bool:
    """Whether trying the same again later can help without anybody changing anything: no answer, 429, or 5xx but 501."""
    if isinstance(error, TransportError):
        return True
    return isinstance(error, StatusError) and (
        error.http_code == 429 or (error.http_code >= 500 and error.http_code != 501)
    )


def to_status(error: StatusError) -> dict[str, Any]:
    """The metav1.Status body that says the same."""
    details: dict[str, Any] = {}
    if error.causes:
        details["causes"] = [
            {key: text for key, text in (("reason", c.reason), ("message", c.message), ("field", c.field)) if text}
            for c in error.causes
        ]
    if error.retry_after is not None:
        details["retryAfterSeconds"] = int(error.retry_after)
    known = error.status.get("details")
    if isinstance(known, Mapping):
        details = {**known, **details}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": error.message,
        "reason": error.reason,
        **({"details": details} if details else {}),
        "code": error.http_code,
    }
