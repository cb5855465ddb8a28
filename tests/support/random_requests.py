"""Random requests of every verb, for sequences that both control planes have to answer alike; ``NS`` stands for the namespace."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.support.conformance_api import (
    APPLY,
    JSON_PATCH,
    MERGE,
    METADATA,
    METADATA_LIST,
    STRATEGIC,
    TABLE,
    Answer,
)
from tests.support.two_planes import Step
from tests.support.widgets import GROUP

Object = dict[str, Any]

SMALL = st.sampled_from(["", "a", "b"])
MAPS = st.dictionaries(st.sampled_from(["a", "b.c/d"]), SMALL, max_size=2)
NAMES = st.sampled_from(["one", "two"])
MANAGERS = st.sampled_from(["me", "you"])
ODD = st.sampled_from([None, 7, "x", [], {}, True, -1, 1.5])
DATA = st.dictionaries(st.sampled_from(["a", "b"]), SMALL, max_size=2)
PORTS = st.lists(
    st.fixed_dictionaries({"name": SMALL}, optional={"port": st.sampled_from([1, 2])}),
    max_size=2,
    unique_by=lambda port: port["name"],
)
WIDGET = st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from([0, 1, 5, 11]),
        "color": st.sampled_from(["red", "blue", "green"]),
        "maybe": st.sampled_from(["x", None]),
        "tags": st.lists(SMALL, max_size=3, unique=True),
        "ports": PORTS,
        "free": st.fixed_dictionaries({}, optional={"x": st.one_of(ODD, MAPS)}),
        "unknown": ODD,
    },
)
WIDGET_STATUS = st.fixed_dictionaries({}, optional={"phase": SMALL, "ready": st.booleans(), "unknown": ODD})
ENV = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["A", "B"])}, optional={"value": SMALL}),
    max_size=2,
    unique_by=lambda one: one["name"],
)
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["x", "y"])},
        optional={
            "image": st.sampled_from(["i:1", "j"]),
            "env": ENV,
            "ports": st.lists(
                st.fixed_dictionaries({"containerPort": st.sampled_from([80, 81])}, optional={"name": SMALL}),
                max_size=2,
                unique_by=lambda one: one["containerPort"],
            ),
        },
    ),
    max_size=2,
    unique_by=lambda one: one["name"],
)
LABELLED = {"app": "x"}


def _deployment(containers: list[Object], replicas: Any, labels: Object) -> Object:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": LABELLED},
        "template": {"metadata": {"labels": {**LABELLED, **labels}}, "spec": {"containers": containers}},
    }


DEPLOYMENT = st.builds(_deployment, CONTAINERS, st.sampled_from([0, 1, 3, -1, "x"]), MAPS)
DEPLOYMENT_STATUS = st.fixed_dictionaries({}, optional={"replicas": st.sampled_from([0, 2, -1]), "unknown": ODD})
POD = st.builds(
    lambda containers, policy: {
        "containers": containers,
        "restartPolicy": policy,
        "serviceAccountName": "default",
        "automountServiceAccountToken": False,
    },
    CONTAINERS,
    st.sampled_from(["Always", "Never", "Sometimes"]),
)
POD_STATUS = st.fixed_dictionaries(
    {},
    optional={
        "phase": st.sampled_from(["Pending", "Running", "Nope"]),
        "message": SMALL,
        "conditions": st.lists(
            st.fixed_dictionaries({"type": st.sampled_from(["Ready", "x/y"]), "status": st.sampled_from(["True", ""])}),
            max_size=1,
        ),
    },
)
META = st.fixed_dictionaries({}, optional={"labels": MAPS, "annotations": MAPS, "finalizers": st.just(["a.b/c"])})


@dataclass(frozen=True)
class Kind:
    """A kind of the test: its path, its header, and the field beside ``metadata`` that requests give it."""

    path: str
    api_version: str
    kind: str
    field: str
    values: st.SearchStrategy[Any]
    status: st.SearchStrategy[Any] | None = None
    scales: bool = False
    built_in: bool = True

    @property
    def header(self) -> Object:
        return {"apiVersion": self.api_version, "kind": self.kind}

    def bodies(self) -> st.SearchStrategy[Object]:
        """Metadata and fields of an object, without its name."""
        values = st.one_of(self.values, self.values, self.values, ODD)
        return st.fixed_dictionaries({"metadata": META}, optional={self.field: values})

    def verbs(self) -> list[str]:
        """The verbs, the more frequent ones several times."""
        every = ["create", "create", "generate", "update", "merge", "json", "apply", "apply", "delete", "delete all"]
        every += ["list", "get", "page", "table", "metadata"]
        every += ["strategic", "strategic"] if self.built_in else []
        every += ["status", "apply status", "put status"] if self.status is not None else []
        return [*every, *(["scale", "apply scale"] if self.scales else [])]


KINDS = [
    Kind("/api/v1/namespaces/NS/configmaps", "v1", "ConfigMap", "data", DATA),
    Kind("/api/v1/namespaces/NS/secrets", "v1", "Secret", "stringData", DATA),
    Kind("/api/v1/namespaces/NS/pods", "v1", "Pod", "spec", POD, POD_STATUS),
    Kind(
        *("/apis/apps/v1/namespaces/NS/deployments", "apps/v1", "Deployment", "spec", DEPLOYMENT),
        status=DEPLOYMENT_STATUS,
        scales=True,
    ),
    Kind(
        *(f"/apis/{GROUP}/v1/namespaces/NS/widgets", f"{GROUP}/v1", "Widget", "spec", WIDGET, WIDGET_STATUS),
        built_in=False,
    ),
]


@dataclass
class Seen:
    """Versions and uids that one control plane has given, by name, in their order."""

    metadata: dict[str, list[Object]] = field(default_factory=dict)

    def note(self, answer: Answer) -> None:
        """Keeps those of an object that was answered."""
        metadata = answer.body.get("metadata", {}) if isinstance(answer.body, dict) else {}
        if answer.code < 300 and metadata.get("resourceVersion") and metadata.get("name"):
            self.metadata.setdefault(metadata["name"], []).append(metadata)

    def preconditions(self, name: str, which: str | None) -> Object:
        """``uid`` and ``resourceVersion``: of the ``first`` or ``last`` answer about this name, or ``never`` given."""
        if which == "never":
            return {"uid": "00000000-0000-0000-0000-000000000000", "resourceVersion": "1"}
        known = self.metadata.get(name)
        if which is None or not known:
            return {}
        metadata = known[0 if which == "first" else -1]
        return {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}


Request = Callable[[Seen], Step]
"""A request that may name a version or uid that was seen before."""
WHICH = st.sampled_from([None, None, "first", "last", "never"])
FIELDS = st.sampled_from([("resourceVersion",), ("uid",), ("uid", "resourceVersion")])
DRY = st.sampled_from([{}, {}, {}, {"dryRun": "All"}])
CHECKS = st.sampled_from([{}, {"fieldValidation": "Strict"}, {"fieldValidation": "Ignore"}])
SELECTIONS = st.sampled_from(
    [
        {},
        {"labelSelector": "a=a"},
        {"labelSelector": "a notin (a),!b.c/d"},
        {"labelSelector": "a in ("},
        {"fieldSelector": "metadata.name=one"},
        {"fieldSelector": "metadata.name!=one,metadata.namespace=NS"},
        {"fieldSelector": "spec.nothing=1"},
    ]
)


@st.composite
def requests(draw: Any, kind: Kind) -> Request:
    """One request of any verb."""
    verb, name = draw(st.sampled_from(kind.verbs())), draw(NAMES)
    if verb in ("list", "get", "page", "table", "metadata"):
        step = _read(kind, verb, name, draw(SELECTIONS))
        return lambda seen: step
    query = {**draw(DRY), **draw(CHECKS)}
    if verb == "generate":
        step = Step("POST", kind.path, _generated(kind, draw(kind.values)), query)
        return lambda seen: step
    if verb == "delete all":
        step = Step("DELETE", kind.path, None, {**draw(DRY), **draw(SELECTIONS)})
        return lambda seen: step
    if verb in ("status", "apply status", "put status"):
        return _status(kind, verb, name, draw(st.one_of(kind.status, ODD)), {**query, "fieldManager": draw(MANAGERS)})
    if verb in ("scale", "apply scale"):
        step = _scale(
            kind, verb, name, draw(st.sampled_from([0, 2, -1, "x"])), {**draw(DRY), "fieldManager": draw(MANAGERS)}
        )
        return lambda seen: step
    if verb == "json":
        step = Step("PATCH", f"{kind.path}/{name}", [draw(json_operations(kind))], query, JSON_PATCH)
        return lambda seen: step
    return draw(_writes(kind, verb, name, query))


@st.composite
def _writes(draw: Any, kind: Kind, verb: str, name: str, query: Object) -> Request:
    """A create, update, patch, apply or delete of one object, perhaps with preconditions."""
    body, which, fields = draw(kind.bodies()), draw(WHICH), draw(FIELDS)
    path = f"{kind.path}/{name}"
    if verb == "apply":
        body = without_nulls(body)  # docs/envtest.md says what differs.
        query |= {"fieldManager": draw(MANAGERS), **({"force": "true"} if draw(st.booleans()) else {})}

    def chosen(seen: Seen) -> Object:
        known = seen.preconditions(name, which)
        return {key: known[key] for key in fields if key in known}

    def whole(seen: Seen, *, versioned: bool = True) -> Object:
        extra = chosen(seen) if versioned else {}
        return {**kind.header, **body, "metadata": {"name": name, **body["metadata"], **extra}}

    def partial(seen: Seen) -> Object:
        return {**body, "metadata": {**body["metadata"], **chosen(seen)}}

    match verb:
        case "create":
            return lambda seen: Step("POST", kind.path, whole(seen, versioned=False), query)
        case "update":
            return lambda seen: Step("PUT", path, whole(seen), query)
        case "merge":
            return lambda seen: Step("PATCH", path, partial(seen), query, MERGE)
        case "strategic":
            return lambda seen: Step("PATCH", path, partial(seen), query, STRATEGIC)
        case "apply":
            return lambda seen: Step("PATCH", path, whole(seen), query, APPLY)
    query.pop("fieldValidation", None)
    return lambda seen: Step("DELETE", path, {"preconditions": found} if (found := chosen(seen)) else None, query)


def _read(kind: Kind, verb: str, name: str, selection: Object) -> Step:
    match verb:
        case "get":
            return Step("GET", f"{kind.path}/{name}")
        case "page":
            return Step("GET", kind.path, query={"limit": 1, **selection})
        case "table":
            return Step("GET", kind.path, query=selection, accept=TABLE)
        case "metadata":
            return Step("GET", f"{kind.path}/{name}", accept=METADATA)
    return Step("GET", kind.path, query=selection, accept=METADATA_LIST if selection else "application/json")


def _generated(kind: Kind, value: Any) -> Object:
    return {**kind.header, "metadata": {"generateName": "zz-"}, kind.field: value}


def _status(kind: Kind, verb: str, name: str, status: Any, query: Object) -> Request:
    path, body = f"{kind.path}/{name}/status", {"status": status}
    if verb == "status":
        return lambda seen: Step("PATCH", path, body, query, MERGE)
    whole = {**kind.header, "metadata": {"name": name}, **without_nulls(body)}
    if verb == "apply status":
        return lambda seen: Step("PATCH", path, whole, query, APPLY)

    def put(seen: Seen) -> Step:
        known = seen.preconditions(name, "last")
        return Step("PUT", path, {**whole, "metadata": {"name": name, **known}}, query)

    return put


def _scale(kind: Kind, verb: str, name: str, replicas: Any, query: Object) -> Step:
    path, spec = f"{kind.path}/{name}/scale", {"spec": {"replicas": replicas}}
    if verb == "scale":
        return Step("PATCH", path, spec, query, MERGE)
    whole = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": name}, **spec}
    return Step("PATCH", path, whole, query, APPLY)


def without_nulls(value: Any) -> Any:
    """The value without fields that are null."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


def json_operations(kind: Kind) -> st.SearchStrategy[Object]:
    """One operation of a JSON patch, on fields that may be absent."""
    paths = [f"/{kind.field}", f"/{kind.field}/a", "/metadata/labels", "/metadata/labels/a", "/metadata/finalizers"]
    return st.one_of(
        st.fixed_dictionaries({"op": st.just("remove"), "path": st.sampled_from(paths)}),
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "replace", "test"]),
                "path": st.sampled_from(paths),
                "value": st.one_of(SMALL, MAPS, ODD),
            }
        ),
    )


SEQUENCES = st.sampled_from(KINDS).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(requests(kind), min_size=1, max_size=10))
)
WATCHES = st.sampled_from(
    [
        ({}, "application/json"),
        ({"labelSelector": "a=a"}, "application/json"),
        ({"fieldSelector": "metadata.name!=one"}, "application/json"),
        ({}, METADATA),
    ]
)
"""The query and the form of the watch that follows a sequence."""
