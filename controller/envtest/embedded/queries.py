"""The query parameters of a request, parsed. Pure. Unreadable values raise BadRequest, forbidden ones Invalid."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from controller import meta
from controller.envtest.embedded.builtin import catalog, typed
from controller.envtest.embedded.deletion import DeleteOptions
from controller.envtest.embedded.refusals import unexplained
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.writes import WriteOptions
from controller.meta import FieldSelector, LabelSelector, Object, jsonio
from controller.meta.errors import BadRequest, Cause, Invalid

Query = Mapping[str, str]
_MATCHES = ("", "Exact", "NotOlderThan")
_LONGEST_MANAGER = 128
_FIELD_VALIDATIONS = ("Ignore", "Strict", "Warn")


def is_true(query: Query, name: str) -> bool:
    """A boolean parameter: false if absent, ``0`` or ``false``; otherwise true."""
    return name in query and query[name].lower() not in ("0", "false")


def _number(query: Query, name: str) -> int:
    text = query.get(name, "")
    try:
        return int(text or 0)
    except ValueError:
        raise BadRequest(f"{name}: parsing {text[:64]!r}: invalid syntax") from None


def _refused(kind: str, field: str, reason: str, text: str) -> Invalid:
    cause = Cause(field, reason, text)
    error = Invalid(f'{kind}.meta.k8s.io "" is invalid: {field}: {text}', causes=(cause,))
    error.status = {"details": {"group": "meta.k8s.io", "kind": kind}}
    return error


def parse_version(text: str) -> int:
    """A resourceVersion; an empty one is 0. Raises ValueError."""
    if text and not (text.isascii() and text.isdecimal()):
        raise ValueError(f"invalid resource version: {text[:64]!r}")
    return int(text or 0)


def read_version(text: str) -> int:
    """The resourceVersion of a GET or a watch."""
    try:
        return parse_version(text)
    except ValueError as error:
        raise unexplained(str(error)) from None


class Selection:
    """Which objects of a resource a request is about."""

    def __init__(self, info: TypeInfo, namespace: str, query: Query) -> None:
        try:
            self._labels = LabelSelector.parse(query.get("labelSelector", ""))
            self._fields = FieldSelector.parse(query.get("fieldSelector", ""))
        except ValueError as error:
            raise BadRequest(str(error)) from None
        known = {"metadata.name", *info.selectable, *(("metadata.namespace",) if info.namespaced else ())}
        for path, _, _ in self._fields.requirements:
            if path not in known:
                text = f"{path!r} is not a known field selector: only {', '.join(map(repr, sorted(known)))}"
                raise BadRequest(text.replace("'", '"') if not info.custom else f"field label not supported: {path}")
        self.info = info
        self.namespace = namespace

    @property
    def is_partial(self) -> bool:
        """Whether labels or fields narrow it."""
        return bool(self._labels.requirements or self._fields.requirements)

    def matches(self, stored: Object | None) -> bool:
        """Whether a stored object is among them."""
        if stored is None or (self.namespace and meta.namespace_of(stored) != self.namespace):
            return False
        return self._labels.matches(meta.labels_of(stored)) and self._fields.matches(self.info.shown(stored))


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a list goes on: at this revision, after this namespace and name."""

    revision: int
    after: tuple[str, str]

    def token(self) -> str:
        """As clients carry it."""
        return base64.urlsafe_b64encode(jsonio.dumps([self.revision, *self.after])).decode()

    @classmethod
    def parse(cls, token: str) -> Self:
        """Raises BadRequest."""
        try:
            revision, namespace, name = jsonio.loads(base64.urlsafe_b64decode(token))
        except (ValueError, TypeError):
            raise BadRequest("invalid continue token: continue key is not valid") from None
        return cls(revision, (namespace, name))


@dataclass(frozen=True, slots=True)
class ListOptions:
    """A list: at ``version`` (0 for any), exactly there or not older; at most ``limit`` objects (0 for all)."""

    version: int = 0
    exact: bool = False
    limit: int = 0
    continuation: Continuation | None = None

    @classmethod
    def parse(cls, query: Query) -> Self:
        """Reads the parameters."""
        version, match, token = (
            query.get(name, "") for name in ("resourceVersion", "resourceVersionMatch", "continue")
        )
        limit = max(0, _number(query, "limit"))
        _number(query, "timeoutSeconds")
        if match not in _MATCHES:
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueNotSupported", "Unsupported value")
        if match and not version:
            text = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
        if match and token:
            text = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
        if match == "Exact" and version == "0":
            text = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
        if token and version not in ("", "0"):
            raise BadRequest("specifying resource version is not allowed when using continue")
        try:
            number = parse_version(version)
        except ValueError as error:
            raise BadRequest(str(error)) from None
        from_cache = version == "0" and not token
        return cls(number, match == "Exact", 0 if from_cache else limit, Continuation.parse(token) if token else None)


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """A watch since ``version`` for ``seconds`` (0 when not given). ``initial`` is whether the stream begins with what there is."""

    version: int
    initial: bool
    marked: bool
    bookmarks: bool
    seconds: int

    @classmethod
    def parse(cls, query: Query) -> Self:
        """Reads the parameters; ``marked`` says that a bookmark is to end the initial events."""
        sends, match = is_true(query, "sendInitialEvents"), query.get("resourceVersionMatch", "")
        if sends and match != "NotOlderThan":
            text = "Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
        if match and "sendInitialEvents" not in query:
            text = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            raise _refused("ListOptions", "resourceVersionMatch", "FieldValueForbidden", text)
        seconds = _number(query, "timeoutSeconds")
        version = read_version(query.get("resourceVersion", ""))
        return cls(
            version=version,
            initial=sends or (version == 0 and "sendInitialEvents" not in query),
            marked=sends,
            bookmarks=is_true(query, "allowWatchBookmarks"),
            seconds=max(0, seconds),
        )


def write_options(query: Query, user_agent: str = "", *, kind: str = "CreateOptions") -> WriteOptions:
    """The options of a create, an update or a patch. Without ``fieldManager`` the client's program is the manager."""
    validation = query.get("fieldValidation") or "Warn"
    if validation not in _FIELD_VALIDATIONS:
        raise _refused(kind, "fieldValidation", "FieldValueNotSupported", "Unsupported value")
    manager = query.get("fieldManager", "")
    if len(manager) > _LONGEST_MANAGER:
        raise _refused(
            kind, "fieldManager", "FieldValueTooLong", f"Too long: may not be more than {_LONGEST_MANAGER} bytes"
        )
    if not manager.isprintable():
        raise _refused(
            kind, "fieldManager", "FieldValueInvalid", "Invalid value: should only contain printable characters"
        )
    return WriteOptions(
        dry_run=_is_dry(query.get("dryRun", "")),
        field_validation=validation,
        manager=manager or user_agent.partition("/")[0][:_LONGEST_MANAGER] or "unknown",
        force=is_true(query, "force"),
    )


def apply_options(query: Query) -> WriteOptions:
    """The options of a server-side apply. Raises Invalid without a ``fieldManager``."""
    if not query.get("fieldManager"):
        raise _refused(
            "PatchOptions", "fieldManager", "FieldValueRequired", "Required value: is required for apply patch"
        )
    return write_options(query, kind="PatchOptions")


def delete_options(query: Query, body: Any) -> DeleteOptions:
    """The options of a delete, from the body or else the parameters."""
    if not isinstance(body, Mapping):
        raise BadRequest("the body of a delete is DeleteOptions")
    problems = typed.Problems()
    schema = catalog.definition(catalog.DELETE_OPTIONS)
    given = typed.read(dict(body), schema, problems)
    if problems.wrong:
        raise BadRequest(f"DeleteOptions cannot be read: {', '.join(problems.wrong)}")
    if not body:
        given = {name: query[name] for name in ("propagationPolicy",) if name in query}
        if "gracePeriodSeconds" in query:
            given["gracePeriodSeconds"] = _number(query, "gracePeriodSeconds")
        given["orphanDependents"] = is_true(query, "orphanDependents") if "orphanDependents" in query else None
    return _checked_deletion(given, [str(value) for value in given.get("dryRun") or [query.get("dryRun", "")]])


def _checked_deletion(given: Object, dry: list[str]) -> DeleteOptions:
    propagation: Any = given.get("propagationPolicy") or ""
    orphans = given.get("orphanDependents")
    if propagation and orphans is not None:
        text = "Invalid value: orphanDependents and deletionPropagation cannot be both set"
        raise _refused("DeleteOptions", "propagationPolicy", "FieldValueInvalid", text)
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        text = f"Unsupported value: {propagation!r}"
        raise _refused("DeleteOptions", "propagationPolicy", "FieldValueNotSupported", text)
    if orphans is not None:
        propagation = "Orphan" if orphans else "Background"
    return DeleteOptions(
        dry_run=any(_is_dry(value) for value in dry),
        propagation=propagation,
        preconditions=given.get("preconditions") or {},
        grace=given.get("gracePeriodSeconds"),
    )


def _is_dry(text: str) -> bool:
    if text not in ("", "All"):
        raise _refused(
            "CreateOptions", "dryRun", "FieldValueNotSupported", 'Unsupported value: supported values: "All"'
        )
    return text == "All"
