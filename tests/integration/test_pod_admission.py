"""Pods at a real API server: what ``validate`` lets through it admits, and what it refuses ``validate`` has a finding for."""

import contextlib
from collections import Counter
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from controller.api.kinds import POD
from controller.api.model import Model
from controller.api.rules import Rule
from controller.client import Client
from controller.meta import Resource, jsonio
from controller.meta.errors import AlreadyExists, StatusError
from controller.render import RenderOptions, render
from controller.validation import validate
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.models_strategy import LABEL, optional
from tests.support.rules import CASES

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)]
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
DRY = {"dryRun": "All", "fieldValidation": "Strict"}

NAME = LABEL | st.sampled_from(["", "a b", "example.com/gpu", "-a", "a/b/c", "Example.com/x", "x" * 64])
VALUE = LABEL | st.sampled_from(["", "a b", "-a", "a/b"])
RESOURCE = st.sampled_from(
    ["cpu", "memory", "ephemeral-storage", "nvidia.com/gpu", "huawei.com/Ascend910", "hugepages-2Mi", "gpu", "a b/c", "storage"]
)  # fmt: skip
AMOUNT = st.sampled_from([0, 1, 2, "1", "500m", "0.5", "4Mi", "3Mi", "1Gi", "2e0", "-1"])
RESOURCES = optional(
    limits=st.dictionaries(RESOURCE, AMOUNT, max_size=2),
    requests=st.dictionaries(RESOURCE, AMOUNT, max_size=2),
    claims=st.lists(st.just({"name": "gpu"}), max_size=1),
)
TOLERATIONS = st.lists(
    optional(
        key=NAME,
        operator=st.sampled_from(["Exists", "Equal", "", "Exist", "In"]),
        value=VALUE,
        effect=st.sampled_from(["", "NoSchedule", "NoExecute", "PreferNoSchedule", "noSchedule"]),
        tolerationSeconds=st.integers(0, 9),
    ),
    max_size=2,
)
REQUIREMENT = st.fixed_dictionaries(
    {"key": NAME, "operator": st.sampled_from(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt", "in"])},
    optional={"values": st.lists(st.sampled_from(["a", "1", "b"]), max_size=2)},
)
NODE_TERM = optional(matchExpressions=st.lists(REQUIREMENT, min_size=1, max_size=2))
POD_TERM = st.fixed_dictionaries(
    {"topologyKey": NAME},
    optional={
        "labelSelector": optional(
            matchLabels=st.dictionaries(NAME, VALUE, max_size=1), matchExpressions=st.lists(REQUIREMENT, max_size=1)
        ),
        "namespaces": st.lists(st.sampled_from(["a", "A", "a.b", ""]), max_size=1),
        "matchLabelKeys": st.lists(NAME, max_size=1),
    },
)
WEIGHT = st.integers(-1, 101)
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
POD_AFFINITY = st.fixed_dictionaries(
    {},
    optional={
        _REQUIRED: st.lists(POD_TERM, max_size=1),
        _PREFERRED: st.lists(st.fixed_dictionaries({"weight": WEIGHT, "podAffinityTerm": POD_TERM}), max_size=1),
    },
)
AFFINITY = optional(
    nodeAffinity=st.fixed_dictionaries(
        {},
        optional={
            _REQUIRED: st.fixed_dictionaries({"nodeSelectorTerms": st.lists(NODE_TERM, max_size=2)}),
            _PREFERRED: st.lists(st.fixed_dictionaries({"weight": WEIGHT, "preference": NODE_TERM}), max_size=1),
        },
    ),
    podAffinity=POD_AFFINITY,
    podAntiAffinity=POD_AFFINITY,
)
KEYED = optional(name=st.sampled_from(["s", "a.b", "", "A_B"]), key=st.sampled_from(["k", "a.b", "", "..", "a b"]))
SOURCE = optional(
    secretKeyRef=KEYED,
    configMapKeyRef=KEYED,
    fieldRef=st.sampled_from(["metadata.name", "status.podIP", "spec.nodeName", "metadata.labels", "metadata.labels['a']", "spec.x"]).map(
        lambda path: {"fieldPath": path}
    ),
    resourceFieldRef=st.sampled_from(["limits.cpu", "requests.memory", "cpu", "limits.nvidia.com/gpu"]).map(lambda name: {"resource": name}),
)  # fmt: skip
ENV = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["A", "a.b-c", "a b", "1", "A=B", "", "é", "${X}"])},
        optional={"value": st.sampled_from(["", "x"]), "valueFrom": SOURCE},
    ),
    max_size=2,
    unique_by=lambda entry: str(entry["name"]),
)
REFERENCE = optional(name=st.sampled_from(["s", "a.b", "", "A_B"]))
ENV_FROM = st.lists(
    optional(prefix=st.sampled_from(["", "P_", "a b", "="]), secretRef=REFERENCE, configMapRef=REFERENCE), max_size=1
)
OBJECT_NAME = st.sampled_from(["a", "a-b", "a.b", "A", "", "a_b", "x" * 64, "-a"])
VOLUMES = st.lists(
    st.fixed_dictionaries({"name": OBJECT_NAME}, optional={"emptyDir": st.just({}), "secret": optional(secretName=OBJECT_NAME)}),
    max_size=2,
)  # fmt: skip
# Relative mount paths and the controller's own volumes are left out: an API server takes them, the container runtime or the controller does not.
MOUNTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["extra", "other"]), "mountPath": st.sampled_from(["/x", "/cache", ""])},
        optional={"readOnly": st.booleans(), "subPath": st.sampled_from(["a", "/a", "a/../b", ""])},
    ),
    max_size=2,
)  # fmt: skip
FIELDS = ("env", "envFrom", "annotations", "sharedMemorySize", "serviceAccountName", "priorityClassName", "imagePullSecrets",
          "downloader", "runtime", "volumes", "volumeMounts")  # fmt: skip
"""Parts of a backend; the others belong to a worker."""
ROLES = {
    "vLLM": ("server",),
    "SGLang": ("server",),
    "vLLMDisaggregated": ("prefill", "decode"),
    "SGLangDisaggregated": ("prefill", "decode"),
}
ONE_PART = st.one_of(
    st.tuples(st.just("annotations"), st.dictionaries(NAME, VALUE, max_size=2)),
    st.tuples(st.just("sharedMemorySize"), AMOUNT),
    st.tuples(
        st.just("serviceAccountName"),
        st.just("default") | OBJECT_NAME.filter(lambda name: name in ("", "A", "a_b", "-a")),
    ),
    st.tuples(st.just("imagePullSecrets"), st.lists(st.fixed_dictionaries({"name": OBJECT_NAME}), max_size=1)),
    st.tuples(st.sampled_from(["downloader", "runtime"]), optional(resources=RESOURCES)),
    st.tuples(st.just("volumes"), VOLUMES),
    st.tuples(st.just("volumeMounts"), MOUNTS),
    st.tuples(st.just("resources"), RESOURCES),
    st.tuples(st.just("tolerations"), TOLERATIONS),
    st.tuples(st.just("affinity"), AFFINITY),
    st.tuples(st.just("nodeSelector"), st.dictionaries(NAME, VALUE, max_size=2)),
    st.tuples(st.just("env"), ENV),
    st.tuples(st.just("envFrom"), ENV_FROM),
)


def model_with(type_: str, part: str, value: Any) -> dict[str, Any]:
    """A Model that differs from a valid one of this type in this field of its backend or of each worker."""
    of_backend = {part: value} if part in FIELDS else {}
    if part == "volumeMounts":
        of_backend["volumes"] = [{"name": "extra", "emptyDir": {}}]
    of_worker = {} if part in FIELDS else {part: value}
    workers = [a_worker(type=role, **of_worker) for role in ROLES[type_]]
    return a_model("chat", a_backend(type=type_, workers=workers, **of_backend))


def examples(count: int) -> list[dict[str, Any]]:
    """So many Models, each with one part that may be wrong."""
    found: list[dict[str, Any]] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate])
    @given(st.sampled_from(sorted(ROLES)), ONE_PART)
    def collect(type_: str, drawn: tuple[str, Any]) -> None:
        found.append(model_with(type_, *drawn))

    collect()
    return found


async def refusal(client: Client, model: dict[str, Any], namespace: str) -> str | None:
    """What the API server has against the Model's pods; None when it would take them."""
    for child in render(Model.from_object(model), RenderOptions()):
        for role in child["spec"].get("template", {}).get("roles", ()):
            template = role["entryTemplate"]
            metadata = {**template["metadata"], "name": "pod", "namespace": namespace}
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
            try:
                await client.raw("POST", POD.path(namespace), jsonio.dumps(pod), query=DRY)
            except StatusError as error:
                return str(error)
    return None


async def service_account(client: Client, namespace: str) -> None:
    """Pods need one; the controller manager may make it too."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}}
    with contextlib.suppress(AlreadyExists):
        await client.create(SERVICE_ACCOUNTS, account)


@pytest.mark.parametrize("plane", ["real"], indirect=True)
async def test_what_passes_is_admitted_and_what_is_refused_is_found(client: Client, namespace: str) -> None:
    """Models with one part each that may be wrong, against the admission of pods."""
    await service_account(client, namespace)
    assert await refusal(client, a_model(), namespace) is None
    seen: Counter[bool] = Counter()
    wrong: list[Any] = []
    for model in examples(400):
        findings = [finding for finding in validate(model) if finding.terminal]
        refused = await refusal(client, model, namespace)
        if bool(findings) != (refused is not None):
            wrong.append((model["spec"]["backends"][0], findings, refused))
        seen[refused is None] += 1
    assert wrong == []
    assert min(seen[True], seen[False]) > 40, seen


@pytest.mark.parametrize("plane", ["real"], indirect=True)
async def test_the_pods_of_every_model_that_keeps_a_rule_are_admitted(client: Client, namespace: str) -> None:
    """The Models of the table of rules, and each that breaks a rule about pods is refused."""
    await service_account(client, namespace)
    for case in CASES:
        if not any(finding.terminal for finding in validate(case.kept)) and "spec" in case.kept:
            assert await refusal(client, case.kept, namespace) is None, case.id
        if case.rule is Rule.POD:
            assert await refusal(client, case.broken, namespace) is not None, case.id
