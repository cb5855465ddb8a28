"""The runner of controller-runtime's suites reads Ginkgo's reports and compares planes."""

import json
from pathlib import Path
from typing import Any

from hack.controller_runtime_suites import Outcome, read_report, worse


def a_spec(name: str, state: str, kind: str = "It", message: str = "") -> dict[str, Any]:
    return {
        "ContainerHierarchyTexts": ["Client", "Get"],
        "LeafNodeText": name,
        "LeafNodeType": kind,
        "State": state,
        "Failure": {"Message": message},
    }


def a_report(path: Path, *specs: dict[str, Any], reasons: tuple[str, ...] = ()) -> Path:
    path.write_text(json.dumps([{"SuitePath": "x", "SpecialSuiteFailureReasons": reasons, "SpecReports": specs}]))
    return path


def test_specs_are_counted_by_their_whole_name(tmp_path: Path) -> None:
    specs = a_spec("works", "passed"), a_spec("breaks", "failed", message="no"), a_spec("waits", "pending")
    outcome = read_report(a_report(tmp_path / "report", *specs, a_spec("", "passed", "BeforeSuite")), 1.0)
    assert outcome == Outcome({"Client Get works"}, {"Client Get breaks": "no"}, 1.0)
    assert str(outcome) == "1 of 2 in 1 s"


def test_a_suite_that_times_out_did_not_end(tmp_path: Path) -> None:
    report = a_report(tmp_path / "report", a_spec("works", "passed"), reasons=("Suite Timeout Elapsed: timed out",))
    assert not read_report(report, 1.0).ended


def test_only_specs_that_pass_on_the_real_plane_count_against_the_embedded_one() -> None:
    real = Outcome(passed={"a", "b"}, failed={"c": "no"})
    assert worse(Outcome(passed={"a"}, failed={"b": "why", "c": "no"}), real) == {"b": "why"}
    assert worse(Outcome(passed={"a"}, ended=False), real) == {"b": "did not end"}
