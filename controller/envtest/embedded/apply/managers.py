"""``metadata.managedFields``: who set which field, kept up by every write. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from controller.envtest.embedded.apply import last_applied, typed
from controller.envtest.embedded.apply.fields import EMPTY, FieldSet, Path, dotted, from_fields_v1, to_fields_v1
from controller.envtest.embedded.builtin import catalog
from controller.envtest.embedded.builtin.strategy import SIGNING_REQUESTS
from controller.envtest.embedded.builtin.typed import always_written
from controller.envtest.embedded.refusals import about
from controller.envtest.embedded.resources import TypeInfo
from controller.envtest.embedded.writes import WriteOptions
from controller.meta import Object
from controller.meta.errors import Cause, Conflict

_MOST_UPDATERS = 10
_UNTRACKED_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
)
_UNTRACKED: frozenset[Path] = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), *(("f:metadata", f"f:{name}") for name in _UNTRACKED_METADATA)}
)
_HIDDEN = ("apiVersion", "kind")
_NOBODY: list[Object] = [{}]
"""What a request gives as ``managedFields`` to have none."""


class Manager(NamedTuple):
    """An owner of fields: its name, and the operation, version of the API and subresource by which it set them."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""


Owners = dict[Manager, tuple[FieldSet, str | None]]


def owners_of(obj: Object) -> Owners:
    """The managers of an object with their fields and times."""
    found: Owners = {}
    for entry in obj["metadata"].get("managedFields") or ():
        manager = Manager(
            str(entry.get("manager", "")),
            str(entry.get("operation", "")),
            str(entry.get("apiVersion", "")),
            str(entry.get("subresource", "")),
        )
        if manager.operation in ("Apply", "Update"):
            found[manager] = (from_fields_v1(entry.get("fieldsV1")), entry.get("time"))
    return found


def entries_of(owners: Owners) -> list[dict[str, Any]]:
    """The managers as the object carries them: appliers first, then by time."""

    def order(item: tuple[Manager, tuple[FieldSet, str | None]]) -> tuple[Any, ...]:
        manager, (_, time) = item
        return manager.operation != "Apply", time or "", manager.name, manager.api_version, manager.subresource

    entries = []
    for manager, (fields, time) in sorted(owners.items(), key=order):
        entry: dict[str, Any] = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(fields),
        }
        if time:
            entry["time"] = time
        if manager.subresource:
            entry["subresource"] = manager.subresource
        entries.append(entry)
    return entries


def schema_of(info: TypeInfo) -> Mapping[str, Any]:
    """The schema of whole objects of the resource, with that of metadata."""
    if not info.custom:
        return info.schema
    properties = info.schema.get("properties") or {}
    return {**info.schema, "properties": {**properties, "metadata": catalog.definition(catalog.OBJECT_META)}}


def tracked(obj: Object) -> dict[str, Any]:
    """The object without the fields that have no owner."""
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _UNTRACKED_METADATA}
    return {**{name: value for name, value in obj.items() if name not in _HIDDEN}, "metadata": metadata}


def record(
    info: TypeInfo,
    before: Object | None,
    obj: dict[str, Any],
    options: WriteOptions,
    now: str,
    *,
    subresource: str = "",
) -> None:
    """Notes in ``obj`` which fields a create, update or patch has set; ``obj`` is changed in place.

    Without ``managedFields`` in ``obj`` those of the stored object go on; an empty list forgets them all.
    """
    if info.key == SIGNING_REQUESTS:
        obj["metadata"].pop("managedFields", None)
        return  # Kubernetes 1.37 does not track who sets their fields.
    given = obj["metadata"].get("managedFields")
    source = before if given is None and before is not None else obj
    owners = owners_of(source)
    if not options.manager:
        _write(obj, owners)
        return
    if before is not None and not owners:
        obj["metadata"].pop("managedFields", None)
        return  # As in Kubernetes, an untracked object is tracked from its first apply on.
    schema = schema_of(info)
    old = tracked(before) if before is not None else _unset(info)
    try:
        difference = typed.compare(old, tracked(obj), schema)
    except typed.TypedError:
        _write(obj, owners)  # An object that cannot be compared keeps its managers, as in Kubernetes.
        return
    manager = Manager(options.manager, "Update", info.api_version, subresource)
    _update(owners, manager, difference, _reset(info, subresource), None if subresource == "scale" else now)
    if before is not None and given is None and owners == owners_of(before):
        _keep(obj, before)
        return
    _write(obj, _capped(owners))


def _unset(info: TypeInfo) -> dict[str, Any]:
    """An object of which no field has been set."""
    written = {} if info.custom else {name: zero() for name, zero in always_written(info.schema)}
    return {**written, "metadata": {}}


def _reset(info: TypeInfo, subresource: str) -> str:
    """The field that a request cannot change: the status, or beside the status the spec."""
    return "f:spec" if subresource == "status" else "f:status" if info.has_status else ""


def _update(owners: Owners, manager: Manager, difference: typed.Difference, reset: str, now: str | None) -> None:
    changed = (difference.added | difference.modified) - _UNTRACKED
    taken = frozenset(path for path in changed if path[0] != reset)
    for other, (fields, time) in list(owners.items()):
        if other != manager:
            _set(owners, other, fields - taken - difference.removed, time)
    fields, time = owners.get(manager, (EMPTY, None))
    mine = (fields - difference.removed) | taken
    _set(owners, manager, mine, now if taken else time)


def _set(owners: Owners, manager: Manager, fields: FieldSet, time: str | None) -> None:
    if fields:
        owners[manager] = (fields, time)
    else:
        owners.pop(manager, None)


def _capped(owners: Owners) -> Owners:
    """At most ten updaters: the oldest become one."""
    updaters = sorted((time or "", manager) for manager, (_, time) in owners.items() if manager.operation == "Update")
    for time, manager in updaters[: max(0, len(updaters) - _MOST_UPDATERS)]:
        merged = Manager("ancient-changes", "Update", manager.api_version)
        fields, _ = owners.pop(manager)
        owners[merged] = (fields | owners.get(merged, (EMPTY, None))[0], time)
    return owners


def _keep(obj: dict[str, Any], before: Object) -> None:
    if "managedFields" in before["metadata"]:
        obj["metadata"]["managedFields"] = before["metadata"]["managedFields"]
    else:
        obj["metadata"].pop("managedFields", None)


def _write(obj: dict[str, Any], owners: Owners) -> None:
    if owners:
        obj["metadata"]["managedFields"] = entries_of(owners)
    else:
        obj["metadata"].pop("managedFields", None)


def applied(
    info: TypeInfo,
    live: Object | None,
    configuration: dict[str, Any],
    options: WriteOptions,
    now: str,
    *,
    subresource: str,
) -> dict[str, Any]:
    """The live object with an applied configuration, and its managers.

    Fields that the manager applied before and no longer does are removed unless someone else owns them. Raises Conflict when another
    manager owns a field that changes and ``force`` is off, and typed.TypedError for a configuration that does not fit the schema.
    """
    schema = schema_of(info)
    manager = Manager(options.manager, "Apply", info.api_version, subresource)
    owners = owners_of(live) if live is not None else {}
    reset = _reset(info, subresource)
    fields = frozenset(typed.field_set(tracked(configuration), schema)) - _UNTRACKED
    mine = frozenset(path for path in fields if path[0] != reset)
    if live is not None and not owners:
        first = Manager("before-first-apply", "Update", info.api_version)
        everything = frozenset(typed.field_set(tracked(live), schema)) - _UNTRACKED
        _set(owners, first, everything, str(live["metadata"].get("creationTimestamp") or now))
    before, since = owners.get(manager, (EMPTY, None))
    base = tracked(live) if live is not None else {"metadata": {}}
    merged = typed.merge(base, tracked(configuration), schema)
    owners[manager] = (mine, since)
    everyone = frozenset().union(*(fields for fields, _ in owners.values()))
    merged = typed.remove(merged, schema, before - everyone, everyone)
    difference = typed.compare(base, merged, schema)
    mine_already = EMPTY
    if options.manager == last_applied.KUBECTL and live is not None:
        mine_already = last_applied.own_fields(base, schema)
        merged = last_applied.refreshed(merged, configuration)
    _resolve_conflicts(info, owners, manager, difference, configuration, None if options.force else mine_already)
    has_changed = live is None or bool(difference.added or difference.modified or difference.removed)
    _set(owners, manager, mine, now if has_changed else since)
    return _whole(live, configuration, merged, owners)


def _whole(live: Object | None, configuration: Object, merged: dict[str, Any], owners: Owners) -> dict[str, Any]:
    untracked = configuration if live is None else live
    kept = {name: value for name, value in untracked["metadata"].items() if name in _UNTRACKED_METADATA}
    given = {
        name: value
        for name, value in configuration["metadata"].items()
        if name in ("uid", "resourceVersion", "namespace", "name")
    }
    metadata = {**merged.get("metadata", {}), **kept, **given, "managedFields": entries_of(owners) or _NOBODY}
    return {"apiVersion": configuration["apiVersion"], "kind": configuration["kind"], **merged, "metadata": metadata}


def _resolve_conflicts(
    info: TypeInfo,
    owners: Owners,
    manager: Manager,
    difference: typed.Difference,
    configuration: Object,
    allowed: FieldSet | None,
) -> None:
    """Takes the changed fields from their owners. Raises Conflict when one is not ``allowed``; None allows all."""
    changed = frozenset(difference.added | difference.modified)
    disputed = EMPTY if allowed is None else changed - allowed
    conflicts = [
        (other, sorted(fields & disputed, key=_members_first))
        for other, (fields, _) in sorted(owners.items())
        if other != manager and fields & disputed
    ]
    if conflicts:
        raise _conflict(info, conflicts, str(configuration["metadata"].get("name", "")))
    for other, (fields, time) in list(owners.items()):
        if other != manager:
            _set(owners, other, fields - changed - difference.removed, time)


def _conflict(info: TypeInfo, conflicts: list[tuple[Manager, list[Path]]], name: str) -> Exception:
    causes = tuple(
        Cause(dotted(path), "FieldManagerConflict", _blame(manager)) for manager, paths in conflicts for path in paths
    )
    if len(causes) == 1:
        text = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
    else:
        lines = [
            line
            for manager, paths in conflicts
            for line in (f"conflicts with {_label(manager)}:", *(f"- {dotted(path)}" for path in paths))
        ]
        text = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
    return about(Conflict(text, causes=causes), info, name)


def _members_first(path: Path) -> list[tuple[bool, str]]:
    """The order of fields in messages: at each level those that end there, then those that go on."""
    return [(place < len(path) - 1, element) for place, element in enumerate(path)]


def _blame(manager: Manager) -> str:
    return f"conflict with {_label(manager)}"


def _label(manager: Manager) -> str:
    via = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    version = "" if manager.operation == "Apply" else f" using {manager.api_version}"
    return f'"{manager.name}"{via}{version}'
