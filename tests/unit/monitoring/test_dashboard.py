"""The shipped dashboard and the metrics page: current, and about metrics that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.metric_families import families, selected

ROOT = Path(__file__).resolve().parents[3]
DASHBOARD = json.loads((ROOT / "config/prometheus/dashboard.json").read_text(encoding="utf-8"))
GRAPHS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = yaml.safe_load((ROOT / "config/prometheus/prometheus-rule.yaml").read_text(encoding="utf-8"))["spec"]["groups"]
SELECTED = '{job="$job", namespace=~"$namespace", instance=~"$instance"'
PART_OF_OTHERS = {"controller_runtime_reconcile_errors_total", "leader_election_slowpath_total"}
OWN = ("model_controller_", "controller_runtime_", "workqueue_", "leader_election_")


@pytest.mark.parametrize("generator", ["generate-dashboard", "generate-metrics-reference"])
def test_what_is_generated_from_the_metrics_is_current(generator: str) -> None:
    """Run the generator again when a metric changes."""
    result = subprocess.run(
        [sys.executable, f"hack/{generator}", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: panel["title"])
def test_a_panel_shows_only_metrics_of_the_chosen_job_that_exist(panel: dict[str, Any]) -> None:
    """And says in its description what they are."""
    series = {name for family in families() for name in family.series}
    for target in panel["targets"]:
        assert selected(target["expr"])
        assert set(selected(target["expr"])) <= series
        assert all(chosen.startswith(SELECTED) for chosen in re.findall(r"\{[^{}]*\}", target["expr"]))
    assert panel["description"]


def test_one_look_at_the_top_tells_whether_all_is_well() -> None:
    """Numbers with a colour of their own, and below them the Models that need attention by name."""
    top = [panel for panel in GRAPHS if panel["gridPos"]["y"] < 14]
    assert [panel["type"] for panel in top] == ["stat"] * 6 + ["table"]
    coloured = [
        panel for panel in top if len(panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", ())) > 1
    ]
    assert {panel["title"] for panel in coloured} >= {"Failed", "Stopped serving", "Leaders"}
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {
        "datasource",
        "job",
        "namespace",
        "instance",
    }
    (alerts,) = DASHBOARD["annotations"]["list"]
    assert "ALERTS" in alerts["expr"]


def test_panels_do_not_overlap() -> None:
    """Every square of the grid belongs to one panel."""
    squares = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(squares) == len(set(squares))
    assert max(x for x, _ in squares) < 24


def test_every_family_of_the_controller_is_shown_somewhere() -> None:
    """A new metric gets a place on the dashboard."""
    shown = {name for panel in GRAPHS for target in panel["targets"] for name in selected(target["expr"])}
    missing = {f.name for f in families() if f.name.startswith(OWN) and shown.isdisjoint(f.series)}
    assert missing == PART_OF_OTHERS


@pytest.mark.parametrize("rule", [rule for group in RULES for rule in group["rules"]], ids=lambda rule: rule["alert"])
def test_an_alert_asks_only_for_metrics_that_exist(rule: dict[str, Any]) -> None:
    """``up`` is Prometheus' own."""
    series = {name for family in families() for name in family.series} | {"up"}
    assert set(selected(rule["expr"])) <= series
