"""Stock kubectl on both control planes: everyday work with a Model."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.api.kinds import MODEL
from controller.client import Client
from controller.envtest import Environment
from controller.envtest.environment import CRD
from controller.meta.errors import NotFound
from tests.support.factories import a_backend, a_model, eventually, unborn

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on the PATH"),
]

CONDITION = {
    "type": "Active",
    "status": "True",
    "reason": "AllBackendsAvailable",
    "message": "all backends are available",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


@dataclass(frozen=True)
class Kubectl:
    """kubectl with an administrator's rights, in the test's own namespace."""

    kubeconfig: Path
    cache: Path
    namespace: str

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """A kubectl that runs."""
        options = ("--kubeconfig", str(self.kubeconfig), "--cache-dir", str(self.cache), "-n", self.namespace)
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "kubectl", *options, *arguments, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )

    async def run(self, *arguments: str, document: Any = None, code: int = 0) -> str:
        """What kubectl says, after it ended with ``code``; ``document`` is its standard input."""
        process = await self.start(*arguments)
        output, _ = await process.communicate(json.dumps(document).encode() if document is not None else b"")
        assert process.returncode == code, f"kubectl {' '.join(arguments)}: {output.decode()}"
        return output.decode()

    async def apply(self, document: Any) -> str:
        """Client-side apply."""
        return await self.run("apply", "-f", "-", document=document)


@pytest.fixture
def kubectl(environment: Environment, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl with a cache of its own."""
    return Kubectl(environment.kubeconfig, tmp_path, namespace)


@pytest.fixture
def document(namespace: str) -> dict[str, Any]:
    """A Model as a user writes it."""
    return unborn(a_model("chat"), namespace)


@pytest.fixture
async def model(kubectl: Kubectl, document: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The Model, applied."""
    await kubectl.apply(document)
    yield document
    await kubectl.run("delete", "model", "--all", "--wait=false")


async def report_active(client: Client, namespace: str) -> None:
    """The status that the controller would write."""
    await client.patch(
        MODEL, "chat", {"status": {"conditions": [CONDITION]}}, namespace=namespace, subresource="status"
    )


async def test_apply_creates_then_changes_then_rests(
    kubectl: Kubectl, client: Client, namespace: str, document: dict[str, Any]
) -> None:
    assert "created" in await kubectl.apply(document)
    document["spec"]["backends"] = [a_backend(minReplicas=2, maxReplicas=2)]
    assert "configured" in await kubectl.apply(document)
    stored = await client.get(MODEL, "chat", namespace)
    await kubectl.apply(document)
    assert await client.get(MODEL, "chat", namespace) == stored
    assert stored["spec"]["backends"][0]["maxReplicas"] == 2
    assert stored["metadata"]["generation"] == 2


async def test_apply_refuses_what_the_schema_does_not_know(kubectl: Kubectl, document: dict[str, Any]) -> None:
    document["spec"]["backend"] = []
    refused = await kubectl.run("apply", "-f", "-", document=document, code=1)
    assert 'unknown field "spec.backend"' in refused


async def test_apply_of_a_kind_that_does_not_exist(kubectl: Kubectl, model: dict[str, Any]) -> None:
    """kubectl then looks into the v2 document, which it reads as protobuf only, and says that there is no such kind."""
    answer = await kubectl.run("apply", "-f", "-", document={**model, "kind": "Modell"}, code=1)
    assert 'no matches for kind "Modell" in version "registry.volcano.sh/v1alpha1"' in answer


async def test_apply_of_a_built_in_kind(kubectl: Kubectl, namespace: str) -> None:
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"a": "1", "b": "2"}}
    await kubectl.apply(settings)
    assert "unchanged" in await kubectl.apply(settings)
    assert "configured" in await kubectl.apply({**settings, "data": {"b": "3"}})
    assert json.loads(await kubectl.run("get", "cm", "settings", "-o", "jsonpath={.data}")) == {"b": "3"}


@pytest.mark.usefixtures("model")
async def test_get_shows_the_columns_of_the_crd(kubectl: Kubectl, client: Client, namespace: str) -> None:
    await report_active(client, namespace)
    header, row = (await kubectl.run("get", "models")).splitlines()
    assert header.split()[0] == "NAME"
    assert header.split()[-1] == "AGE"
    assert row.split()[0] == "chat"
    assert "True" in row.split()
    assert row.split()[-1].endswith("s")
    wide = (await kubectl.run("get", "models", "-o", "wide")).splitlines()[0]
    assert set(header.split()) <= set(wide.split())


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize("arguments", [("model", "chat"), ("models.registry.volcano.sh",), ("models", "-A")])
async def test_get_by_every_name(kubectl: Kubectl, arguments: tuple[str, ...]) -> None:
    assert "chat" in await kubectl.run("get", *arguments, "--no-headers")


@pytest.mark.usefixtures("model")
async def test_get_by_short_name_and_category(kubectl: Kubectl, client: Client) -> None:
    names = (await client.get(CRD, "models.registry.volcano.sh"))["spec"]["names"]
    for name in (*names["shortNames"], *names["categories"]):
        assert "chat" in await kubectl.run("get", name)


async def test_get_as_yaml_can_be_applied_again(kubectl: Kubectl, model: dict[str, Any]) -> None:
    shown = json.loads(await kubectl.run("get", "model", "chat", "-o", "json"))
    assert shown["spec"]["backends"][0]["name"] == model["spec"]["backends"][0]["name"]
    assert "modelURI: hf://org/repo" in await kubectl.run("get", "model", "chat", "-o", "yaml")
    await kubectl.apply(shown)
    assert json.loads(await kubectl.run("get", "model", "chat", "-o", "json"))["spec"] == shown["spec"]


@pytest.mark.usefixtures("model")
async def test_get_follows_changes(kubectl: Kubectl) -> None:
    process = await kubectl.start("get", "models", "--watch", "--output-watch-events")
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert b"EVENT" in await process.stdout.readline()
            assert b"ADDED" in await process.stdout.readline()
            await kubectl.run("label", "model", "chat", "team=search")
            assert b"MODIFIED" in await process.stdout.readline()
            await kubectl.run("delete", "model", "chat")
            assert b"DELETED" in await process.stdout.readline()
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.usefixtures("model")
async def test_get_by_selectors(kubectl: Kubectl) -> None:
    await kubectl.run("label", "model", "chat", "team=search")
    assert "chat" in await kubectl.run("get", "models", "-l", "team in (search)", "--no-headers")
    assert "No resources found" in await kubectl.run("get", "models", "-l", "team!=search")
    assert "chat" in await kubectl.run("get", "models", "--field-selector", "metadata.name=chat", "--no-headers")


@pytest.mark.usefixtures("model")
async def test_describe_tells_conditions_and_events(kubectl: Kubectl, client: Client, namespace: str) -> None:
    await report_active(client, namespace)
    stored = await client.get(MODEL, "chat", namespace)
    regarding = {
        "apiVersion": stored["apiVersion"],
        "kind": stored["kind"],
        "namespace": namespace,
        "name": "chat",
        "uid": stored["metadata"]["uid"],
    }
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "chat.1", "namespace": namespace},
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "example.com/controller",
        "reportingInstance": "controller-0",
        "action": "Create",
        "reason": "BackendCreated",
        "type": "Normal",
        "note": "the backend has been created",
        "regarding": regarding,
    }
    await kubectl.run("create", "-f", "-", document=event)
    described = await kubectl.run("describe", "model", "chat")
    assert "AllBackendsAvailable" in described
    assert "the backend has been created" in described
    assert "the backend has been created" in await kubectl.run("get", "events")


@pytest.mark.usefixtures("model")
@pytest.mark.parametrize(
    ("type_", "patch"),
    [
        ("merge", {"metadata": {"labels": {"team": "search"}}}),
        ("json", [{"op": "add", "path": "/metadata/labels", "value": {"team": "search"}}]),
    ],
)
async def test_patch(kubectl: Kubectl, type_: str, patch: Any) -> None:
    arguments = ("patch", "model", "chat", f"--type={type_}", "-p", json.dumps(patch))
    assert "patched" in await kubectl.run(*arguments)
    assert "no change" in await kubectl.run(*arguments) or type_ == "json"
    assert await kubectl.run("get", "model", "chat", "-o", "jsonpath={.metadata.labels.team}") == "search"


@pytest.mark.usefixtures("model")
async def test_label_and_annotate(kubectl: Kubectl, client: Client, namespace: str) -> None:
    assert "labeled" in await kubectl.run("label", "model", "chat", "team=search")
    assert "annotated" in await kubectl.run("annotate", "model", "chat", "example.com/note=yes")
    assert "unlabeled" in await kubectl.run("label", "model", "chat", "team-")
    metadata = (await client.get(MODEL, "chat", namespace))["metadata"]
    assert "team" not in metadata.get("labels", {})
    assert metadata["annotations"]["example.com/note"] == "yes"
    assert metadata["generation"] == 1


@pytest.mark.usefixtures("model")
async def test_wait_for_a_condition(kubectl: Kubectl, client: Client, namespace: str) -> None:
    process = await kubectl.start("wait", "model/chat", "--for=condition=Active", "--timeout=20s")
    await report_active(client, namespace)
    output, _ = await process.communicate()
    assert process.returncode == 0
    assert b"condition met" in output


@pytest.mark.usefixtures("model")
async def test_wait_for_a_deletion(kubectl: Kubectl, client: Client, namespace: str) -> None:
    await client.patch(MODEL, "chat", {"metadata": {"finalizers": ["example.com/hold"]}}, namespace=namespace)
    process = await kubectl.start("wait", "model/chat", "--for=delete", "--timeout=20s")
    assert "deleted" in await kubectl.run("delete", "model", "chat", "--wait=false")
    await client.patch(MODEL, "chat", {"metadata": {"finalizers": None}}, namespace=namespace)
    output, _ = await process.communicate()
    assert process.returncode == 0, output


@pytest.mark.usefixtures("model")
async def test_delete_waits_until_the_model_is_gone(kubectl: Kubectl, client: Client, namespace: str) -> None:
    assert "deleted" in await kubectl.run("delete", "model", "chat")
    with pytest.raises(NotFound):
        await client.get(MODEL, "chat", namespace)
    assert "NotFound" in await kubectl.run("get", "model", "chat", code=1)


async def test_api_resources_and_explain(kubectl: Kubectl) -> None:
    listed = await kubectl.run("api-resources", "--api-group=registry.volcano.sh")
    assert "models" in listed
    assert "autoscalingpolicies" in listed
    explained = await kubectl.run("explain", "model.spec.backends.maxReplicas")
    assert "maxReplicas <integer>" in explained


async def test_create_by_arguments(kubectl: Kubectl, namespace: str) -> None:
    await kubectl.run("create", "configmap", "settings", "--from-literal=a=b")
    assert await kubectl.run("get", "configmap", "settings", "-o", "jsonpath={.data.a}") == "b"
    await kubectl.run("create", "secret", "generic", "token", "--from-literal=a=b")
    assert await kubectl.run("get", "secret", "token", "-o", "jsonpath={.data.a}") == "Yg=="
    other = f"{namespace}-other"
    await kubectl.run("create", "namespace", other)
    await kubectl.run("delete", "namespace", other, "--wait=false")

    async def is_gone() -> bool:
        return not (await kubectl.run("get", "namespace", other, "--ignore-not-found"))

    assert await eventually(is_gone)


async def test_dry_run_and_diff_change_nothing(kubectl: Kubectl, model: dict[str, Any]) -> None:
    changed = {**model, "spec": {"backends": [a_backend(minReplicas=3, maxReplicas=3)]}}
    assert "server dry run" in await kubectl.run("apply", "--dry-run=server", "-f", "-", document=changed)
    assert "maxReplicas: 3" in await kubectl.run("diff", "-f", "-", document=changed, code=1)
    shown = await kubectl.run(
        "get", "model", "chat", "-o", "jsonpath={.metadata.generation} {.spec.backends[0].maxReplicas}"
    )
    assert shown == "1 1"


async def test_replace_refuses_a_stale_version(kubectl: Kubectl, model: dict[str, Any]) -> None:
    stale = json.loads(await kubectl.run("get", "model", "chat", "-o", "json"))
    await kubectl.run("label", "model", "chat", "team=search")
    stale["spec"]["backends"] = [a_backend(minReplicas=4, maxReplicas=4)]
    assert "Conflict" in await kubectl.run("replace", "-f", "-", document=stale, code=1)
    assert "replaced" in await kubectl.run("replace", "-f", "-", document={**model, "spec": stale["spec"]})
