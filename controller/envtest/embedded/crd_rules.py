"""The rules that a CustomResourceDefinition must keep. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller import meta
from controller.envtest.embedded import cel
from controller.meta import Object, schema, spec_of
from controller.meta.errors import Cause, NotImplementedByServer

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_LABEL = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_PROTECTED = re.compile(r"(.*\.)?(k8s\.io|kubernetes\.io)")
_APPROVAL = "api-approved.kubernetes.io"
_CHILDREN = ("items", "additionalProperties", "not")
_LISTS = ("allOf", "anyOf", "oneOf")


def _invalid(path: str, text: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {text}")


def _required(path: str, text: str = "") -> Cause:
    return Cause(path, "FieldValueRequired", f"Required value{': ' + text if text else ''}")


def _unsupported(path: str, value: Any, supported: tuple[str, ...]) -> Cause:
    names = ", ".join(f'"{name}"' for name in supported)
    return Cause(path, "FieldValueNotSupported", f'Unsupported value: "{value}": supported values: {names}')


def violations(crd: Object, *, skip_rules: bool = False) -> Iterator[Cause]:
    """The errors in a CRD. Raises NotImplementedByServer for a conversion webhook and for a CEL rule that cannot be evaluated."""
    spec, names = spec_of(crd), spec_of(crd).get("names") or {}
    yield from _name_violations(crd, spec, names)
    versions = spec.get("versions") or []
    if len({version.get("name") for version in versions}) != len(versions):
        yield _invalid("spec.versions", "must contain unique version names")
    stored = [version.get("name") for version in versions if version.get("storage") is True]
    if len(stored) != 1:
        yield _invalid("spec.versions", "must have exactly one version marked as storage version")
        if stored:
            yield _invalid("status.storedVersions", f"must have the storage version {stored[-1]}")
    for index, version in enumerate(versions):
        yield from _version_violations(version, f"spec.versions[{index}]", alone=len(versions) == 1)
    yield from _rule_violations(versions, skip_rules=skip_rules)
    if (spec.get("conversion") or {}).get("strategy") == "Webhook":
        raise NotImplementedByServer("conversion webhooks are not implemented by the embedded API server")


def _name_violations(crd: Object, spec: Object, names: Object) -> Iterator[Cause]:
    group = str(spec.get("group") or "")
    if group and "." not in group:
        yield _invalid("spec.group", f'"{group}": should be a domain with at least one dot')
    if _PROTECTED.fullmatch(group) and _APPROVAL not in meta.annotations_of(crd):
        yield _required(
            f"metadata.annotations[{_APPROVAL}]", f"protected groups must have approval annotation {_APPROVAL}"
        )
    if meta.name_of(crd) != f"{names.get('plural')}.{group}":
        yield _invalid("metadata.name", 'must be spec.names.plural+"."+spec.group')
    if (plural := names.get("plural")) and not _LABEL.fullmatch(str(plural)):
        yield _invalid("spec.names.plural", f'"{plural}": must be a lower case DNS label')
    if spec.get("scope") and spec["scope"] not in ("Cluster", "Namespaced"):
        yield _unsupported("spec.scope", spec["scope"], ("Cluster", "Namespaced"))


def _version_violations(version: Object, path: str, *, alone: bool) -> Iterator[Cause]:
    """One version. The API server reports fields of the only version of a CRD without its index."""
    name = str(version.get("name") or "")
    if name and not _LABEL.fullmatch(name):
        yield _invalid(f"{path}.name", f'"{name}": must be a lower case DNS label')
        yield _invalid("spec.version", f'"{name}": must be a lower case DNS label')
    where = "spec" if alone else path
    root = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(root, Mapping) or not root:
        yield _required(f"{path}.schema.openAPIV3Schema")
        return
    inside = f"{where}.{'validation' if alone else 'schema'}.openAPIV3Schema"
    if root.get("type") != "object":
        missing = not root.get("type")
        text = "must be object at the root"
        yield _required(f"{inside}.type", text) if missing else _invalid(f"{inside}.type", text)
    yield from _schema_violations(root, inside)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        yield from _column_violations(column, f"{where}.additionalPrinterColumns[{index}]")
    scale = (version.get("subresources") or {}).get("scale") or {}
    for key, prefix in (("specReplicasPath", ".spec."), ("statusReplicasPath", ".status.")):
        if scale and not str(scale.get(key, "")).startswith(prefix):
            yield _invalid(f"{where}.subresources.scale.{key}", f"should be a json path under {prefix[:-1]}")
    for index, field in enumerate(version.get("selectableFields") or ()):
        if not _refers(root, str(field.get("jsonPath", ""))):
            text = f'"{field.get("jsonPath")}": is an invalid path: does not refer to a valid field'
            yield _invalid(f"{where}.selectableFields[{index}].jsonPath", text)


def _refers(root: Mapping[str, Any], path: str) -> bool:
    """Whether a path leads to a text, a number or a flag of the schema."""
    found: Any = root
    for name in path.lstrip(".").split("."):
        found = (found.get("properties") or {}).get(name) if isinstance(found, Mapping) else None
    return isinstance(found, Mapping) and found.get("type") in ("boolean", "integer", "string")


def _column_violations(column: Object, path: str) -> Iterator[Cause]:
    if column.get("type") and column["type"] not in _COLUMN_TYPES:
        yield _invalid(f"{path}.type", f"must be one of {','.join(_COLUMN_TYPES)}")
    if not column.get("jsonPath"):
        yield _required(f"{path}.JSONPath")


def _schema_violations(value: Mapping[str, Any], path: str, *, junctor: bool = False) -> Iterator[Cause]:
    """A schema that is not structural, or uses what Kubernetes forbids. ``junctor`` is true inside of allOf and the like."""
    kind = value.get("type")
    open_ = value.get("x-kubernetes-preserve-unknown-fields") or value.get("x-kubernetes-int-or-string")
    if kind and kind not in _TYPES:
        yield _unsupported(f"{path}.type", kind, _TYPES)
    if not kind and not open_ and not junctor and not path.endswith("openAPIV3Schema"):
        yield _required(f"{path}.type", "must not be empty for specified object fields")
    if kind == "array" and not value.get("items") and not junctor:
        yield _required(f"{path}.items", "must be specified")
    yield from _list_violations(value, path)
    if value.get("uniqueItems"):
        yield Cause(f"{path}.uniqueItems", "FieldValueForbidden", "Forbidden: uniqueItems cannot be set to true")
    if value.get("properties") and value.get("additionalProperties"):
        text = "Forbidden: additionalProperties and properties are mutual exclusive"
        yield Cause(f"{path}.additionalProperties", "FieldValueForbidden", text)
    if "pattern" in value and not _compiles(str(value["pattern"])):
        yield _invalid(f"{path}.pattern", "must be a valid regular expression")
    if "default" in value and not junctor:
        for cause in schema.violations(value["default"], value, f"{path}.default"):
            yield Cause(cause.field, cause.reason, cause.message)
    yield from _inner_violations(value, path, junctor=junctor)


def _inner_violations(value: Mapping[str, Any], path: str, *, junctor: bool) -> Iterator[Cause]:
    for name, sub in (value.get("properties") or {}).items():
        yield from _schema_violations(sub, f"{path}.properties[{name}]", junctor=junctor)
    for key in _CHILDREN:
        if isinstance(sub := value.get(key), Mapping):
            yield from _schema_violations(sub, f"{path}.{key}", junctor=junctor or key == "not")
    for key in _LISTS:
        for index, sub in enumerate(value.get(key) or ()):
            yield from _schema_violations(sub, f"{path}.{key}[{index}]", junctor=True)


def _list_violations(value: Mapping[str, Any], path: str) -> Iterator[Cause]:
    kind = value.get("x-kubernetes-list-type")
    if kind and kind not in ("atomic", "set", "map"):
        yield _unsupported(f"{path}.x-kubernetes-list-type", kind, ("atomic", "set", "map"))
    if kind == "map" and not value.get("x-kubernetes-list-map-keys"):
        yield _required(f"{path}.x-kubernetes-list-map-keys", "must not be empty if x-kubernetes-list-type is map")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _rule_violations(versions: Any, *, skip_rules: bool) -> Iterator[Cause]:
    for index, version in enumerate(versions):
        root = (version.get("schema") or {}).get("openAPIV3Schema") or {}
        where = "spec.validation" if len(versions) == 1 else f"spec.versions[{index}].schema"
        if not skip_rules:
            yield from cel.install_violations(root, f"{where}.openAPIV3Schema")
