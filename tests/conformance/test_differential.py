"""Random requests, in random order, to both control planes: codes, reasons, causes and stored objects are the same.

``MODEL_CONTROLLER_DIFFERENTIAL_EXAMPLES`` sets how many sequences are tried. Every sequence starts from empty collections.
"""

import os
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.conformance_api import APPLY, JSON_PATCH, MERGE, Answer, Api
from tests.support.two_planes import Step, both_planes, comparable, differences
from tests.support.widgets import GROUP

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("both"), pytest.mark.timeout(300)]
EXAMPLES = int(os.environ.get("MODEL_CONTROLLER_DIFFERENTIAL_EXAMPLES", "15"))
Object = dict[str, Any]
Request = Callable[["Seen"], Step]
"""A request that may name a version or uid that was seen before."""

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
SPEC = st.fixed_dictionaries(
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
METADATA = st.fixed_dictionaries({}, optional={"labels": MAPS, "annotations": MAPS, "finalizers": st.just(["a.b/c"])})


class Kind:
    """A kind of the test: its path, its header, and the fields beside ``metadata`` that requests give it."""

    def __init__(self, path: str, api_version: str, kind: str, field: str, values: st.SearchStrategy[Any]) -> None:
        self.path = path
        self.header = {"apiVersion": api_version, "kind": kind}
        self.field = field
        self.values = st.one_of(values, values, values, ODD)

    def bodies(self) -> st.SearchStrategy[Object]:
        """Metadata and fields of an object, without its name."""
        return st.fixed_dictionaries({"metadata": METADATA}, optional={self.field: self.values})


KINDS = [
    Kind("/api/v1/namespaces/NS/configmaps", "v1", "ConfigMap", "data", DATA),
    Kind(f"/apis/{GROUP}/v1/namespaces/NS/widgets", f"{GROUP}/v1", "Widget", "spec", SPEC),
]


class Seen:
    """Versions and uids that one control plane has given, by name, in their order."""

    def __init__(self) -> None:
        self._metadata: dict[str, list[Object]] = {}

    def note(self, answer: Answer) -> None:
        """Keeps those of an object that was answered."""
        metadata = answer.body.get("metadata", {}) if isinstance(answer.body, dict) else {}
        if answer.code < 300 and metadata.get("resourceVersion") and metadata.get("name"):
            self._metadata.setdefault(metadata["name"], []).append(metadata)

    def preconditions(self, name: str, which: str | None) -> Object:
        """``uid`` and ``resourceVersion``: of the ``first`` or ``last`` answer about this name, or ``never`` given."""
        if which == "never":
            return {"uid": "00000000-0000-0000-0000-000000000000", "resourceVersion": "1"}
        known = self._metadata.get(name)
        if which is None or not known:
            return {}
        metadata = known[0 if which == "first" else -1]
        return {key: metadata[key] for key in ("uid", "resourceVersion")}


WHICH = st.sampled_from([None, None, "first", "last", "never"])
FIELDS = st.sampled_from([("resourceVersion",), ("uid",), ("uid", "resourceVersion")])
DRY = st.sampled_from([{}, {}, {}, {"dryRun": "All"}])
CHECKS = st.sampled_from([{}, {"fieldValidation": "Strict"}, {"fieldValidation": "Ignore"}])


@st.composite
def requests(draw: Any, kind: Kind) -> Request:
    """One request of any verb."""
    name, body, which, fields = draw(NAMES), draw(kind.bodies()), draw(WHICH), draw(FIELDS)
    query = {**draw(DRY), **draw(CHECKS)}
    verb = draw(
        st.sampled_from(["create", "create", "update", "merge", "json", "apply", "apply", "delete", "list", "get"])
    )
    if verb in ("list", "get"):
        return lambda seen: Step("GET", kind.path if verb == "list" else f"{kind.path}/{name}")
    if verb == "json":
        patch = [draw(json_operations(kind))]
        return lambda seen: Step("PATCH", f"{kind.path}/{name}", patch, query, JSON_PATCH)

    def chosen(seen: Seen) -> Object:
        known = seen.preconditions(name, which)
        return {key: known[key] for key in fields if key in known}

    if verb == "apply":
        body = without_nulls(body)  # docs/envtest.md says what differs.

    def whole(seen: Seen, **extra: Any) -> Object:
        return {**kind.header, **body, "metadata": {"name": name, **body["metadata"], **extra}}

    match verb:
        case "create":
            return lambda seen: Step("POST", kind.path, whole(seen), query)
        case "update":
            return lambda seen: Step("PUT", f"{kind.path}/{name}", whole(seen, **chosen(seen)), query)
        case "merge":
            return lambda seen: Step(
                "PATCH", f"{kind.path}/{name}", {**body, "metadata": {**body["metadata"], **chosen(seen)}}, query, MERGE
            )
        case "apply":
            manager = {"fieldManager": draw(MANAGERS), **({"force": "true"} if draw(st.booleans()) else {})}
            return lambda seen: Step(
                "PATCH", f"{kind.path}/{name}", whole(seen, **chosen(seen)), {**query, **manager}, APPLY
            )
        case _:
            query.pop("fieldValidation", None)
            return lambda seen: Step(
                "DELETE", f"{kind.path}/{name}", {"preconditions": found} if (found := chosen(seen)) else None, query
            )


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


SEQUENCES = st.sampled_from(KINDS).flatmap(lambda kind: st.lists(requests(kind), min_size=1, max_size=8))


@pytest.fixture(scope="module")
async def both(real_plane: None) -> AsyncIterator[list[Api]]:
    """The embedded and the real control plane, with Widgets."""
    async with both_planes() as planes:
        yield planes


async def answers(api: Api, namespace: str, sequence: list[Request]) -> list[Any]:
    """What one control plane answers, in comparable form, each with the request that it answers."""
    seen, found = Seen(), []
    for request in sequence:
        step = request(seen).in_namespace(namespace)
        answer = await api.request(step.method, step.path, step.body, content_type=step.content_type, **step.query)
        seen.note(answer)
        found.append(comparable(answer, namespace))
    return found


@settings(max_examples=EXAMPLES, derandomize=True, database=None)
@given(sequence=SEQUENCES)
async def test_random_sequences_are_answered_alike(both: list[Api], sequence: list[Request]) -> None:
    namespace = f"random-{uuid.uuid4().hex[:8]}"
    for api in both:
        await api.post("/api/v1/namespaces", {"metadata": {"name": namespace}})
    embedded, real = [await answers(api, namespace, sequence) for api in both]
    for index, request in enumerate(sequence):
        assert differences(embedded[index], real[index]) == [], f"{index}: {request(Seen())}"
