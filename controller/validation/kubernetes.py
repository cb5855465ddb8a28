"""The checks that every API server makes of a pod, by the names that Kubernetes' own validation uses; findings carry messages of their own.

Only the parts that a Model hands on to pods unread are here: resources, tolerations, affinity, node selectors, variables. Their types and the
patterns of quantities are the schema's. Each check yields pairs: the path below the part, and what is wrong.
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from controller import meta

Problem = tuple[str, str]
"""Where, as the end of a path, and what is wrong."""

_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_VARIABLE = re.compile(r"[ -<>-~]+")
_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_STANDARD = ("cpu", "memory", "ephemeral-storage")
_FIELDS = re.compile(
    r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])|spec\.(nodeName|serviceAccountName)"
    r"|status\.(hostIPs?|podIPs?)"
)
_SOURCES = ("configMapKeyRef", "fieldRef", "resourceFieldRef", "secretKeyRef")
_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")


def is_qualified_name(text: Any) -> bool:
    """A label's or a resource's name, with a prefix that is a DNS subdomain or without one."""
    if not isinstance(text, str):
        return False
    prefix, slash, name = text.rpartition("/")
    if slash and not is_subdomain(prefix):
        return False
    return len(name) <= 63 and _NAME.fullmatch(name) is not None


def is_label_value(text: Any) -> bool:
    """A label's value."""
    return isinstance(text, str) and len(text) <= 63 and (text == "" or _NAME.fullmatch(text) is not None)


def is_subdomain(text: Any) -> bool:
    """A DNS subdomain, as most names of objects are."""
    return isinstance(text, str) and len(text) <= 253 and _SUBDOMAIN.fullmatch(text) is not None


def is_dns_label(text: Any) -> bool:
    """A DNS label, as names of containers and volumes are."""
    return isinstance(text, str) and len(text) <= 63 and _LABEL.fullmatch(text) is not None


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _items(value: Any, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list with their paths."""
    for index, item in enumerate(_list(value)):
        if isinstance(item, Mapping):
            yield f"{path}[{index}]", item


def resources(value: Any) -> Iterator[Problem]:
    """Amounts: of known names, not negative, devices whole and with a limit, no request above its limit."""
    given = _map(value)
    limits, requests = _amounts(given.get("limits")), _amounts(given.get("requests"))
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            yield from ((f".{part}.{name}", problem) for problem in _amount(name, amount))
    for name, amount in requests.items():
        limit = limits.get(name)
        if limit is None and not _may_overcommit(name):
            yield f".requests.{name}", "needs a limit of the same amount: this resource cannot be shared"
        elif limit is not None and amount != limit and not _may_overcommit(name):
            yield f".requests.{name}", "must equal its limit: this resource cannot be shared"
        elif limit is not None and amount > limit:
            yield f".requests.{name}", "is above its limit"
    pages = [name for name in (*limits, *requests) if name.startswith("hugepages-")]
    if pages and not {"cpu", "memory"} & {*limits, *requests}:
        yield f".limits.{pages[0]}", "needs cpu or memory beside it"
    if _list(given.get("claims")):
        yield ".claims", "is not possible: the pod has no resource claims"


def _amounts(value: Any) -> dict[str, Fraction]:
    found: dict[str, Fraction] = {}
    for name, amount in _map(value).items():
        try:
            found[str(name)] = meta.parse_quantity(amount)
        except (ValueError, TypeError, AttributeError):
            continue
    return found


def _amount(name: str, amount: Fraction) -> Iterator[str]:
    if not _is_resource_name(name):
        yield "is not a resource: cpu, memory, ephemeral-storage, hugepages-SIZE, or a name with a domain"
    elif amount < 0:
        yield "must not be negative"
    elif _is_extended(name) and amount.denominator != 1:
        yield "must be a whole number"
    elif name.startswith("hugepages-") and amount % meta.parse_quantity(name.removeprefix("hugepages-")):
        yield "must be a multiple of the page size"


def _is_resource_name(name: str) -> bool:
    if not is_qualified_name(name):
        return False
    if "/" in name:
        return "kubernetes.io/" in name or is_qualified_name(f"requests.{name}")
    if name.startswith("hugepages-"):
        try:
            return meta.parse_quantity(name.removeprefix("hugepages-")) > 0
        except ValueError:
            return False
    return name in _STANDARD


def _is_extended(name: str) -> bool:
    return "/" in name and "kubernetes.io/" not in name and not name.startswith("requests.")


def _may_overcommit(name: str) -> bool:
    return not _is_extended(name) and not name.startswith("hugepages-")


def tolerations(value: Any) -> Iterator[Problem]:
    """Keys, operators, values and effects."""
    for path, item in _items(value, ""):
        key, operator, text = item.get("key") or "", item.get("operator") or "Equal", item.get("value") or ""
        if key and not is_qualified_name(key):
            yield f"{path}.key", f"{str(key)[:40]!r} is not the key of a taint"
        if not key and operator != "Exists":
            yield f"{path}.operator", "must be Exists without a key"
        if operator not in ("Equal", "Exists"):
            yield f"{path}.operator", f"{str(operator)[:40]!r} is not Equal or Exists"
        elif operator == "Exists" and text:
            yield f"{path}.value", "must be empty with the operator Exists"
        elif operator == "Equal" and not is_label_value(text):
            yield f"{path}.value", f"{str(text)[:40]!r} is not the value of a taint"
        if (item.get("effect") or "") not in _EFFECTS:
            yield f"{path}.effect", f"{str(item['effect'])[:40]!r} is not one of {', '.join(_EFFECTS[1:])}"
        if item.get("tolerationSeconds") is not None and item.get("effect") != "NoExecute":
            yield f"{path}.effect", "must be NoExecute with tolerationSeconds"


def labels(value: Any) -> Iterator[Problem]:
    """A map of labels, such as a node selector."""
    for key, text in _map(value).items():
        if not is_qualified_name(key):
            yield f".{key[:64]}", "is not the name of a label"
        elif not is_label_value(text):
            yield f".{key[:64]}", f"{str(text)[:40]!r} is not the value of a label"


def affinity(value: Any) -> Iterator[Problem]:
    """Terms of all three kinds, required and preferred."""
    given = _map(value)
    node = _map(given.get("nodeAffinity"))
    required = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    if isinstance(required, Mapping):
        where = ".nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
        if not _list(required.get("nodeSelectorTerms")):
            yield where, "must have at least one term"
        for path, term in _items(required.get("nodeSelectorTerms"), where):
            yield from _node_term(term, path)
    preferred = ".nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution"
    for path, item in _items(node.get("preferredDuringSchedulingIgnoredDuringExecution"), preferred):
        yield from _weight(item, path)
        yield from _node_term(_map(item.get("preference")), f"{path}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        yield from _pod_terms(_map(given.get(kind)), f".{kind}")


def _pod_terms(given: Mapping[str, Any], where: str) -> Iterator[Problem]:
    part = "requiredDuringSchedulingIgnoredDuringExecution"
    for path, term in _items(given.get(part), f"{where}.{part}"):
        yield from _pod_term(term, path)
    part = "preferredDuringSchedulingIgnoredDuringExecution"
    for path, item in _items(given.get(part), f"{where}.{part}"):
        yield from _weight(item, path)
        yield from _pod_term(_map(item.get("podAffinityTerm")), f"{path}.podAffinityTerm")


def _weight(item: Mapping[str, Any], path: str) -> Iterator[Problem]:
    weight = item.get("weight")
    if not isinstance(weight, int) or not 1 <= weight <= 100:
        yield f"{path}.weight", "must be 1 to 100"


def _node_term(term: Mapping[str, Any], path: str) -> Iterator[Problem]:
    for where, item in _items(term.get("matchExpressions"), f"{path}.matchExpressions"):
        yield from _requirement(item, where, ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
    for where, item in _items(term.get("matchFields"), f"{path}.matchFields"):
        if item.get("key") != "metadata.name":
            yield f"{where}.key", "must be metadata.name"
        if item.get("operator") not in ("In", "NotIn"):
            yield f"{where}.operator", "must be In or NotIn"
        values = _list(item.get("values"))
        if len(values) != 1 or not is_subdomain(values[0]):
            yield f"{where}.values", "must be the name of one node"


def _requirement(item: Mapping[str, Any], path: str, operators: tuple[str, ...]) -> Iterator[Problem]:
    operator, values = item.get("operator"), _list(item.get("values"))
    if not is_qualified_name(item.get("key")):
        yield f"{path}.key", f"{str(item.get('key'))[:40]!r} is not the name of a label"
    if operator not in operators:
        yield f"{path}.operator", f"{str(operator)[:40]!r} is not one of {', '.join(operators)}"
    elif operator in ("In", "NotIn") and not values:
        yield f"{path}.values", f"must have at least one value with the operator {operator}"
    elif operator in ("Exists", "DoesNotExist") and values:
        yield f"{path}.values", f"must be empty with the operator {operator}"
    elif operator in ("Gt", "Lt") and len(values) != 1:
        yield f"{path}.values", f"must be one value with the operator {operator}"
    elif operator in ("In", "NotIn") and not all(map(is_label_value, values)):
        yield f"{path}.values", "must be values of labels"


def _pod_term(term: Mapping[str, Any], path: str) -> Iterator[Problem]:
    if not is_qualified_name(term.get("topologyKey")):
        yield f"{path}.topologyKey", "is required, and must be the name of a node's label"
    for selector in ("labelSelector", "namespaceSelector"):
        yield from _selector(_map(term.get(selector)), f"{path}.{selector}")
    for index, name in enumerate(_list(term.get("namespaces"))):
        if not is_dns_label(name):
            yield f"{path}.namespaces[{index}]", f"{str(name)[:40]!r} is not the name of a namespace"
    yield from _selected_keys(term, path)


def _selected_keys(term: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Keys of labels whose values the pod itself gives."""
    match, mismatch = _list(term.get("matchLabelKeys")), _list(term.get("mismatchLabelKeys"))
    selected = {*_map(_map(term.get("labelSelector")).get("matchLabels"))}
    for field, keys in (("matchLabelKeys", match), ("mismatchLabelKeys", mismatch)):
        if keys and term.get("labelSelector") is None:
            yield f"{path}.{field}", "needs a labelSelector"
        if any(not is_qualified_name(key) for key in keys) or len(set(map(str, keys))) < len(keys):
            yield f"{path}.{field}", "must be names of labels, each once"
    if {*map(str, match)} & ({*map(str, mismatch)} | selected):
        yield f"{path}.matchLabelKeys", "must not be selected by the term in another way"


def _selector(selector: Mapping[str, Any], path: str) -> Iterator[Problem]:
    yield from ((f"{path}.matchLabels{where}", message) for where, message in labels(selector.get("matchLabels")))
    for where, item in _items(selector.get("matchExpressions"), f"{path}.matchExpressions"):
        yield from _requirement(item, where, ("In", "NotIn", "Exists", "DoesNotExist"))


def variables(value: Any) -> Iterator[Problem]:
    """Names of variables, and where their values come from."""
    for path, item in _items(value, ""):
        name, source = item.get("name"), item.get("valueFrom")
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            yield f"{path}.name", f"{str(name)[:40]!r} is not the name of a variable: printable ASCII without ="
        if isinstance(source, Mapping):
            if item.get("value"):
                yield f"{path}.valueFrom", "is not possible beside a value"
            yield from _source(source, f"{path}.valueFrom")


def _source(source: Mapping[str, Any], path: str) -> Iterator[Problem]:
    given = [name for name in _SOURCES if isinstance(source.get(name), Mapping)]
    if len(given) != 1:
        yield path, f"must have exactly one of {', '.join(_SOURCES)}"
    for name in given:
        item, where = source[name], f"{path}.{name}"
        if name == "fieldRef":
            if not _FIELDS.fullmatch(str(item.get("fieldPath"))):
                yield f"{where}.fieldPath", f"{str(item.get('fieldPath'))[:40]!r} is not a field of a pod for variables"
        elif name == "resourceFieldRef":
            yield from _resource_field(item, where)
        else:
            if not is_subdomain(item.get("name")):
                yield f"{where}.name", "is required, and must be the name of an object"
            if not _KEY.fullmatch(str(item.get("key") or "")) or str(item.get("key")) in (".", ".."):
                yield f"{where}.key", "is required, and holds letters, digits, '-', '_' and '.'"


def _resource_field(item: Mapping[str, Any], path: str) -> Iterator[Problem]:
    part, _, name = str(item.get("resource")).partition(".")
    if part not in ("limits", "requests") or not (name in _STANDARD or name.startswith("hugepages-")):
        yield f"{path}.resource", "must be limits or requests of cpu, memory, ephemeral-storage or hugepages-SIZE"


def variable_sources(value: Any) -> Iterator[Problem]:
    """ConfigMaps and Secrets whose keys all become variables."""
    for path, item in _items(value, ""):
        prefix = item.get("prefix")
        if prefix and not _VARIABLE.fullmatch(str(prefix)):
            yield f"{path}.prefix", f"{str(prefix)[:40]!r} is not the beginning of a variable's name"
        given = [name for name in ("configMapRef", "secretRef") if isinstance(item.get(name), Mapping)]
        if len(given) != 1:
            yield path, "must have exactly one of configMapRef, secretRef"
        for name in given:
            if not is_subdomain(item[name].get("name")):
                yield f"{path}.{name}.name", "is required, and must be the name of an object"


_VOLUME_SOURCES = ("configMap", "secret", "emptyDir", "persistentVolumeClaim", "hostPath", "nfs", "csi", "image")


def volumes(value: Any) -> Iterator[Problem]:
    """Names, each once, and one source each; without a source a volume is an empty directory."""
    seen: set[str] = set()
    for path, item in _items(value, ""):
        name = item.get("name")
        if not is_dns_label(name):
            yield (
                f"{path}.name",
                f"{str(name)[:40]!r} is not the name of a volume: lower-case letters, digits and dashes",
            )
        elif name in seen:
            yield f"{path}.name", f"{name!r} is used twice"
        seen.add(str(name))
        given = [source for source in _VOLUME_SOURCES if isinstance(item.get(source), Mapping)]
        if len(given) > 1:
            yield path, f"must have one of {', '.join(_VOLUME_SOURCES)}, not several"
        for source in given:
            yield from _volume_source(source, item[source], f"{path}.{source}")


def _volume_source(source: str, item: Mapping[str, Any], path: str) -> Iterator[Problem]:
    required = {"persistentVolumeClaim": "claimName", "secret": "secretName", "configMap": "name", "csi": "driver"}
    if (field := required.get(source)) and not is_subdomain(item.get(field)):
        yield f"{path}.{field}", "is required, and must be the name of an object"
    if source in ("hostPath", "nfs"):
        text = str(item.get("path") or "")
        if not text or ".." in text.split("/") or (source == "nfs" and not text.startswith("/")):
            yield f"{path}.path", "must be an absolute path without .. segments"
    if source == "nfs" and not item.get("server"):
        yield f"{path}.server", "is required"
    if source == "image" and not re.fullmatch(r"[!-~]+", str(item.get("reference") or "")):
        yield f"{path}.reference", "must be an image reference"
    for index, entry in _items(item.get("items"), f"{path}.items"):
        text = str(entry.get("path") or "")
        if not text or text.startswith("/") or ".." in text.split("/"):
            yield f"{index}.path", "must be a relative path without .. segments"
        if not _KEY.fullmatch(str(entry.get("key") or "")):
            yield f"{index}.key", "is required, and holds letters, digits, '-', '_' and '.'"


def volume_mounts(value: Any, names: set[str], taken: set[str]) -> Iterator[Problem]:
    """Mounts of volumes of these names, at paths that are not ``taken``, each once."""
    seen = set(taken)
    for path, item in _items(value, ""):
        where, inside = str(item.get("mountPath") or ""), str(item.get("subPath") or "")
        if item.get("name") not in names:
            yield f"{path}.name", f"{str(item.get('name'))[:40]!r} is not one of the volumes"
        if not where.startswith("/") or ":" in where:
            yield f"{path}.mountPath", "must be an absolute path without a colon"
        elif where in seen:
            yield f"{path}.mountPath", f"{where[:64]} is mounted already"
        seen.add(where)
        if inside.startswith("/") or ".." in inside.split("/"):
            yield f"{path}.subPath", "must be a relative path without .. segments"


def annotations(value: Any) -> Iterator[Problem]:
    """Names of annotations, and their size."""
    size = 0
    for key, text in _map(value).items():
        size += len(str(key).encode("utf-8", "replace")) + len(str(text).encode("utf-8", "replace"))
        if not is_qualified_name(str(key).lower()):
            yield f".{key[:64]}", "is not the name of an annotation"
    if size > 256 * 1024:
        yield "", f"has {size} bytes; at most {256 * 1024} are possible"
