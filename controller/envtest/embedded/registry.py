"""What the embedded server does with one object: the rules of create, replace, patch and delete. Pure; time and uids are given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.envtest.embedded import crds, kinds, metadata
from controller.envtest.embedded.resources import CRD, NAMESPACES, TypeInfo
from controller.envtest.embedded.storage import Entry, Storage
from controller.meta import NamespacedName, Object, schema
from controller.meta.errors import (
    AlreadyExists,
    BadRequest,
    Cause,
    Conflict,
    Forbidden,
    InternalError,
    Invalid,
    NotFound,
    StatusError,
)

_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a write is to be done: ``field_validation`` is Ignore, Warn or Strict."""

    dry_run: bool = False
    field_validation: str = "Warn"


@dataclass(frozen=True, slots=True)
class Written:
    """The object after a write, the paths of the unknown fields that were dropped, and the change; None when there was none."""

    object: dict[str, Any]
    dropped: list[str] = field(default_factory=list)
    entry: Entry | None = None


def about(error: StatusError, info: TypeInfo, name: str) -> StatusError:
    """The error with the object it is about in its Status."""
    error.status = {"details": {"name": name, "group": info.group, "kind": info.plural}}
    return error


def unexplained(message: str) -> InternalError:
    """A failure that Kubernetes reports without a reason."""
    error = InternalError(message)
    error.reason = ""
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
            raise about(NotFound(f'{info.qualified} "{key.name}" not found'), info, key.name)
        return info.shown(found)

    def create(self, info: TypeInfo, namespace: str, body: Any, options: WriteOptions) -> Written:
        """Stores a new object. Raises AlreadyExists, Invalid, BadRequest, and NotFound or Forbidden for its namespace."""
        obj, dropped = self._read(info, body, options)
        self._check_kind(info, obj)
        given = self._in_namespace(info, obj["metadata"], namespace)
        if given.get("resourceVersion"):
            raise unexplained("resourceVersion should not be set on objects to be created")
        self._check_namespace(info, namespace)
        uid = self.new_uid()
        if not given.get("name") and given.get("generateName"):
            given["name"] = metadata.generated_name(given["generateName"], uid)
        key = NamespacedName(namespace, str(given.get("name") or ""))
        obj["metadata"] = {name: value for name, value in given.items() if name not in metadata.SYSTEM}
        if info.has_status:
            obj.pop("status", None)
        obj = self._admit(info, kinds.prepare_create(info, obj), None)
        if self.storage.get(info.key, key) is not None:
            raise about(AlreadyExists(f'{info.qualified} "{key.name}" already exists'), info, key.name)
        obj["metadata"] |= {"uid": uid, "creationTimestamp": self.now()}
        if info.has_generation:
            obj["metadata"]["generation"] = 1
        if options.dry_run:
            return Written(obj, dropped)
        return self._stored(info, self.storage.put(info.key, key, info.stored(obj)), dropped)

    def replace(
        self, info: TypeInfo, key: NamespacedName, body: Any, options: WriteOptions, *, status: bool = False
    ) -> Written:
        """Replaces an object, or with ``status`` only its status. Equal objects keep their version."""
        if not isinstance(body, dict) or not meta.name_of(body):
            raise BadRequest(
                f"the name of the object ({key.name} based on URL) was undeterminable: name must be provided"
            )
        if self.storage.get(info.key, key) is None and info.create_on_update:
            fresh = {name: value for name, value in meta.metadata_of(body).items() if name != "resourceVersion"}
            return self.create(info, key.namespace, {**body, "metadata": fresh}, options)
        current = self.get(info, key)
        obj, dropped = self._read(info, body, options)
        self._check_identity(info, key, obj)
        self._check_kind(info, obj)
        self._check_version(info, key, current, obj)
        uid = obj["metadata"].get("uid")
        if uid and uid != meta.uid_of(current):
            text = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta.uid_of(current)}"
            raise about(Conflict(text), info, key.name)
        return self._update(info, key, current, obj, options, status=status, dropped=dropped)

    def patch(
        self,
        info: TypeInfo,
        key: NamespacedName,
        change: Callable[[dict[str, Any]], Any],
        options: WriteOptions,
        *,
        status: bool = False,
    ) -> Written:
        """Replaces the object by what ``change`` makes of it. A resourceVersion in the result must be the current one."""
        current = self.get(info, key)
        try:
            changed = change(current)
        except meta.PatchError as error:
            raise Invalid(f"the server rejected our request due to an error in our request: {error}") from None
        if not isinstance(changed, dict) or not meta.name_of(changed):
            raise BadRequest(
                f"the name of the object ({key.name} based on URL) was undeterminable: name must be provided"
            )
        try:
            obj, dropped = self._read(info, changed, options)
            if not status:
                self._check_kind(info, obj)
        except BadRequest as error:
            raise Invalid(f"the patched object is invalid: {error.message}") from None
        self._check_identity(info, key, obj)
        self._check_version(info, key, current, obj)
        return self._update(info, key, current, obj, options, status=status, dropped=dropped)

    def _update(
        self,
        info: TypeInfo,
        key: NamespacedName,
        current: dict[str, Any],
        obj: dict[str, Any],
        options: WriteOptions,
        *,
        status: bool,
        dropped: list[str],
    ) -> Written:
        if status:
            new_status = {"status": obj["status"]} if "status" in obj else {}
            obj = {**{name: value for name, value in current.items() if name != "status"}, **new_status}
        elif info.has_status:
            obj.pop("status", None)
            if "status" in current:
                obj["status"] = current["status"]
        given = self._in_namespace(info, obj["metadata"], key.namespace)
        causes = list(metadata.update_violations(current["metadata"], given))
        obj["metadata"] = metadata.kept(current["metadata"], given)
        obj = self._admit(info, obj, current, causes)
        if info.has_generation and not status and _content(info, obj) != _content(info, current):
            obj["metadata"]["generation"] = meta.generation_of(current) + 1
        if options.dry_run or meta.equal_json(obj, current):
            return Written(obj if options.dry_run else current, dropped)
        if meta.is_deleting(obj) and not _is_held(info, obj):
            return self._stored(info, self.storage.remove(info.key, key, info.stored(obj)), dropped)
        return self._stored(info, self.storage.put(info.key, key, info.stored(obj)), dropped)

    def delete(self, info: TypeInfo, key: NamespacedName, preconditions: Object, *, dry_run: bool = False) -> Written:
        """Removes the object, or marks it when finalizers hold it. Raises Conflict when a precondition is not met."""
        current = self.get(info, key)
        for name, value in (("uid", meta.uid_of(current)), ("resourceVersion", meta.resource_version_of(current))):
            wanted = preconditions.get(name)
            if wanted and wanted != value:
                text = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {value}"
                raise about(Conflict(text), info, key.name)
        if info.key == NAMESPACES and key.name in kinds.PROTECTED_NAMESPACES:
            raise about(Forbidden(f'namespaces "{key.name}" is forbidden: it may not be deleted'), info, key.name)
        if not _is_held(info, current):
            return Written(current) if dry_run else self._stored(info, self.storage.remove(info.key, key))
        if meta.is_deleting(current):
            return Written(current)
        marked = self._marked(info, current)
        return Written(marked) if dry_run else self._stored(info, self.storage.put(info.key, key, info.stored(marked)))

    def _marked(self, info: TypeInfo, current: dict[str, Any]) -> dict[str, Any]:
        if info.key == NAMESPACES:
            marks = {"deletionTimestamp": self.now()}
            return {**current, "metadata": {**current["metadata"], **marks}, "status": {"phase": "Terminating"}}
        given = {**current["metadata"], "deletionTimestamp": self.now(), "deletionGracePeriodSeconds": 0}
        if info.has_generation:
            given["generation"] = meta.generation_of(current) + 1
        return {**current, "metadata": given}

    def _stored(self, info: TypeInfo, entry: Entry, dropped: list[str] | None = None) -> Written:
        return Written(info.shown(entry.object), dropped or [], entry)

    def _read(self, info: TypeInfo, body: Any, options: WriteOptions) -> tuple[dict[str, Any], list[str]]:
        """The body without fields that nobody knows. Raises BadRequest for a body that is no such object, or by Strict."""
        if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict | None):
            raise BadRequest(f"the object provided is unrecognized (must be of type {info.kind})")
        given = {name: value for name, value in (body.get("metadata") or {}).items() if name != "managedFields"}
        obj, dropped = schema.prune(body, info.schema)
        obj["metadata"], dropped_metadata = schema.prune(given, metadata.SCHEMA, "metadata")
        dropped = [*dropped, *dropped_metadata]
        if dropped and options.field_validation == "Strict":
            text = ", ".join(f'unknown field "{where}"' for where in dropped)
            raise BadRequest(
                f'{info.kind} in version "{info.version}" cannot be handled as a {info.kind}: strict decoding error: {text}'
            )
        obj["metadata"] = schema.drop_nulls(obj["metadata"], metadata.SCHEMA)
        wrong = list(schema.violations(obj["metadata"], metadata.SCHEMA, "metadata"))
        if not info.custom:
            obj = {"apiVersion": info.api_version, "kind": info.kind, **schema.drop_nulls(obj, info.schema)}
            wrong += schema.violations(obj, info.schema)
        if wrong:
            text = ", ".join(f"{cause.field}: {cause.message}" for cause in wrong)
            raise BadRequest(f'{info.kind} in version "{info.version}" cannot be handled as a {info.kind}: {text}')
        return obj, dropped

    def _check_kind(self, info: TypeInfo, obj: Object) -> None:
        kind, api_version = obj.get("kind"), obj.get("apiVersion")
        if not kind or not api_version:
            raise BadRequest(f"the object provided is unrecognized (must be of type {info.kind}): 'Kind' is missing")
        if api_version != info.api_version:
            text = f"the API version in the data ({api_version}) does not match the expected API version ({info.api_version})"
            raise BadRequest(text)
        if kind == info.kind:
            return
        if not info.custom:
            raise BadRequest(f"{kind} in version {info.version!r} cannot be handled as a {info.kind}")
        cause = Cause("kind", "FieldValueInvalid", f"Invalid value: {kind!r}: must be {info.kind}")
        name = meta.name_of(obj)
        raise about(Invalid(f'{kind}.{info.group} "{name}" is invalid', causes=(cause,)), info, name)

    def _check_identity(self, info: TypeInfo, key: NamespacedName, obj: Object) -> None:
        name = meta.name_of(obj)
        if name != key.name:
            raise BadRequest(f"the name of the object ({name}) does not match the name on the URL ({key.name})")
        self._in_namespace(info, meta.metadata_of(obj), key.namespace)

    def _in_namespace(self, info: TypeInfo, given: Object, namespace: str) -> dict[str, Any]:
        if not info.namespaced:
            return {name: value for name, value in given.items() if name != "namespace"}
        if (given.get("namespace") or namespace) != namespace:
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        return {**given, "namespace": namespace}

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
            text = f"unable to create new content in namespace {namespace} because it is being terminated"
            raise Forbidden(text, causes=(cause,))

    def _check_version(self, info: TypeInfo, key: NamespacedName, current: Object, obj: Object) -> None:
        version = meta.resource_version_of(obj)
        if not version and not info.unconditional_update:
            text = "Invalid value: 0: must be specified for an update"
            cause = Cause("metadata.resourceVersion", "FieldValueInvalid", text)
            raise about(Invalid(f'{info.qualified} "{key.name}" is invalid', causes=(cause,)), info, key.name)
        if version and not version.isdecimal():
            raise unexplained(f"parsing {version[:64]!r}: invalid syntax")
        if version and version != meta.resource_version_of(current):
            text = f'Operation cannot be fulfilled on {info.qualified} "{key.name}": {_MODIFIED}'
            raise about(Conflict(text), info, key.name)

    def _admit(
        self, info: TypeInfo, obj: dict[str, Any], before: Object | None, causes: list[Cause] | None = None
    ) -> dict[str, Any]:
        """The object with its defaults. Raises Invalid for whatever its schema or the rules of its kind refuse."""
        found = [*(causes or ()), *metadata.violations(obj["metadata"], dots_in_name=info.key != NAMESPACES)]
        if info.custom:
            obj = schema.default(schema.drop_nulls(obj, info.schema), info.schema)
            found += schema.violations(obj, info.schema)
        else:
            obj = kinds.normalize(info, obj)
            found += kinds.violations(info, obj, before)
        if info.key == CRD.key:
            found += crds.violations(obj)
        if found:
            name = meta.name_of(obj)
            text = ", ".join(f"{cause.field}: {cause.message}" for cause in found)
            label = f"{info.kind}.{info.group}" if info.group else info.kind
            raise about(Invalid(f'{label} "{name}" is invalid: {text}', causes=tuple(found)), info, name)
        return obj


def _is_held(info: TypeInfo, obj: Object) -> bool:
    """Whether a deletion only marks the object: finalizers hold it, and its contents a namespace."""
    return bool(meta.metadata_of(obj).get("finalizers")) or info.key == NAMESPACES


def _content(info: TypeInfo, obj: Object) -> dict[str, Any]:
    """What counts for the generation: everything but metadata, and the status where that is a subresource."""
    left_out = ("metadata", "status") if info.has_status else ("metadata",)
    return {key: value for key, value in obj.items() if key not in left_out}
