"""Every command of README and docs does what its page says, block after block, with stock kubectl.

A block whose first line is ``# needs: SOMETHING`` cannot be run everywhere, nor can one about the namespace of an installation. What neither
control plane can do is skipped, with what is needed as the reason.
"""

import re
import shutil
import textwrap
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.api.crds import model_crd
from controller.api.documents import dump_documents, load_documents
from controller.api.kinds import MODEL
from controller.client import Client
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.meta import Object, Resource, is_condition_true, jsonio, name_of
from controller.meta.errors import NotFound
from tests.support.factories import eventually
from tests.support.planes import PLANES
from tests.support.processes import running
from tests.support.rights import NAMESPACES
from tests.support.shells import ROOT, Shell, shell

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^ *```(yaml|sh)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^# needs: (.*)\n")
CLUSTER = "a cluster"
INSTALLED = "an installed controller"
INSTALL = "kubectl kustomize config/standalone | kubectl apply --server-side -f -"
INSTALLATION = "model-controller-system"
ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
SECRETS = ("HF_TOKEN", "ACCESS_KEY", "SECRET_KEY", "REGISTRY_USER", "REGISTRY_PASSWORD")

pytestmark = [
    pytest.mark.kubectl,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not on the PATH"),
]


@dataclass(frozen=True)
class Page:
    """The Models and the commands of a page; a page without Models is about the first sample."""

    path: Path

    def _blocks(self, language: str) -> list[str]:
        found = BLOCK.findall(self.path.read_text(encoding="utf-8"))
        return [textwrap.dedent(text) for is_, text in found if is_ == language]

    @property
    def commands(self) -> list[str]:
        """The blocks of commands."""
        return self._blocks("sh")

    @property
    def models(self) -> list[Object]:
        """What its reader would have applied."""
        texts = [text for text in self._blocks("yaml") if "kind: Model\n" in text]
        texts = texts or [(ROOT / "config/samples/01-tiny.yaml").read_text(encoding="utf-8")]
        return [model for text in texts for model in load_documents(text, self.path.name)]


def pages() -> Iterator[Any]:
    for path in PAGES:
        if Page(path).commands:
            yield pytest.param(Page(path), id=str(path.relative_to(ROOT)))


def lacking(block: str, plane: str) -> str:
    """What this control plane lacks for these commands; empty when they can be run."""
    marked = NEEDS.match(block)
    needed = marked.group(1) if marked else INSTALLED if INSTALLATION in block else ""
    return "" if plane == "real" and needed in (CLUSTER, INSTALLED) else needed


@pytest.fixture(scope="module", params=PLANES)
async def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Environment]:
    """A control plane where a controller works; on the real one everything else is installed too, as by a user."""
    if request.param == "real":
        request.getfixturevalue("real_plane")
    async with Environment(request.param, crds=[model_crd(), *child_crds(E4FB6663)]) as environment:
        arguments = ["--health-probe-bind-address", "0"]
        if request.param == "real":
            async with shell(environment.kubeconfig, tmp_path_factory.mktemp("installation")) as bash:
                await bash.run(INSTALL)
            arguments += ["--leader-elect", "--leader-elect-namespace", INSTALLATION]
        async with running(environment.kubeconfig, *arguments):
            yield environment


@pytest.fixture
async def client(cluster: Environment) -> AsyncIterator[Client]:
    """An administrator's client."""
    async with cluster.client() as connected:
        yield connected


@pytest.fixture
async def namespace(cluster: Environment, client: Client) -> AsyncIterator[str]:
    """A namespace of the page's own; the real control plane puts a service account into it."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    await client.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})

    async def account() -> Object | None:
        try:
            return await client.get(ACCOUNTS, "default", name)
        except NotFound:
            return None

    if cluster.plane == "real":
        await eventually(account)
    yield name
    await client.delete(NAMESPACES, name)


@pytest.fixture
async def bash(cluster: Environment, namespace: str, tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell whose kubectl is in that namespace; what a page before removed is installed again."""
    config = jsonio.loads(cluster.kubeconfig.read_bytes())
    config["contexts"][0]["context"]["namespace"] = namespace
    (tmp_path / "kubeconfig").write_bytes(jsonio.dumps(config))
    (tmp_path / "top").mkdir()
    async with shell(tmp_path / "kubeconfig", tmp_path / "top", **dict.fromkeys(SECRETS, "x")) as started:
        if cluster.plane == "real":
            await started.run(f"kubectl -n {INSTALLATION} get deployment model-controller || {INSTALL}")
        yield started


@pytest.mark.parametrize("page", list(pages()))
async def test_the_commands_of_a_page_work(
    page: Page,
    cluster: Environment,
    client: Client,
    namespace: str,
    bash: Shell,
    tmp_path: Path,
    subtests: pytest.Subtests,
) -> None:
    """Once its Models are there and have their children."""
    (tmp_path / "models.yaml").write_text(dump_documents(page.models), encoding="utf-8")
    await bash.run(f"kubectl apply -f {tmp_path}/models.yaml")

    async def initialized() -> bool:
        seen = [await client.get(MODEL, name_of(model), namespace) for model in page.models]
        return all(is_condition_true(model, "Initialized") for model in seen)

    await eventually(initialized)
    for block in page.commands:
        if bash.ended:
            break
        with subtests.test(msg=block.partition("\n")[0]):
            if reason := lacking(block, cluster.plane):
                pytest.skip(f"needs {reason}")
            await bash.run(re.sub(r"\bMODEL\b", name_of(page.models[0]), block))
