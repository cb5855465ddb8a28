"""The controller under the rights that are shipped, where owner references are enforced: they are enough, and none is too many."""

import contextlib
import copy
import signal
import uuid
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from controller import meta
from controller.api.annotations import DIALECT
from controller.api.crds import model_crd
from controller.api.documents import load_documents
from controller.api.kinds import CONFIG_MAP, MODEL, MODEL_INFER, POD
from controller.client import Client, load_config
from controller.dialects import E4FB6663, V1, Dialect
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.fronts import BOOSTER, FRONTS, booster_crd
from controller.meta import Object, Resource, jsonio
from controller.meta.errors import Forbidden, NotFound
from tests.support.boosters import a_booster
from tests.support.factories import a_backend, a_model, conditions, eventually, make_available, unborn
from tests.support.originals import original_crds
from tests.support.processes import LEASES, running
from tests.support.shipped import NAMESPACE, NAMESPACES, RESOURCES, ROOT, SHIPPED

ACCOUNT = f"system:serviceaccount:{NAMESPACE}:model-controller"
LEASE = "lease.kthena.model-controller"
POLICY = {"metrics": [{"metricName": "kthena:num_requests_waiting", "targetValue": 8}]}
FLAGS = ("--leader-elect", "--leader-elect-namespace", NAMESPACE, "--health-probe-bind-address", "0")
Rule = dict[str, Any]

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)]


RULES = [
    pytest.param(role, index, id=f"{'-'.join(rule['resources'])}:{'-'.join(rule['verbs'])}")
    for role in SHIPPED
    if meta.name_of(role) in {"model-controller", "model-controller-own-namespace"}
    for index, rule in enumerate(role.get("rules", ()))
    if rule["resources"] != ["configmaps"]
]


@pytest.fixture(scope="module")
async def installed(real_plane: None) -> AsyncIterator[Environment]:
    """A real control plane with the kinds of both families and the shipped rights."""
    crds = [model_crd(), booster_crd(), *child_crds(E4FB6663), *child_crds(V1)]
    async with with_shipped_rights({crd["metadata"]["name"]: crd for crd in crds}.values()) as environment:
        yield environment


@contextlib.asynccontextmanager
async def with_shipped_rights(crds: Iterable[Object]) -> AsyncIterator[Environment]:
    """A real control plane with these kinds and the shipped rights, where owner references are enforced."""
    plugins = ["OwnerReferencesPermissionEnforcement"]
    async with Environment("real", crds=list(crds), admission_plugins=plugins) as environment:
        async with environment.client() as client:
            for obj in SHIPPED:
                await client.create(RESOURCES[obj["kind"]], obj)
        yield environment


@pytest.fixture
async def admin(installed: Environment) -> AsyncIterator[Client]:
    """An administrator's client."""
    async with installed.client() as client:
        yield client


@pytest.fixture
async def place(admin: Client) -> AsyncIterator[str]:
    """A namespace of the test's own, without anything of an earlier test elsewhere: no Models, no boosters and no lease."""
    name = await a_namespace(admin)
    yield name
    for front in FRONTS:
        for obj in (await admin.list(front.resource)).items:
            await admin.delete(front.resource, meta.name_of(obj), namespace=meta.namespace_of(obj))
    with contextlib.suppress(NotFound):
        await admin.delete(LEASES, LEASE, namespace=NAMESPACE)
    await admin.delete(NAMESPACES, name)


async def a_namespace(admin: Client) -> str:
    """The name of a new one."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    await admin.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.fixture
async def kubeconfig(installed: Environment) -> Path:
    """The controller's own."""
    return await installed.service_account_kubeconfig(NAMESPACE, "model-controller")


def requests_since(environment: Environment, start: int) -> list[dict[str, Any]]:
    """What the controller asked for after so many audit records."""
    return [record for record in environment.audit_records()[start:] if record["user"]["username"] == ACCOUNT]


async def test_the_shipped_rights_are_enough_and_nothing_is_refused(
    installed: Environment, admin: Client, kubeconfig: Path, place: str
) -> None:
    """Through creation, an update, a removed backend and autoscaling, with leader election."""
    start = len(installed.audit_records())
    async with running(kubeconfig, *FLAGS) as process:
        model = a_model("chat", a_backend("a", autoscalingPolicy=POLICY, maxReplicas=3), a_backend("b"))
        await admin.create(MODEL, unborn(model, place))
        await until(admin, place, Initialized=("True", "ModelCreating"))
        for name in ("chat-a", "chat-b"):
            await make_available(admin, name, place)
        await until(admin, place, Active=("True", "ModelAvailable"))
        current = await admin.get(MODEL, "chat", place)
        await admin.replace(MODEL, {**current, "spec": a_model("chat", a_backend("a"))["spec"]})

        async def settled() -> bool:
            model = await admin.get(MODEL, "chat", place)
            infers = (await admin.list(MODEL_INFER, place)).items
            seen = meta.status_of(model).get("observedGeneration") == meta.generation_of(model)
            return seen and [meta.name_of(infer) for infer in infers] == ["chat-a"]

        await eventually(settled)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    ours = requests_since(installed, start)
    assert {record["verb"] for record in ours} >= {"list", "watch", "create", "patch", "delete", "update"}
    assert refused(ours) == []


@pytest.mark.parametrize("kinds", ["small", "released"])
async def test_todays_models_and_boosters_become_active_and_nothing_is_refused(real_plane: None, kinds: str) -> None:
    """Where only today's family is installed: over small CRDs of its kinds, and over those of Kthena's release where they are at hand."""
    crds = [booster_crd(), *child_crds(V1)] if kinds == "small" else original_crds(V1)
    async with with_shipped_rights([model_crd(), *crds]) as environment, environment.client() as admin:
        place = await a_namespace(admin)
        kubeconfig = await environment.service_account_kubeconfig(NAMESPACE, "model-controller")
        async with running(kubeconfig, *FLAGS):
            spread = (
                a_backend("a", autoscalingPolicy=POLICY, maxReplicas=3, routeWeight=70),
                a_backend("b", routeWeight=30),
            )
            await admin.create(MODEL, unborn(a_model("chat", *spread), place))
            await admin.create(BOOSTER.resource, unborn(a_booster("boosted"), place))
            await until(admin, place, Initialized=("True", "ModelCreating"))
            await until(admin, place, "boosted", BOOSTER.resource, Initialized=("True", "ModelCreating"))
            for name in ("chat-a", "chat-b", "boosted-main"):
                await make_available(admin, name, place, V1.workload)
            await until(admin, place, Active=("True", "ModelAvailable"))
            await until(admin, place, "boosted", BOOSTER.resource, Active=("True", "ModelAvailable"))
            await admin.patch(MODEL, "chat", {"spec": a_model("chat", a_backend("a"))["spec"]}, namespace=place)

            async def pruned() -> bool:
                servings = (await admin.list(V1.workload, place)).items
                return {meta.name_of(serving) for serving in servings} == {"chat-a", "boosted-main"}

            await eventually(pruned)
    assert refused(requests_since(environment, 0)) == []


def refused(records: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """The verb and the path of each request that was forbidden."""
    return [(r["verb"], r["requestURI"]) for r in records if r["responseStatus"]["code"] == 403]


async def until(
    client: Client, namespace: str, name: str = "chat", resource: Resource = MODEL, **wanted: tuple[str, str]
) -> None:
    async def check() -> bool:
        seen = await conditions(client, name, namespace, resource)
        return all(seen.get(type_) == value for type_, value in wanted.items())

    await eventually(check)


@pytest.mark.parametrize(("role", "index"), RULES)
async def test_without_a_rule_the_api_server_refuses_what_it_allowed(
    installed: Environment, admin: Client, kubeconfig: Path, place: str, role: Object, index: int
) -> None:
    """Every rule is needed, for a Model in each family and for a ModelBooster."""
    rule, start = role["rules"][index], len(installed.audit_records())
    async with without(admin, role, index), running(kubeconfig, *FLAGS):
        for dialect in (E4FB6663, V1):
            await admin.create(MODEL, a_scaled_model(dialect, place))
        await admin.create(MODEL, unborn(a_model("undecided"), place))
        await admin.create(BOOSTER.resource, unborn(a_booster("boosted"), place))

        async def seen() -> bool:
            return any(is_refused_for_lack_of(rule, record) for record in requests_since(installed, start))

        await eventually(seen)


def a_scaled_model(dialect: Dialect, namespace: str) -> Object:
    """A Model with autoscaling whose children are in this dialect."""
    model = unborn(
        a_model(f"scaled-{dialect.name}", a_backend("a", autoscalingPolicy=POLICY, maxReplicas=3)), namespace
    )
    return {**model, "metadata": {**model["metadata"], "annotations": {DIALECT: dialect.name}}}


@contextlib.asynccontextmanager
async def without(admin: Client, role: Object, index: int) -> AsyncIterator[None]:
    """The role lacks one of its rules for a while."""

    async def set_rules(rules: list[Rule]) -> None:
        resource = RESOURCES[role["kind"]]
        await admin.patch(resource, meta.name_of(role), {"rules": rules}, namespace=meta.namespace_of(role) or None)

    await set_rules([rule for position, rule in enumerate(role["rules"]) if position != index])
    try:
        yield
    finally:
        await set_rules(role["rules"])


def is_refused_for_lack_of(rule: Rule, record: dict[str, Any]) -> bool:
    """Whether this answer is a 403 that names what the rule allows. The right on finalizers is asked for by admission, not by a request."""
    if record["responseStatus"]["code"] != 403:
        return False
    if rule["resources"][0].endswith("/finalizers"):
        return "blockOwnerDeletion" in record["responseStatus"].get("message", "")
    asked = record["objectRef"]
    name = "/".join(filter(None, (asked["resource"], asked.get("subresource"))))
    return (
        name in rule["resources"] and asked.get("apiGroup", "") in rule["apiGroups"] and record["verb"] in rule["verbs"]
    )


async def test_the_settings_are_the_one_config_map_that_can_be_read(kubeconfig: Path) -> None:
    """As the informer asks for it inside a cluster; no other."""
    async with await Client.connect(await load_config(str(kubeconfig))) as client:
        selected = await client.list(CONFIG_MAP, NAMESPACE, field_selector="metadata.name=model-controller-config")
        assert [meta.name_of(found) for found in selected.items] == ["model-controller-config"]
        with pytest.raises(Forbidden):
            await client.list(CONFIG_MAP, NAMESPACE)
        with pytest.raises(Forbidden):
            await client.list(CONFIG_MAP, "default", field_selector="metadata.name=model-controller-config")


async def test_the_pods_pass_the_restricted_standard(admin: Client) -> None:
    """The namespace enforces it, so a pod that asks for more is refused."""
    (deployment,) = load_documents((ROOT / "config/manager/deployment.yaml").read_bytes(), "deployment.yaml")
    template = deployment["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "controller"}, "spec": template["spec"]}
    created = await dry_run(admin, pod)
    assert created["spec"]["securityContext"]["runAsNonRoot"] is True
    greedy = copy.deepcopy(pod)
    del greedy["spec"]["containers"][0]["securityContext"]["capabilities"]
    with pytest.raises(Forbidden, match="restricted"):
        await dry_run(admin, greedy)


async def dry_run(client: Client, pod: Object) -> dict[str, Any]:
    """The pod as the API server would store it."""
    answer = await client.raw("POST", POD.path(NAMESPACE), jsonio.dumps(pod), query={"dryRun": "All"})
    created: dict[str, Any] = jsonio.loads(answer)
    return created
