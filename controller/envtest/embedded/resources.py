"""What the embedded server serves: the description of one resource, and the built-in kinds. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from controller.envtest.embedded.storage import ResourceKey
from controller.meta import Object

_ANYTHING: Mapping[str, Any] = {"x-kubernetes-preserve-unknown-fields": True}
_TEXT: Mapping[str, Any] = {"type": "string"}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_INT32: Mapping[str, Any] = {"type": "integer", "format": "int32"}
_TEXTS: Mapping[str, Any] = {"type": "object", "additionalProperties": _TEXT}


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """One served resource in one version.

    ``custom`` marks resources that a CRD defines. ``selectable`` are the fields that a field selector may name beside
    name and namespace. ``refused`` are subresources that Kubernetes has and this server does not. ``stored_as`` names the
    resource whose storage is shared, ``renamed`` its names of this version's fields.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    list_kind: str
    schema: Mapping[str, Any]
    namespaced: bool = True
    custom: bool = False
    has_status: bool = False
    has_generation: bool = False
    collection_deletable: bool = True
    unconditional_update: bool = True
    create_on_update: bool = False
    returns_deleted: bool = False
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Object, ...] = ()
    selectable: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    stored_as: ResourceKey | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> ResourceKey:
        """Where its objects are stored."""
        return self.stored_as or (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """``group/version``."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group``, as messages name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def shown(self, stored: Object) -> dict[str, Any]:
        """A stored object in this version."""
        names = {theirs: ours for ours, theirs in self.renamed.items()}
        fields = {names.get(name, name): value for name, value in stored.items()} if names else stored
        return {**fields, "apiVersion": self.api_version, "kind": self.kind}

    def stored(self, shown: Object) -> dict[str, Any]:
        """An object of this version as it is stored."""
        return {self.renamed.get(name, name): value for name, value in shown.items()}


def _built_in(group: str, plural: str, kind: str, properties: Mapping[str, Any], **more: Any) -> TypeInfo:
    schema = {"type": "object", "properties": properties}
    return TypeInfo(group, "v1", plural, kind.lower(), kind, f"{kind}List", schema, **more)


CRD = _built_in(
    "apiextensions.k8s.io",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    {"spec": _ANYTHING, "status": _ANYTHING},
    namespaced=False,
    has_status=True,
    has_generation=True,
    unconditional_update=False,
    short_names=("crd", "crds"),
    categories=("api-extensions",),
)

_NAMESPACE = _built_in(
    "",
    "namespaces",
    "Namespace",
    {"spec": _ANYTHING, "status": _ANYTHING},
    namespaced=False,
    collection_deletable=False,
    short_names=("ns",),
    selectable=("status.phase",),
    refused=("finalize", "status"),
    columns=({"name": "Status", "jsonPath": ".status.phase"}, {"name": "Age", "type": "date"}),
)
_CONFIG_MAP = _built_in(
    "", "configmaps", "ConfigMap", {"data": _TEXTS, "binaryData": _TEXTS, "immutable": _FLAG}, short_names=("cm",)
)
_SECRET = _built_in(
    "",
    "secrets",
    "Secret",
    {"data": _TEXTS, "stringData": _TEXTS, "type": _TEXT, "immutable": _FLAG},
    selectable=("type",),
    columns=({"name": "Type", "jsonPath": ".type"}, {"name": "Age", "type": "date"}),
)
_SERVICE_ACCOUNT = _built_in(
    "",
    "serviceaccounts",
    "ServiceAccount",
    {"secrets": _ANYTHING, "imagePullSecrets": _ANYTHING, "automountServiceAccountToken": _FLAG},
    returns_deleted=True,
    short_names=("sa",),
    refused=("token",),
)
_POD = _built_in(
    "",
    "pods",
    "Pod",
    {"spec": _ANYTHING, "status": _ANYTHING},
    has_status=True,
    has_generation=True,
    returns_deleted=True,
    short_names=("po",),
    categories=("all",),
    selectable=("spec.nodeName", "spec.restartPolicy", "spec.serviceAccountName", "status.phase", "status.podIP"),
    refused=("attach", "binding", "ephemeralcontainers", "eviction", "exec", "log", "portforward", "proxy", "resize"),
    columns=({"name": "Status", "jsonPath": ".status.phase"}, {"name": "Age", "type": "date"}),
)
_EVENT_COLUMNS = (
    {"name": "Type", "jsonPath": ".type"},
    {"name": "Reason", "jsonPath": ".reason"},
    {"name": "Object", "jsonPath": ".involvedObject.name"},
    {"name": "Message", "jsonPath": ".message"},
)
_EVENT_FIELDS = {
    "involvedObject": _ANYTHING,
    "reason": _TEXT,
    "message": _TEXT,
    "source": _ANYTHING,
    "firstTimestamp": _TEXT,
    "lastTimestamp": _TEXT,
    "count": _INT32,
    "type": _TEXT,
    "eventTime": _TEXT,
    "series": _ANYTHING,
    "action": _TEXT,
    "related": _ANYTHING,
    "reportingComponent": _TEXT,
    "reportingInstance": _TEXT,
}
_NEW_EVENT_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_OBJECT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_EVENT = _built_in(
    "",
    "events",
    "Event",
    _EVENT_FIELDS,
    create_on_update=True,
    short_names=("ev",),
    columns=_EVENT_COLUMNS,
    selectable=(*(f"involvedObject.{name}" for name in _OBJECT_FIELDS), "reason", "reportingComponent", "type"),
)
_NEW_EVENT = _built_in(
    "events.k8s.io",
    "events",
    "Event",
    {
        {theirs: ours for ours, theirs in _NEW_EVENT_NAMES.items()}.get(name, name): schema
        for name, schema in _EVENT_FIELDS.items()
    },
    create_on_update=True,
    short_names=("ev",),
    columns=(
        *_EVENT_COLUMNS[:2],
        {"name": "Object", "jsonPath": ".regarding.name"},
        {"name": "Message", "jsonPath": ".note"},
    ),
    selectable=(*(f"regarding.{name}" for name in _OBJECT_FIELDS), "reason", "reportingController", "type"),
    stored_as=("", "events"),
    renamed=_NEW_EVENT_NAMES,
)
_LEASE = _built_in(
    "coordination.k8s.io",
    "leases",
    "Lease",
    {
        "spec": {
            "type": "object",
            "properties": {
                "holderIdentity": _TEXT,
                "leaseDurationSeconds": _INT32,
                "acquireTime": _TEXT,
                "renewTime": _TEXT,
                "leaseTransitions": _INT32,
                "strategy": _TEXT,
                "preferredHolder": _TEXT,
            },
        }
    },
    unconditional_update=False,
    create_on_update=True,
    columns=({"name": "Holder", "jsonPath": ".spec.holderIdentity"}, {"name": "Age", "type": "date"}),
)

BUILT_IN = (_NAMESPACE, _CONFIG_MAP, _SECRET, _SERVICE_ACCOUNT, _POD, _EVENT, _NEW_EVENT, _LEASE, CRD)
NAMESPACES: ResourceKey = _NAMESPACE.key
