"""The built-in kinds as the real API server publishes them: resources, schemas and table columns. Pure; read from ``catalog.json``.

Schemas are resolved: no ``$ref`` is left, and a type that contains itself does so as an object. Beside OpenAPI's own keys a schema has
``x-name`` (its type), a property ``x-field-number`` (protobuf) and ``x-presence`` (when JSON leaves it out: ``empty``, ``unset``, ``never``).
"""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from controller.meta import jsonio

Schema = dict[str, Any]
DELETE_OPTIONS = "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_REFERENCE = "#/components/schemas/"
_GROUPED = "x-kubernetes-group-version-kind"


@functools.cache
def _catalog() -> Any:
    return jsonio.loads((Path(__file__).parent / "catalog.json").read_bytes())


def version() -> Mapping[str, Any]:
    """``/version`` of the server that the catalog was read from."""
    found: Mapping[str, Any] = _catalog()["version"]
    return found


def resources() -> Mapping[str, list[dict[str, Any]]]:
    """The resources of each apiVersion, as discovery lists them, and with their table ``columns``."""
    found: Mapping[str, list[dict[str, Any]]] = _catalog()["resources"]
    return found


def definitions() -> Mapping[str, Schema]:
    """All schemas by name, with their references."""
    found: Mapping[str, Schema] = _catalog()["definitions"]
    return found


_resolved: dict[str, Schema] = {}


def definition(name: str) -> Schema:
    """A resolved schema. Raises KeyError."""
    if name not in _resolved:
        raw = definitions()[name]
        properties: Schema = {}
        _resolved[name] = {
            **raw,
            "x-name": short_name(name),
            **({"properties": properties} if "properties" in raw else {}),
        }
        properties.update({key: _resolve(value) for key, value in raw.get("properties", {}).items()})
    return _resolved[name]


def _resolve(schema: Schema) -> Schema:
    references = [schema.get("$ref"), *(part.get("$ref") for part in schema.get("allOf", ()))]
    if name := next((reference for reference in references if reference), None):
        rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
        found = definition(str(name).removeprefix(_REFERENCE))
        return {**found, **rest} if rest else found
    return {
        key: _resolve(value) if key in ("items", "additionalProperties") else value for key, value in schema.items()
    }


def short_name(name: str) -> str:
    """``core.v1.Pod`` of the full name of a schema."""
    for prefix in ("io.k8s.api.", "io.k8s.apimachinery.pkg.apis.", "io.k8s.apimachinery.pkg."):
        name = name.removeprefix(prefix)
    return name


@functools.cache
def _names_by_kind() -> dict[tuple[str, str, str], str]:
    return {
        (entry["group"], entry["version"], entry["kind"]): name
        for name, schema in definitions().items()
        for entry in schema.get(_GROUPED, ())
    }


def name_of_kind(group: str, version: str, kind: str) -> str | None:
    """The name of the schema of a kind, or None."""
    return _names_by_kind().get((group, version, kind))


def schema_of_kind(api_version: str, kind: str) -> Schema | None:
    """The resolved schema of a kind, or None when Kubernetes has none of that name. Every group has DeleteOptions."""
    if kind == "DeleteOptions":
        return definition(DELETE_OPTIONS)
    group, _, version = api_version.rpartition("/")
    name = name_of_kind(group, version, kind)
    return definition(name) if name else None


def references(schema: Any) -> Iterator[str]:
    """The names of the types that an unresolved schema refers to."""
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference.removeprefix(_REFERENCE)
        for value in schema.values():
            yield from references(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from references(value)
