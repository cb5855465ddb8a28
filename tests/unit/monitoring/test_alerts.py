"""The shipped alerts: complete for the one who is woken up, accepted by promtool, firing and silent as they should."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
RULE = yaml.safe_load((ROOT / "config/prometheus/prometheus-rule.yaml").read_text(encoding="utf-8"))
CASES = Path(__file__).with_name("alerts.yaml")
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for group in RULE["spec"]["groups"] for rule in group["rules"]}


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A folder with the rules as Prometheus reads them, and their cases."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed; it comes with Prometheus")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(RULE["spec"]), encoding="utf-8")
    shutil.copy(CASES, tmp_path)
    return tmp_path


@pytest.mark.parametrize("command", [["check", "rules", "rules.yaml"], ["test", "rules", CASES.name]], ids=" ".join)
def test_promtool_finds_nothing_wrong(rules: Path, command: list[str]) -> None:
    """The rules parse, and every case comes out as written."""
    result = subprocess.run(["promtool", *command], cwd=rules, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_happened_and_where_to_read_on(name: str) -> None:
    """A person on call finds a severity, two sentences and the page about it."""
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{name}.md"
    page = (ROOT / alert["annotations"]["runbook_url"]).read_text(encoding="utf-8")
    assert page.startswith(f"# {name}\n")


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent(name: str) -> None:
    """A rule that always fires, or never, does not get through."""
    cases = yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]
    fired = [expectation["exp_samples"] for case in cases for expectation in case["promql_expr_test"]]
    assert [{"labels": f'{{alertname="{name}"}}', "value": 1}] in fired
    silent = [case for case in cases if "silent" in case["name"] and name in case["name"]]
    assert silent
    assert all(expectation["exp_samples"] == [] for case in silent for expectation in case["promql_expr_test"])


def test_no_runbook_is_about_an_alert_that_does_not_exist() -> None:
    """Pages go with their alerts."""
    assert {page.stem for page in (ROOT / "docs/runbooks").glob("*.md")} - {"README"} == set(ALERTS)
