"""The CRDs at an API server: what they refuse is what ``validate`` says, they never lock out what is stored, and every child fits Kthena's own."""

import asyncio
import copy
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller import meta
from controller.api.crds import model_crd
from controller.api.documents import load_documents
from controller.api.kinds import MODEL
from controller.api.model import Model
from controller.api.rules import Rule
from controller.api.samples import sample_paths
from controller.client import Client
from controller.dialects import DIALECTS, Dialect
from controller.envtest import Environment, real_assets
from controller.envtest.environment import install_crds
from controller.meta import jsonio
from controller.meta.errors import BadRequest, Invalid
from controller.reconcilers.diff import diff
from controller.render import RenderOptions, render
from controller.validation import ValidationOptions, validate
from tests.support.factories import a_model, unborn
from tests.support.originals import original_crds
from tests.support.rules import CASES, A, C, Case, a_pair, policy

ROOT = Path(__file__).parents[2]
STRICTLY = {"dryRun": "All", "fieldValidation": "Strict"}
STRUCTURAL = (Rule.SCHEMA, Rule.TYPE)
REAL = [pytest.mark.real, pytest.mark.xdist_group("real"), pytest.mark.timeout(300)]


async def refusal(client: Client, model: dict[str, Any], namespace: str) -> str | None:
    """What the API server has against this Model; None when it would take it."""
    sent, given = unborn(model, namespace), model["metadata"]
    sent["metadata"] |= {field: given[field] for field in ("labels", "annotations") if field in given}
    try:
        await client.raw("POST", MODEL.path(namespace), jsonio.dumps(sent), query=STRICTLY)
    except (Invalid, BadRequest) as error:
        return str(error)
    return None


def can_be_sent(case: Case) -> bool:
    """Half a surrogate pair is no UTF-8: such a Model can lie in a file and reaches no API server."""
    try:
        jsonio.dumps(case.broken)
    except ValueError:
        return False
    return True


async def test_admission_refuses_what_the_rules_say_and_nothing_else(client: Client, namespace: str) -> None:
    """Every Model of the table, the broken and the kept ones; what admission refuses is an error offline too."""
    surprises = {}
    for case in filter(can_be_sent, CASES):
        answer = await refusal(client, case.broken, namespace)
        if (answer is not None) != (A in case.acts):
            surprises[f"broken {case.id}"] = answer
        if (kept := await refusal(client, case.kept, namespace)) is not None:
            surprises[f"kept {case.id}"] = kept
    assert surprises == {}


async def test_kubectl_explains_every_backend_field(environment: Environment) -> None:
    """With the description from the types, and not a single field without one."""
    assets = real_assets()
    if assets is None:
        pytest.skip("no kubectl: install Go or set KUBEBUILDER_ASSETS")
    command = [str(assets / "kubectl"), f"--kubeconfig={environment.kubeconfig}", "explain", "model.spec.backends"]
    told = (await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)).stdout
    assert "A set of engines that serve the model in one way." in told
    assert "Volume that holds downloaded weights: hostpath://PATH or pvc://CLAIM" in told
    assert "<no description>" not in told


def permissive() -> dict[str, Any]:
    """A Model CRD that takes everything, as others may have installed one."""
    crd = model_crd()
    (version,) = crd["spec"]["versions"]
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version["schema"] = {"openAPIV3Schema": {**anything, "properties": {"spec": anything, "status": anything}}}
    return crd


@pytest.fixture(scope="module")
async def own_plane(real_plane: None) -> AsyncIterator[Environment]:
    """A real control plane whose CRDs these tests may exchange."""
    async with Environment("real", crds=[permissive()]) as environment:
        yield environment


def admitted_models(dialect: Dialect) -> Iterator[dict[str, Any]]:
    """The samples, the Models of the golden files, all of the table that children can be made of, and what only some dialects can say."""
    if dialect.scales_roles:
        bounds = {"minReplicas": 1, "maxReplicas": 4}
        yield a_model("roles", a_pair(bounds, bounds, autoscalingPolicy=policy()))
    for file in (*sample_paths(), *sorted((ROOT / "tests" / "golden").glob("*/model.yaml"))):
        yield from load_documents(file.read_bytes(), str(file))
    for case in CASES:
        yield case.kept
        if C not in case.acts:
            yield case.broken


class TestOnAPlaneOfTheirOwn:
    """Installs other CRDs than the rest of the suite."""

    pytestmark = REAL

    async def test_models_that_break_every_rule_still_take_status_labels_and_finalizers(
        self, own_plane: Environment
    ) -> None:
        """Our CRD over what was stored before it: the controller can still tell what is wrong, and anybody can delete.

        Left out are Models that no version of the CRD would ever have taken.
        """
        stored = [case for case in CASES if A in case.acts and not (case.rule in STRUCTURAL and C in case.acts)]
        locked_out = {}
        async with own_plane.client() as client:
            names = {}
            for number, case in enumerate(stored):
                name = f"{meta.name_of(case.broken)}-{number}"
                model = {**unborn(case.broken, "default"), "metadata": {"name": name, "namespace": "default"}}
                await client.create(MODEL, model)
                names[name] = case
            await install_crds(client, [model_crd()])
            for name, case in names.items():
                try:
                    await touch_everything(client, name)
                except Invalid as error:
                    locked_out[case.id] = str(error)
        assert locked_out == {}

    @pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
    async def test_every_child_is_taken_by_the_original_crds_and_stored_as_sent(
        self, own_plane: Environment, dialect: Dialect
    ) -> None:
        """Under strict field validation: nothing unknown, nothing refused or pruned, and nothing for a pass to write again.

        Defaults are filled in only in settings that belong to others, such as ``maxSurge`` and a role's ``maxUnavailable``.
        """
        crds = [crd for crd in original_crds(dialect) if crd["spec"]["names"]["kind"] != MODEL.kind]
        changed = {}
        async with own_plane.client() as client:
            await install_crds(client, crds)
            for number, document in enumerate(admitted_models(dialect)):
                named = {
                    **document,
                    "metadata": {**document["metadata"], "namespace": "default", "uid": f"uid-{number}"},
                }
                assert not any(finding.terminal for finding in validate(named, ValidationOptions(dialect=dialect)))
                for child in render(Model.from_object(named), RenderOptions.of(dialect)):
                    stored = await dry_run(client, child, dialect)
                    if without_settings_of_others(stored["spec"]) != without_settings_of_others(child["spec"]):
                        changed[meta.name_of(child), child["kind"]] = stored["spec"]
                    if diff(child, stored, dialect) is not None:
                        changed[meta.name_of(child), child["kind"]] = diff(child, stored, dialect)
        assert changed == {}


def without_settings_of_others(spec: dict[str, Any]) -> dict[str, Any]:
    """A child's spec without the rolling settings that this controller leaves to others."""
    spec = copy.deepcopy(spec)
    spec.get("rolloutStrategy", {}).get("rollingUpdateConfiguration", {}).pop("maxSurge", None)
    for role in spec.get("template", {}).get("roles", ()):
        role.pop("maxUnavailable", None)
    return spec


async def touch_everything(client: Client, name: str) -> None:
    """What the controller, its users and the garbage collector write without touching the spec."""
    where = {"namespace": "default"}
    failed = {
        "type": "Failed",
        "status": "True",
        "reason": "InvalidSpec",
        "message": "broken",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    await client.patch(MODEL, name, {"status": {"conditions": [failed]}}, subresource="status", **where)
    await client.patch(MODEL, name, {"metadata": {"labels": {"seen": "yes"}}}, **where)
    await client.patch(MODEL, name, {"metadata": {"finalizers": ["example.com/hold"]}}, **where)
    await client.patch(MODEL, name, {"metadata": {"finalizers": []}}, **where)
    stored = await client.get(MODEL, name, **where)
    assert meta.status_of(stored)["conditions"] == [failed]
    assert meta.labels_of(stored) == {"seen": "yes"}
    assert "finalizers" not in stored["metadata"]


async def dry_run(client: Client, child: dict[str, Any], dialect: Dialect) -> dict[str, Any]:
    """The child as the API server would store it."""
    (resource,) = (known for known in dialect.children if known.kind == child["kind"])
    path = resource.path(meta.namespace_of(child))
    stored: dict[str, Any] = jsonio.loads(await client.raw("POST", path, jsonio.dumps(child), query=STRICTLY))
    return stored
