"""``python -m hack.release`` makes everything that a release consists of in build/release: wheel, source distribution, chart, install.yaml, bill of
materials and checksums.

It builds from the commit, not from the working tree, and the same commit gives the same bytes. The commit must have the tag ``vVERSION`` and a
section of the changelog; ``--untagged`` builds a trial without them. Two variables say what the repository does not know:

REPOSITORY  where it is published, such as https://HOST/OWNER/NAME: for the links of the package's page. Without it they are left out.
IMAGE       the image's name without a tag, such as REGISTRY/model-controller: for install.yaml and the chart's default.
"""

import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hack.sbom import sbom

TARGET = Path("build/release")
CHART = "charts/model-controller"
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)]+)\)")
HEADING = "## {version} "


class Refused(SystemExit):
    """The commit is not a release."""


def git(*arguments: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def check(version: str, changelog: str, tags: Iterable[str]) -> None:
    """Raises Refused unless tag, version and changelog agree."""
    if f"v{version}" not in tags:
        raise Refused(
            f"release: the commit has no tag v{version}, the version in pyproject.toml (--untagged builds a trial)"
        )
    if not any(line.startswith(HEADING.format(version=version)) for line in changelog.splitlines()):
        raise Refused(f"release: CHANGELOG.md has no section '{HEADING.format(version=version)}(DATE)'")


def readme(text: str, repository: str, tag: str) -> str:
    """The page for the package index: links into the repository are absolute, or only their text where it is not known."""

    def link(found: re.Match[str]) -> str:
        picture, shown, target = found.groups()
        if not repository:
            return "" if picture else shown
        return f"{picture}[{shown}]({repository}/{'raw' if picture else 'blob'}/{tag}/{target})"

    return LINK.sub(link, text)


def urls(repository: str, tag: str) -> str:
    """The table of links for the package's metadata."""
    pages = {
        "Homepage": "",
        "Documentation": f"/blob/{tag}/docs/index.md",
        "Source": "",
        "Issues": "/issues",
        "Changelog": f"/blob/{tag}/CHANGELOG.md",
    }
    return "\n[project.urls]\n" + "".join(f"{name} = {json.dumps(repository + page)}\n" for name, page in pages.items())


def stage(folder: Path, repository: str, tag: str) -> None:
    """The commit's files, prepared for the package index."""
    archive = subprocess.run(["git", "archive", "--format=tar", "HEAD"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11 has it from 3.11.4 on
        files.extractall(folder, **safely)
    page, project = folder / "README.md", folder / "pyproject.toml"
    page.write_text(readme(page.read_text(encoding="utf-8"), repository, tag), encoding="utf-8")
    if repository:
        project.write_text(project.read_text(encoding="utf-8") + urls(repository, tag), encoding="utf-8")


def distributions(source: Path, target: Path, epoch: int) -> None:
    """Wheel and source distribution."""
    code = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_sdist(to); b.build_wheel(to)"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch)}
    subprocess.run(
        [sys.executable, "-c", code, str(target.resolve())],
        cwd=source,
        env=environment,
        capture_output=True,
        check=True,
    )
    for path in target.glob("*.tar.gz"):
        with tarfile.open(path) as given:
            members = [(m.name, given.extractfile(m).read(), m.mode) for m in given if m.isfile()]  # type: ignore[union-attr]
        pack(path, sorted(members), epoch)


def pack(path: Path, members: Iterable[tuple[str, bytes, int]], epoch: int) -> None:
    """A compressed archive of names, contents and modes that depends on nothing else."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content, mode in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode, entry.mtime = len(content), mode & 0o755, epoch
            archive.addfile(entry, io.BytesIO(content))
    path.write_bytes(gzip.compress(raw.getvalue(), mtime=epoch))


def chart_files(source: Path, image: str) -> Iterator[tuple[str, bytes, int]]:
    """The chart's files as ``helm package`` would place them, with the image as their default."""
    folder = source / CHART
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        if image and path.name == "values.yaml":
            registry, _, repository = image.rpartition("/")
            text = content.decode().replace('  registry: ""', f'  registry: "{registry}"', 1)
            content = text.replace("  repository: model-controller", f"  repository: {repository}", 1).encode()
        yield f"model-controller/{path.relative_to(folder)}", content, 0o644


def manifest(source: Path, image: str) -> str:
    """install.yaml with the image."""
    text = (source / "dist/install.yaml").read_text(encoding="utf-8")
    return text.replace("image: model-controller:", f"image: {image}:") if image else text


def checksums(folder: Path) -> str:
    """A line for each file, as sha256sum writes and checks them."""
    files = sorted(path for path in folder.iterdir() if path.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def main(arguments: list[str]) -> int:
    repository, image = (os.environ.get(name, "").rstrip("/") for name in ("REPOSITORY", "IMAGE"))
    epoch = int(git("log", "-1", "--format=%ct"))
    TARGET.mkdir(parents=True, exist_ok=True)
    for old in TARGET.iterdir():
        old.unlink()
    with tempfile.TemporaryDirectory(prefix="release-") as name:
        source = Path(name)
        project: dict[str, Any] = tomllib.loads(git("show", "HEAD:pyproject.toml"))["project"]
        version = project["version"]
        if "--untagged" not in arguments:
            check(version, git("show", "HEAD:CHANGELOG.md"), git("tag", "--points-at", "HEAD").split())
        stage(source, repository, f"v{version}")
        distributions(source, TARGET, epoch)
        pack(TARGET / f"model-controller-{version}.tgz", chart_files(source, image), epoch)
        (TARGET / "install.yaml").write_text(manifest(source, image), encoding="utf-8")
        lock = (source / "requirements/base.txt").read_text(encoding="utf-8")
        (TARGET / "sbom.cdx.json").write_text(json.dumps(sbom(lock, project), indent=2) + "\n", encoding="utf-8")
    (TARGET / "SHA256SUMS").write_text(checksums(TARGET), encoding="utf-8")
    if not repository:
        print("REPOSITORY is not set: the package's page has no links", file=sys.stderr)
    print("\n".join(f"{TARGET / path.name}" for path in sorted(TARGET.iterdir())))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
