"""The children of one dialect as those of another, through the neutral values that every dialect writes and reads.

What gets lost on the way is found by going back: what the source's dialect does not write again was never read, and what the target's
dialect does not read again was never written.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from controller import meta
from controller.convert.result import Converted, Note, without_server_fields
from controller.dialects import DIALECTS, Autoscaling, Dialect, Workload
from controller.meta import Object, Resource, schema
from controller.render.names import revision

_IGNORED = {"one_per_node": "topologySpreadConstraints are left out: no controller acts on them"}
_MOVED = ("spec.policyRef",)
"""Fields that say the same by other means."""


def to_dialect(documents: Sequence[Object], target: Dialect) -> Converted:
    """Every child of another dialect as one of this; everything else as it is."""
    result = Converted([*documents])
    for source in DIALECTS.values():
        if source is not target:
            result = _from(source, target, result)
    return result


def _from(source: Dialect, target: Dialect, given: Converted) -> Converted:
    result = Converted(notes=list(given.notes))
    scaling = [document for document in given.documents if _is_one_of(document, source.scaling)]
    joined = {id(objects[-1]): (each, objects) for each, objects in _read_scaling(scaling, source)}
    read = {id(obj) for _, objects in joined.values() for obj in objects}
    for document in given.documents:
        if broken := _broken(document, source):
            result.notes += broken
        elif _is_one_of(document, [source.workload]):
            result.documents.append(_workload(document, source, target, result.notes))
        elif _is_one_of(document, [source.server, source.route]):
            result.documents.append(_shared(document, source, target))
        elif id(document) in joined:
            result.documents += _scaling(*joined[id(document)], source, target, result.notes)
        elif _is_one_of(document, source.scaling) and id(document) not in read:
            result.notes.append(Note(document, "spec", "contains nothing that can be converted by itself", lost=True))
        elif id(document) not in read:
            result.documents.append(document)
    return result


def _read_scaling(documents: Sequence[Object], source: Dialect) -> Iterator[tuple[Autoscaling, tuple[Object, ...]]]:
    """Objects refer to others of their namespace."""
    usable = [document for document in documents if not _broken(document, source)]
    for namespace in dict.fromkeys(map(meta.namespace_of, usable)):
        yield from source.read_scaling([obj for obj in usable if meta.namespace_of(obj) == namespace])


def _broken(document: Object, source: Dialect) -> list[Note]:
    """Why a child cannot be read at all."""
    for resource, wanted in source.schemas().items():
        if _is_one_of(document, [resource]):
            return [
                Note(document, cause.field, cause.message[:1].lower() + cause.message[1:], lost=True)
                for cause in schema.violations(document, wanted)
            ]
    return []


def _is_one_of(document: Object, resources: Iterable[Resource]) -> bool:
    named = (document.get("apiVersion"), document.get("kind"))
    return any(named == (resource.api_version, resource.kind) for resource in resources)


def _workload(document: Object, source: Dialect, target: Dialect, notes: list[Note]) -> Object:
    notes += _unread(document, source.workload_spec(source.read_workload(document)), source.read_workload)
    respelt = _respelt(document, source, target)
    wanted = source.read_workload(respelt)
    spec = target.workload_spec(wanted)
    written = target.read_workload({**respelt, "spec": spec})
    notes += _unwritten(document, wanted, written)
    return _child(respelt, target, target.workload, spec)


def _shared(document: Object, source: Dialect, target: Dialect) -> Object:
    """ModelServers and ModelRoutes are the same kinds; their labels and selectors are not."""
    respelt = _respelt(document, source, target)
    spec = dict(meta.spec_of(respelt))
    if isinstance(selector := spec.get("workloadSelector"), Mapping):
        labels = {**(selector.get("matchLabels") or {})}
        for key in _respelt({"labels": source.server_labels}, source, target)["labels"]:
            labels.pop(key, None)
        spec["workloadSelector"] = {**selector, "matchLabels": {**labels, **target.server_labels}}
    resource = target.server if _is_one_of(document, [source.server]) else target.route
    return _child(respelt, target, resource, spec)


def _scaling(
    scaling: Autoscaling, objects: tuple[Object, ...], source: Dialect, target: Dialect, notes: list[Note]
) -> Iterator[Object]:
    """The objects that say the same together; the last of those given carries the metadata."""
    for resource, document in zip(source.scaling, objects, strict=True):
        notes += _unread(document, source.scaling[resource](scaling))
    if any(each.roles for each in scaling.targets) and not target.scales_roles:
        notes.append(Note(objects[-1], "spec", f"the dialect {target.name} cannot scale single roles", lost=True))
    respelt = _respelt(objects[-1], source, target)
    for resource, write in target.scaling.items():
        yield _child(respelt, target, resource, write(scaling))


def _child(respelt: Object, target: Dialect, resource: Resource, spec: dict[str, Any]) -> Object:
    """Without the hash of its template's inputs, which is the dialect's own: a template that comes without one is held."""
    child = without_server_fields(respelt)
    annotations = {key: item for key, item in meta.annotations_of(child).items() if key != target.keys.template_inputs}
    child["metadata"] = {**child["metadata"], "annotations": annotations}
    if not annotations:
        del child["metadata"]["annotations"]
    labels = meta.labels_of(child)
    if target.keys.revision in labels:
        labels = {**labels, target.keys.revision: revision(target, resource.kind, spec)}
        child["metadata"] = {**child["metadata"], "labels": labels}
    return {**child, "apiVersion": resource.api_version, "kind": resource.kind, "spec": spec}


def _unread(
    document: Object, again: Mapping[str, Any], read: Callable[[Object], Workload] | None = None
) -> Iterator[Note]:
    """The parts of the document that its own dialect does not write again, unless ``read`` says something else without them."""
    for path in _missing(meta.spec_of(document), again, "spec"):
        is_read = read is not None and read(_without(document, path.split("."))) != read(document)
        if not is_read and not path.startswith(_MOVED):
            yield Note(document, path, "cannot be converted", lost=True)


def _without(value: Any, path: Sequence[str]) -> Any:
    """The document without the field at a path of keys; as it is where there is none, such as within a list."""
    head, *rest = path
    if not isinstance(value, Mapping) or head not in value:
        return value
    if rest:
        return {**value, head: _without(value[head], rest)}
    return {key: item for key, item in value.items() if key != head}


def _unwritten(document: Object, wanted: Workload, written: Workload) -> Iterator[Note]:
    for each in fields(Workload):
        value = getattr(wanted, each.name)
        if value == getattr(written, each.name) or value in (None, {}):
            continue
        if why := _IGNORED.get(each.name):
            yield Note(document, f"spec ({each.name})", why)
        else:
            yield Note(document, f"spec ({each.name})", "has no counterpart in the other family", lost=True)


def _missing(given: Any, again: Any, path: str) -> Iterator[str]:
    """The leaves of one value that are not the same in another."""
    if isinstance(given, Mapping) and given and isinstance(again, Mapping | None):
        again = again or {}
        for key, value in given.items():
            yield from _missing(value, again.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(again, list) and len(given) == len(again):
        for index, (one, other) in enumerate(zip(given, again, strict=True)):
            yield from _missing(one, other, f"{path}[{index}]")
    elif given not in (None, [], {}) and not meta.equal_json(given, again):
        yield path


def _respelt(document: Any, source: Dialect, target: Dialect) -> Any:
    """The document with the names of labels and annotations of the target, wherever they are."""
    words = {
        getattr(old, each.name): getattr(new, each.name)
        for old, new in ((source.keys, target.keys), (source.pod_keys, target.pod_keys))
        for each in fields(old)
    }
    managed = {target.keys.managed_by: {source.manager: target.manager}}
    return _replaced(document, words, managed)


def _replaced(value: Any, words: Mapping[str, str], values: Mapping[str, Mapping[str, str]]) -> Any:
    if isinstance(value, Mapping):
        found = {words.get(key, key): _replaced(item, words, values) for key, item in value.items()}
        return {
            key: values[key].get(item, item) if key in values and isinstance(item, str) else item
            for key, item in found.items()
        }
    if isinstance(value, list | tuple):
        return [_replaced(item, words, values) for item in value]
    return words.get(value, value) if isinstance(value, str) else value
