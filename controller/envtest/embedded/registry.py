"""What the embedded server does with one object: the rules of create, replace, patch and delete. Pure; time and uids are given."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.meta import schema
from controller.envtest.embedded.storage import Entry, ResourceKey, Storage
from controller.meta import NamespacedName, Object
from controller.meta.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    StatusError,
)

_NAME = re.compile(r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
_LABEL_VALUE = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
_MICRO_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)$")
_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink")
NAMESPACES: ResourceKey = ("", "namespaces")


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One served resource. ``schema`` is None for the built-in kinds, which are stored as they come."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    namespaced: bool = True
    has_status: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Object, ...] = ()
    schema: Mapping[str, Any] | None = None

    @property
    def key(self) -> ResourceKey:
        """Where its objects are stored."""
        return (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version


def with_details(error: StatusError, info: TypeInfo, name: str) -> StatusError:
    """The error with the object it is about in its Status."""
    error.status = {"details": {"name": name, "group": info.group, "kind": info.plural}}
    return error


@dataclass(slots=True)
class Registry:
    """Decides and stores. ``now`` gives an RFC 3339 time, ``new_uid`` a fresh uid."""

    storage: Storage
    now: Callable[[], str]
    new_uid: Callable[[], str]
    types: dict[tuple[str, str, str], TypeInfo] = field(default_factory=dict)

    def get(self, info: TypeInfo, key: NamespacedName) -> dict[str, Any]:
        """The object. Raises NotFound."""
        found = self.storage.get(info.key, key)
        if found is None:
            label = f"{info.plural}.{info.group}" if info.group else info.plural
            raise with_details(NotFound(f'{label} "{key.name}" not found'), info, key.name)
        return found

    def create(
        self, info: TypeInfo, namespace: str, body: Any, *, strict: bool = False, dry_run: bool = False
    ) -> tuple[dict[str, Any], list[str], Entry | None]:
        """Stores a new object: the object, the unknown fields that were dropped, and the change."""
        obj = self._checked_body(info, body, namespace)
        metadata = obj["metadata"]
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + self.new_uid().replace("-", "")[:5]
        if metadata.get("resourceVersion"):
            raise BadRequest("resourceVersion should not be set on objects to be created")
        self._check_namespace(info, namespace)
        key = NamespacedName(namespace, str(metadata.get("name") or ""))
        for name in _SYSTEM:
            metadata.pop(name, None)
        if info.has_status:
            obj.pop("status", None)
        obj, dropped = self._admit(info, obj, key, strict=strict)
        if self.storage.get(info.key, key) is not None:
            label = f"{info.plural}.{info.group}" if info.group else info.plural
            raise with_details(AlreadyExists(f'{label} "{key.name}" already exists'), info, key.name)
        obj["metadata"] |= {"uid": self.new_uid(), "creationTimestamp": self.now()}
        if info.schema is not None:
            obj["metadata"]["generation"] = 1
        if dry_run:
            return obj, dropped, None
        entry = self.storage.put(info.key, key, obj)
        return entry.object, dropped, entry

    def replace(
        self,
        info: TypeInfo,
        key: NamespacedName,
        body: Any,
        *,
        status: bool = False,
        strict: bool = False,
        dry_run: bool = False,
        patching: bool = False,
    ) -> tuple[dict[str, Any], list[str], Entry | None]:
        """Replaces an object, or with ``status`` only its status. Equal objects keep their version."""
        current = self.get(info, key)
        obj = self._checked_body(info, body, key.namespace)
        metadata = obj["metadata"]
        if metadata.get("name") != key.name:
            raise BadRequest("the name of the object does not match the name on the URL")
        self._check_version(info, key, current, metadata, patching=patching)
        if status:
            new_status = {"status": obj["status"]} if "status" in obj else {}
            obj = {**{name: value for name, value in current.items() if name != "status"}, **new_status}
        elif info.has_status:
            obj.pop("status", None)
            if "status" in current:
                obj["status"] = current["status"]
        obj["metadata"] = self._kept_metadata(current, obj["metadata"])
        obj, dropped = self._admit(info, obj, key, strict=strict)
        if info.schema is not None and not status and _content(obj) != _content(current):
            obj["metadata"]["generation"] = meta.generation_of(current) + 1
        if dry_run or meta.equal_json(obj, current):
            return (obj if dry_run else current), dropped, None
        if meta.is_deleting(obj) and not obj["metadata"].get("finalizers"):
            self.storage.put(info.key, key, obj)
            entry = self.storage.remove(info.key, key)
        else:
            entry = self.storage.put(info.key, key, obj)
        return entry.object, dropped, entry

    def patch(
        self,
        info: TypeInfo,
        key: NamespacedName,
        change: Callable[[dict[str, Any]], Any],
        *,
        status: bool = False,
        strict: bool = False,
        dry_run: bool = False,
    ) -> tuple[dict[str, Any], list[str], Entry | None]:
        """Replaces the object by what ``change`` makes of it. A resourceVersion in the result must be the current one."""
        current = self.get(info, key)
        try:
            changed = change(current)
        except meta.PatchError as error:
            raise Invalid(f"the server rejected our request due to an error in our request: {error}") from None
        return self.replace(info, key, changed, status=status, strict=strict, dry_run=dry_run, patching=True)

    def delete(
        self, info: TypeInfo, key: NamespacedName, preconditions: Object, *, dry_run: bool = False
    ) -> tuple[dict[str, Any], Entry | None]:
        """Removes the object, or marks it when finalizers hold it. The object's last state and the change."""
        current = self.get(info, key)
        for field_, value in (("uid", meta.uid_of(current)), ("resourceVersion", meta.resource_version_of(current))):
            wanted = preconditions.get(field_)
            if wanted and wanted != value:
                text = f"Precondition failed: {field_} in precondition: {wanted}, {field_} in object meta: {value}"
                raise with_details(Conflict(text), info, key.name)
        if dry_run:
            return current, None
        held = current["metadata"].get("finalizers") or info.key == NAMESPACES
        if not held:
            entry = self.storage.remove(info.key, key)
            return entry.object, entry
        if meta.is_deleting(current):
            return current, None
        metadata = {**current["metadata"], "deletionTimestamp": self.now(), "deletionGracePeriodSeconds": 0}
        if info.schema is not None:
            metadata["generation"] = meta.generation_of(current) + 1
        marked = {**current, "metadata": metadata}
        if info.key == NAMESPACES:
            marked["status"] = {"phase": "Terminating"}
        entry = self.storage.put(info.key, key, marked)
        return entry.object, entry

    def _checked_body(self, info: TypeInfo, body: Any, namespace: str) -> dict[str, Any]:
        if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict):
            raise BadRequest("the body of the request is no object with metadata")
        if body.get("kind", info.kind) != info.kind or body.get("apiVersion", info.api_version) != info.api_version:
            raise BadRequest(
                f"the object provided is unrecognized or does not match {info.api_version}, Kind={info.kind}"
            )
        metadata = dict(body.get("metadata") or {})
        metadata.pop("managedFields", None)
        if info.namespaced:
            if metadata.get("namespace", namespace) != namespace:
                raise BadRequest(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            metadata["namespace"] = namespace
        return {**body, "apiVersion": info.api_version, "kind": info.kind, "metadata": metadata}

    def _check_namespace(self, info: TypeInfo, namespace: str) -> None:
        if not info.namespaced:
            return
        found = self.storage.get(NAMESPACES, NamespacedName("", namespace))
        if found is None:
            error = NotFound(f'namespaces "{namespace}" not found')
            error.status = {"details": {"name": namespace, "kind": "namespaces"}}
            raise error
        if meta.is_deleting(found):
            cause = Cause("metadata.namespace", "NamespaceTerminating", f"namespace {namespace} is being terminated")
            raise Forbidden(
                f"unable to create new content in namespace {namespace} because it is being terminated", causes=(cause,)
            )

    def _check_version(
        self, info: TypeInfo, key: NamespacedName, current: Object, metadata: Object, *, patching: bool
    ) -> None:
        version = metadata.get("resourceVersion")
        must = info.schema is not None or info.group == "coordination.k8s.io"
        if not version and must and not patching:
            cause = Cause(
                "metadata.resourceVersion", "FieldValueInvalid", "Invalid value: 0: must be specified for an update"
            )
            raise with_details(Invalid(f'{info.kind} "{key.name}" is invalid', causes=(cause,)), info, key.name)
        if metadata.get("uid") and metadata["uid"] != meta.uid_of(current):
            text = f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {meta.uid_of(current)}"
            raise with_details(Conflict(text), info, key.name)
        if version and version != meta.resource_version_of(current):
            text = "the object has been modified; please apply your changes to the latest version and try again"
            raise with_details(
                Conflict(f'Operation cannot be fulfilled on {info.plural} "{key.name}": {text}'), info, key.name
            )

    def _kept_metadata(self, current: Object, metadata: Object) -> dict[str, Any]:
        kept = {key: value for key, value in metadata.items() if value is not None}
        for name in (*_SYSTEM, "resourceVersion", "generateName"):
            kept.pop(name, None)
            if name in current["metadata"]:
                kept[name] = current["metadata"][name]
        return kept

    def _admit(
        self, info: TypeInfo, obj: dict[str, Any], key: NamespacedName, *, strict: bool
    ) -> tuple[dict[str, Any], list[str]]:
        """Prunes, defaults and validates. Raises BadRequest for unknown fields when strict, Invalid for violations."""
        dropped: list[str] = []
        causes = [*metadata_violations(obj["metadata"], key.name), *_builtin_violations(info, obj)]
        if info.schema is not None:
            obj, dropped = schema.prune(obj, info.schema)
            if dropped and strict:
                text = ", ".join(f'unknown field "{where}"' for where in dropped)
                raise BadRequest(
                    f"{info.kind} in version {info.version!r} cannot be handled: strict decoding error: {text}"
                )
            obj = schema.default(schema.drop_nulls(obj, info.schema), info.schema)
            causes += schema.violations(obj, info.schema)
        if causes:
            text = ", ".join(f"{cause.field}: {cause.message}" for cause in causes)
            error = Invalid(f'{info.kind}.{info.group} "{key.name}" is invalid: {text}', causes=tuple(causes))
            raise with_details(error, info, key.name)
        return obj, dropped


def _content(obj: Object) -> dict[str, Any]:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}


def metadata_violations(metadata: Object, name: str) -> list[Cause]:
    """What is wrong with an object's metadata."""
    causes = []
    if not name:
        causes.append(Cause("metadata.name", "FieldValueRequired", "Required value: name or generateName is required"))
    elif not _NAME.match(name) or len(name) > 253:
        causes.append(
            Cause(
                "metadata.name",
                "FieldValueInvalid",
                f"Invalid value: {name!r}: a lowercase RFC 1123 subdomain is needed",
            )
        )
    labels = metadata.get("labels")
    for key, value in (labels if isinstance(labels, dict) else {}).items():
        if not isinstance(value, str) or len(value) > 63 or not _LABEL_VALUE.match(value):
            causes.append(Cause("metadata.labels", "FieldValueInvalid", f"Invalid value: {key}={value!r}"))
    references = metadata.get("ownerReferences")
    controllers = 0
    for index, reference in enumerate(references if isinstance(references, list) else ()):
        controllers += reference.get("controller") is True
        for field_ in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(field_):
                where = f"metadata.ownerReferences[{index}].{field_}"
                causes.append(Cause(where, "FieldValueInvalid", "Invalid value: must not be empty"))
    if controllers > 1:
        causes.append(
            Cause(
                "metadata.ownerReferences",
                "FieldValueInvalid",
                "Invalid value: only one reference can be the controller",
            )
        )
    return causes


def _builtin_violations(info: TypeInfo, obj: Object) -> list[Cause]:
    if info.plural == "leases":
        for name in ("acquireTime", "renewTime"):
            value = meta.spec_of(obj).get(name)
            if value is not None and not (isinstance(value, str) and _MICRO_TIME.match(value)):
                raise BadRequest(
                    f"Lease in version 'v1' cannot be handled: spec.{name}: {value!r} is no time with six digits"
                )
    if info.group == "events.k8s.io" and len(str(obj.get("note") or "")) > 1024:
        return [Cause("note", "FieldValueInvalid", "Invalid value: can have at most 1024 characters")]
    return []
