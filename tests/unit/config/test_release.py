"""What a release consists of: complete, the same bytes for the same commit, and readable where it is published."""

import hashlib
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
import yaml

from hack.release import Refused, check, readme

ROOT = Path(__file__).resolve().parents[3]
REPOSITORY = "https://code.example.com/team/model-controller"
IMAGE = "registry.example.com/serving/model-controller"


def built(folder: Path, **variables: str) -> Path:
    """The files of a trial release of the last commit, made in a clone."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("the sources are not a git repository")
    subprocess.run(["git", "clone", "--quiet", "--depth=1", f"file://{ROOT}", folder], check=True, capture_output=True)
    command = [sys.executable, "-m", "hack.release", "--untagged"]
    result = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "build/release"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    return built(tmp_path_factory.mktemp("release") / "clone", PATH=path, REPOSITORY=REPOSITORY, IMAGE=IMAGE)


@pytest.fixture(scope="module")
def metadata(release: Path) -> Message:
    """What the package index reads from the wheel."""
    (wheel,) = release.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        (name,) = [name for name in files.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(files.read(name))


def test_it_has_every_part_and_a_checksum_of_each(release: Path) -> None:
    """Of what is really there."""
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert set(listed) == {path.name for path in release.iterdir()} - {"SHA256SUMS"}
    kinds = [re.sub(r"-\d.*?(?=\.tgz|\.tar|-py)", "", name) for name in sorted(listed)]
    assert kinds == [
        *("install.yaml", "kthena_model_controller-py3-none-any.whl", "kthena_model_controller.tar.gz"),
        *("model-controller.tgz", "sbom.cdx.json"),
    ]
    for name, digest in listed.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_the_same_commit_gives_the_same_bytes(release: Path, tmp_path: Path) -> None:
    """In another folder, at another time."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    again = built(tmp_path / "clone", PATH=path, REPOSITORY=REPOSITORY, IMAGE=IMAGE)
    assert (again / "SHA256SUMS").read_text() == (release / "SHA256SUMS").read_text()


def test_the_page_of_the_package_has_no_link_that_leads_nowhere(metadata: Message) -> None:
    """Pictures and pages are found in the repository."""
    page = metadata.get_payload()
    assert isinstance(page, str)
    targets = re.findall(r"\]\(([^)]+)\)", page)
    assert targets
    assert all(target.startswith("https://") for target in targets)
    assert f"{REPOSITORY}/raw/" in page


def test_the_metadata_is_complete(metadata: Message) -> None:
    """For readers who find it by a search."""
    assert metadata["Name"] == "kthena-model-controller"
    assert {line.partition(",")[0] for line in metadata.get_all("Project-URL") or ()} >= {
        "Source",
        "Issues",
        "Changelog",
    }
    assert len(metadata.get_all("Classifier") or ()) > 5
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Summary"]


def test_the_image_is_that_of_the_release(release: Path) -> None:
    """In the manifest and as the chart's default."""
    assert f"image: {IMAGE}:v" in (release / "install.yaml").read_text()
    (chart,) = release.glob("*.tgz")
    with tarfile.open(chart) as files:
        values = files.extractfile("model-controller/values.yaml")
        assert values is not None
        image = yaml.safe_load(values.read())["image"]
    assert f"{image['registry']}/{image['repository']}" == IMAGE


@pytest.mark.parametrize(
    ("tags", "changelog", "said"),
    [
        (["v1.2.3"], "## 1.2.3 (2026-12-01)", ""),
        (["v1.2.2"], "## 1.2.3 (2026-12-01)", "no tag v1.2.3"),
        (["v1.2.3"], "## Unreleased", "no section"),
    ],
)
def test_tag_version_and_changelog_have_to_agree(tags: list[str], changelog: str, said: str) -> None:
    """Before anything is built."""
    if not said:
        check("1.2.3", changelog, tags)
        return
    with pytest.raises(Refused, match=said):
        check("1.2.3", changelog, tags)


def test_without_a_repository_a_link_is_its_text() -> None:
    """And a picture is left out; links that lead elsewhere stay."""
    text = "![picture](docs/a.svg) [page](docs/b.md) [other](https://example.com)"
    assert readme(text, "", "v1") == " page [other](https://example.com)"
