"""The operations on one object: the rules of create, replace, patch and delete. Pure; time and uids are given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from controller import meta
from controller.envtest.embedded import admission, deletion, metadata, parts, reading
from controller.envtest.embedded.apply import managers
from controller.envtest.embedded.apply.strategic import StrategicError
from controller.envtest.embedded.apply.typed import TypedError
from controller.envtest.embedded.builtin import changes, strategy, typed
from controller.envtest.embedded.refusals import about, no_object, unexplained
from controller.envtest.embedded.resources import NAMESPACES, ServedTypes, TypeInfo
from controller.envtest.embedded.storage import Entry, Storage
from controller.envtest.embedded.writes import Body, WriteOptions, Written
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

_MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
# Metadata whose change counts as a change of the object's content.
_COUNTED_METADATA = {
    ("apps", "deployments"): ("annotations",),
    ("discovery.k8s.io", "endpointslices"): ("labels",),
}


@dataclass(slots=True)
class Registry:
    """Decides and stores. ``now`` gives the seconds since the epoch, ``new_uid`` a fresh uid; ``skip_rules`` leaves CEL rules out."""

    storage: Storage
    now: Callable[[], float]
    new_uid: Callable[[], str]
    types: ServedTypes = field(default_factory=ServedTypes)
    skip_rules: bool = False

    def get(self, info: TypeInfo, key: NamespacedName) -> dict[str, Any]:
        """The object. Raises NotFound."""
        found = self.storage.get(info.key, key)
        if found is None:
            raise no_object(info, key.name)
        return info.shown(found)

    def create(self, info: TypeInfo, namespace: str, body: Body, options: WriteOptions) -> Written:
        """Stores a new object. Raises AlreadyExists, Invalid, BadRequest, and NotFound or Forbidden for its namespace."""
        obj, warnings = reading.read(info, body, options)
        reading.check_kind(info, obj)
        given = reading.in_namespace(info, obj["metadata"], namespace)
        if given.get("resourceVersion") and not options.dry_run:
            raise unexplained("resourceVersion should not be set on objects to be created")
        self._check_namespace(info, namespace)
        uid = self.new_uid()
        if not given.get("name") and given.get("generateName"):
            given["name"] = metadata.generated_name(given["generateName"], uid)
        key = NamespacedName(namespace, str(given.get("name") or ""))
        obj["metadata"] = {name: value for name, value in given.items() if name not in metadata.SYSTEM}
        obj["metadata"] |= {"uid": uid, "creationTimestamp": meta.format_time(self.now())}
        if info.has_status:
            obj.pop("status", None)
            if not info.custom:
                obj |= _empty_status(info)
        if info.has_generation:
            obj["metadata"]["generation"] = 1
        obj = admission.with_defaults(info, obj)
        managers.record(info, None, obj, options, meta.format_time(self.now()))
        obj = admission.admit_new(info, obj, self.storage, options.user, skip_rules=self.skip_rules)
        if self.storage.get(info.key, key) is not None:
            raise about(AlreadyExists(f'{info.qualified} "{key.name}" already exists'), info, key.name)
        if options.dry_run:
            return Written(obj, warnings, created=True)
        return self._stored(info, self.storage.put(info.key, key, info.stored(obj)), warnings)

    def replace(
        self, info: TypeInfo, key: NamespacedName, body: Body, options: WriteOptions, *, subresource: str = ""
    ) -> Written:
        """Replaces an object, or with ``subresource`` its status or finalizers only. Equal objects keep their version."""
        if not isinstance(body.value, dict) or not meta.name_of(body.value):
            raise reading.unnamed(key)
        if self.storage.get(info.key, key) is None and info.create_on_update and not subresource:
            fresh = {name: value for name, value in meta.metadata_of(body.value).items() if name != "resourceVersion"}
            return self.create(info, key.namespace, Body({**body.value, "metadata": fresh}, body.duplicates), options)
        obj, warnings = reading.read(info, body, options)
        reading.check_identity(info, key, obj)
        reading.check_kind(info, obj)
        current = self.get(info, key)
        uid = obj["metadata"].get("uid")
        if uid and uid != meta.uid_of(current):
            text = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {meta.uid_of(current)}"
            raise about(Conflict(text), info, key.name)
        self._check_version(info, key, current, obj)
        return self.update(info, key, obj, options, subresource=subresource, warnings=warnings)

    def patch(
        self,
        info: TypeInfo,
        key: NamespacedName,
        change: Callable[[dict[str, Any]], Any],
        options: WriteOptions,
        *,
        subresource: str = "",
        duplicates: tuple[str, ...] = (),
    ) -> Written:
        """Replaces the object by what ``change`` makes of it. A resourceVersion in the result must be the current one."""
        current = self.get(info, key)
        try:
            changed = change(current)
        except StrategicError as error:
            raise unexplained(str(error)) from None
        except meta.PatchError as error:
            raise Invalid(f"the server rejected our request due to an error in our request: {error}") from None
        if not isinstance(changed, dict) or not meta.name_of(changed):
            raise reading.unnamed(key)
        try:
            obj, warnings = reading.read(info, Body(changed, duplicates), options)
            if not subresource:
                reading.check_kind(info, obj)
        except BadRequest as error:
            cause = Cause("patch", "FieldValueInvalid", f"Invalid value: {error.message}")
            raise Invalid(f"the patched object is invalid: {error.message}", causes=(cause,)) from None
        reading.check_identity(info, key, obj)
        self._check_version(info, key, current, obj)
        return self.update(info, key, obj, options, subresource=subresource, warnings=warnings)

    def apply(
        self, info: TypeInfo, key: NamespacedName, body: Body, options: WriteOptions, *, subresource: str = ""
    ) -> Written:
        """Merges an applied configuration into the object, or creates it. Raises Conflict, Invalid, BadRequest, InternalError."""
        live = self.storage.get(info.key, key)
        if live is None and subresource:
            raise no_object(info, key.name)
        configuration = _configuration(info, key, body.value)
        shown = info.shown(live) if live is not None else None
        now = meta.format_time(self.now())
        try:
            merged = managers.applied(info, shown, configuration, options, now, subresource=subresource)
        except TypedError as error:
            raise _untyped(error) from None
        applied = WriteOptions(dry_run=options.dry_run, field_validation="Ignore")
        if shown is None:
            if uid := configuration["metadata"].get("uid"):
                raise about(
                    Conflict(
                        f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
                    ),
                    info,
                    key.name,
                )
            merged["metadata"].pop("resourceVersion", None)
            return self.create(info, key.namespace, Body(merged), applied)
        obj, _ = reading.read(info, Body(merged), applied)
        self._check_version(info, key, shown, obj)
        return self.update(info, key, obj, applied, subresource=subresource)

    def update(
        self,
        info: TypeInfo,
        key: NamespacedName,
        obj: dict[str, Any],
        options: WriteOptions,
        *,
        subresource: str = "",
        warnings: list[str] | None = None,
    ) -> Written:
        """Stores ``obj``, an object that was read and checked, over the current one. Raises Invalid."""
        current = self.get(info, key)
        obj = admission.with_defaults(info, parts.merged(info, current, obj, subresource, meta.format_time(self.now())))
        given = reading.in_namespace(info, obj["metadata"], key.namespace)
        causes = list(metadata.update_violations(current["metadata"], given))
        obj["metadata"] = metadata.kept(current["metadata"], given)
        managers.record(info, current, obj, options, meta.format_time(self.now()), subresource=subresource)
        causes += changes.violations(info.key, current, obj, subresource) if not info.custom else ()
        obj = admission.admit_change(info, obj, current, self.storage, causes, skip_rules=self.skip_rules)
        if info.has_generation and subresource != "status" and _content(info, obj) != _content(info, current):
            obj["metadata"]["generation"] = meta.generation_of(current) + 1
        if options.dry_run or meta.equal_json(obj, current):
            return Written(obj if options.dry_run else current, warnings or [])
        if meta.is_deleting(obj) and not deletion.is_held(info, obj):
            return self._stored(info, self.storage.remove(info.key, key, info.stored(obj)), warnings)
        return self._stored(info, self.storage.put(info.key, key, info.stored(obj)), warnings)

    def delete(self, info: TypeInfo, key: NamespacedName, options: deletion.DeleteOptions) -> Written:
        """Removes the object, or marks it when something holds it. Raises Conflict when a precondition is not met."""
        current = self.get(info, key)
        for name, value in (("uid", meta.uid_of(current)), ("resourceVersion", meta.resource_version_of(current))):
            wanted = options.preconditions.get(name)
            if wanted and wanted != value:
                text = f"Precondition failed: {name} in precondition: {wanted}, {name} in object meta: {value}"
                raise about(Conflict(text), info, key.name)
        if info.key == NAMESPACES and key.name in strategy.PROTECTED_NAMESPACES:
            raise about(
                Forbidden(f'namespaces "{key.name}" is forbidden: this namespace may not be deleted'), info, key.name
            )
        marked = deletion.marked(info, current, options, self.now())
        if marked is None:
            if options.dry_run:
                return Written(current)
            last = deletion.last_state(info, current, self.now())
            return self._stored(info, self.storage.remove(info.key, key, info.stored(last)))
        if options.dry_run or marked == current:
            return Written(marked)
        return self._stored(info, self.storage.put(info.key, key, info.stored(marked)))

    def _stored(self, info: TypeInfo, entry: Entry, warnings: list[str] | None = None) -> Written:
        return Written(info.shown(entry.object), warnings or [], entry)

    def _check_namespace(self, info: TypeInfo, namespace: str) -> None:
        if not info.namespaced:
            return
        found = self.storage.get(NAMESPACES, NamespacedName("", namespace))
        if found is None:
            error: StatusError = NotFound(f'namespaces "{namespace}" not found')
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


def _configuration(info: TypeInfo, key: NamespacedName, value: Any) -> dict[str, Any]:
    """An applied configuration that was checked. Raises BadRequest, and InternalError for unknown fields."""
    if not isinstance(value, dict) or not isinstance(value.get("metadata", {}), dict | None):
        raise BadRequest("the body of an apply request is an object")
    given = dict(value.get("metadata") or {})
    if given.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    configuration = {**value, "metadata": {**given, "name": given.get("name") or key.name}}
    reading.check_kind(info, configuration)
    problems = reading.problems_of(info, configuration)
    if problems.unknown:
        raise _untyped(f".{problems.unknown[0]}: field not declared in schema")
    if problems.wrong:
        raise _untyped(f".{problems.wrong[0]}")
    reading.check_identity(info, key, configuration)
    return configuration


def _untyped(error: object) -> StatusError:
    """500: the configuration does not fit the schema, as Kubernetes says it."""
    return unexplained(f"failed to create typed patch object: {error}")


def _empty_status(info: TypeInfo) -> dict[str, Any]:
    status = info.schema["properties"].get("status")
    return {"status": typed.zero(status)} if status is not None and status.get("x-presence") == "never" else {}


def _content(info: TypeInfo, obj: Object) -> dict[str, Any]:
    """The content that counts for the generation: everything but metadata, and without the status where that is a subresource."""
    left_out = ("metadata", "status") if info.has_status else ("metadata",)
    content = {key: value for key, value in obj.items() if key not in left_out}
    counted = _COUNTED_METADATA.get(info.key, ())
    return {**content, "metadata": {name: obj["metadata"].get(name) for name in counted}} if counted else content
