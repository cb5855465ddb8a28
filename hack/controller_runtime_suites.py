"""``python -m hack.controller_runtime_suites`` runs controller-runtime's own test suites against the control planes of ``controller.envtest``.

The module is fetched by its name through the Go module proxy and built in the user's cache; nothing of it comes into the repository. Each
suite gets a fresh control plane, as an existing cluster. The exit code is 1 when a spec fails on the embedded plane that passes on the real one.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from controller.envtest import Environment
from controller.envtest.environment import Plane

MODULE = "sigs.k8s.io/controller-runtime"
VERSION = "v0.25.2"
SUITES = (
    *(
        "client",
        "cache",
        "builder",
        "controller/controllerutil",
        "handler",
        "source",
        "controller",
        "cluster",
        "manager",
    ),
    *("internal/controller", "internal/recorder", "reconcile", "webhook"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one suite said: the names of its specs by how they ended. ``ended`` is false when it was stopped or broke."""

    passed: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    ended: bool = True

    def __str__(self) -> str:
        total = len(self.passed) + len(self.failed)
        end = "" if self.ended else ", did not end"
        return f"{len(self.passed)} of {total} in {self.seconds:.0f} s{end}"


def cache_folder(version: str) -> Path:
    """Where the sources and the built suites of this version lie."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "model-controller" / f"controller-runtime-{version}"


def fetch(version: str) -> Path:
    """The folder of a copy of the module's sources that can be built in. Raises CalledProcessError."""
    target = cache_folder(version) / "source"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as folder:
        command = ["go", "mod", "download", "-json", f"{MODULE}@{version}"]
        source = json.loads(subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)["Dir"]
    staging = target.with_name(f"source.{os.getpid()}")
    shutil.copytree(source, staging)
    subprocess.run(["chmod", "-R", "u+w", str(staging)], check=True)
    staging.rename(target)
    return target


def build(version: str, suite: str) -> tuple[Path, Path]:
    """The program of a suite and the folder that it has to run in. Raises CalledProcessError."""
    source = fetch(version)
    program = cache_folder(version) / f"{suite.replace('/', '-')}.test"
    if not program.exists():
        print(f"building {suite}, once", file=sys.stderr, flush=True)
        staging = program.with_suffix(f".{os.getpid()}")
        subprocess.run(["go", "test", "-mod=mod", "-c", "-o", str(staging), f"./pkg/{suite}"], cwd=source, check=True)
        staging.rename(program)
    return program, source / "pkg" / suite


async def run(plane: Plane, version: str, suite: str, limit: float, extra: Sequence[str] = ()) -> Outcome:
    """Runs one suite on a fresh control plane."""
    program, folder = build(version, suite)
    async with Environment(plane) as environment:
        report = environment.folder / "report.json"
        log = program.with_suffix(f".{plane}.log")
        settings = {
            **os.environ,
            "USE_EXISTING_CLUSTER": "true",
            "KUBECONFIG": str(environment.kubeconfig),
            "KUBEBUILDER_ASSETS": str(environment.folder),
        }
        command = [str(program), f"--ginkgo.timeout={limit:.0f}s", f"--ginkgo.json-report={report}", *extra]
        started = time.monotonic()
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, cwd=folder, env=settings, stdout=output, stderr=output
            )
            try:
                await asyncio.wait_for(process.wait(), limit + 60)
            except TimeoutError:
                process.kill()
        seconds = time.monotonic() - started
        return read_report(report, seconds) if report.exists() else Outcome(seconds=seconds, ended=False)


def read_report(path: Path, seconds: float) -> Outcome:
    """The outcome by Ginkgo's report."""
    outcome = Outcome(seconds=seconds)
    for suite in json.loads(path.read_bytes()):
        if any("timed out" in reason.lower() for reason in suite.get("SpecialSuiteFailureReasons") or ()):
            outcome = Outcome(seconds=seconds, ended=False)
        for spec in suite.get("SpecReports") or ():
            name = " ".join([*(spec.get("ContainerHierarchyTexts") or ()), spec.get("LeafNodeText", "")]).strip()
            name = name or spec["LeafNodeType"]
            if spec["State"] == "passed" and spec["LeafNodeType"] == "It":
                outcome.passed.add(name)
            elif spec["State"] not in ("passed", "skipped", "pending"):
                failure = spec.get("Failure") or {}
                outcome.failed[name] = str(failure.get("Message", spec["State"])).strip()
    return outcome


def worse(embedded: Outcome, real: Outcome) -> dict[str, str]:
    """The specs that fail on the embedded plane and pass on the real one, with their messages."""
    missing = {} if embedded.ended else dict.fromkeys(real.passed - embedded.passed, "did not end")
    return {**missing, **{name: text for name, text in embedded.failed.items() if name in real.passed}}


async def compare(
    version: str, suites: Iterable[str], planes: Sequence[Plane], limit: float, extra: Sequence[str]
) -> bool:
    """Runs the suites and prints a line for each; whether the embedded plane passes what the real one passes."""
    good = True
    for suite in suites:
        outcomes = {plane: await run(plane, version, suite, limit, extra) for plane in planes}
        print(f"{suite:28}", "   ".join(f"{plane}: {outcome}" for plane, outcome in outcomes.items()), flush=True)
        shown = worse(outcomes["embedded"], outcomes["real"]) if len(outcomes) > 1 else outcomes[planes[0]].failed
        good = good and not shown
        for name, text in sorted(shown.items()):
            print(f"  {name}\n      {text[:600]}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(prog="hack.controller_runtime_suites", description=__doc__)
    parser.add_argument("suites", nargs="*", default=SUITES, help="packages below pkg; default: all that are compared")
    parser.add_argument("--plane", choices=("embedded", "real", "both"), default="both")
    parser.add_argument("--version", default=VERSION)
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for a suite")
    parser.add_argument("--focus", default="", help="only the specs that this regular expression matches")
    given = parser.parse_args()
    planes: tuple[Plane, ...] = ("embedded", "real") if given.plane == "both" else (given.plane,)
    extra = [f"--ginkgo.focus={given.focus}"] if given.focus else []
    return 0 if asyncio.run(compare(given.version, given.suites, planes, given.limit, extra)) else 1


if __name__ == "__main__":
    sys.exit(main())
