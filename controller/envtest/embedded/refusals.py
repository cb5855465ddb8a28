"""Errors as the API server words them. Pure."""

from collections.abc import Sequence

from controller.envtest.embedded.resources import TypeInfo
from controller.meta.errors import Cause, InternalError, Invalid, NotFound, StatusError


def about(error: StatusError, info: TypeInfo, name: str) -> StatusError:
    """The error with the object it is about in its Status."""
    details = {"name": name, "group": info.group, "kind": info.plural}
    error.status = {"details": {key: value for key, value in details.items() if value}}
    return error


def unexplained(message: str) -> InternalError:
    """A failure that Kubernetes reports without a reason."""
    error = InternalError(message)
    error.reason = ""
    return error


def no_object(info: TypeInfo, name: str) -> StatusError:
    """404: there is no object of this name."""
    return about(NotFound(f'{info.qualified} "{name}" not found'), info, name)


def invalid(info: TypeInfo, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 with these causes."""
    text = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
    label = f"{info.kind}.{info.group}" if info.group else info.kind
    error = about(Invalid(f'{label} "{name}" is invalid: {text}', causes=tuple(causes)), info, name)
    details = {"name": name, "group": info.group, "kind": info.kind}
    error.status = {"details": {key: value for key, value in details.items() if value}}
    return error
