"""A real Prometheus scrapes a running controller: its alerts and its dashboard ask for what is there."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from controller.api.crds import model_crd
from controller.api.kinds import MODEL
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from controller.envtest.binaries import free_port
from hack.metric_families import selected
from tests.support.factories import a_model, eventually, unborn
from tests.support.processes import running

CONFIG = Path(__file__).resolve().parents[2] / "config/prometheus"
JOB = "model-controller-metrics"
RULES = yaml.safe_load((CONFIG / "prometheus-rule.yaml").read_text(encoding="utf-8"))["spec"]
DASHBOARD = json.loads((CONFIG / "dashboard.json").read_text(encoding="utf-8"))
EXPRESSIONS = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]] + [
    target["expr"].replace("$job", JOB).replace("$__rate_interval", "1m")
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", ())
]

pytestmark = pytest.mark.xdist_group("embedded")


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Its HTTP API."""

    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **params: str) -> Any:
        """The data of an answer. Raises AssertionError with Prometheus' own words when it is an error."""
        async with self.session.get(f"{self.url}/api/v1/{path}", params=params) as answer:
            body = await answer.json()
        assert body["status"] == "success", body["error"]
        return body["data"]

    async def value(self, expression: str) -> float | None:
        """The one value of an instant query; None when there is none yet."""
        result = (await self.get("query", query=expression))["result"]
        return float(result[0]["value"][1]) if result else None


def settings(target: str) -> Mapping[str, Any]:
    return {
        "global": {"scrape_interval": "500ms", "evaluation_interval": "500ms"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": [target], "labels": {"namespace": "n"}}]}],
    }


@contextlib.asynccontextmanager
async def scraping(folder: Path, target: str) -> AsyncIterator[Prometheus]:
    """A Prometheus with the shipped rules that scrapes this target."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(RULES), encoding="utf-8")
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(settings(target)), encoding="utf-8")
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            yield Prometheus(session, f"http://{address}")
    finally:
        process.kill()
        await process.wait()


@pytest.fixture(scope="module")
async def prometheus(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prometheus]:
    """It has scraped a leader that brought one Model to its children."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed")
    target = f"127.0.0.1:{free_port()}"
    flags = ("--leader-elect", "--metrics-bind-address", target, "--health-probe-bind-address", "0")
    async with (
        Environment("embedded", crds=[model_crd(), *child_crds(E4FB6663)]) as environment,
        environment.client() as client,
        running(environment.kubeconfig, *flags),
        scraping(tmp_path_factory.mktemp("prometheus"), target) as server,
    ):
        await client.create(MODEL, unborn(a_model(), "default"))

        async def counted() -> bool:
            with contextlib.suppress(aiohttp.ClientError):
                initialized = 'model_controller_models{condition="Initialized", status="True"}'
                return await server.value(initialized) == 1
            return False

        await eventually(counted)
        yield server


async def test_the_target_is_up(prometheus: Prometheus) -> None:
    """Nothing in the exposition makes Prometheus give up."""
    targets = (await prometheus.get("targets"))["activeTargets"]
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]


@pytest.mark.parametrize("expression", EXPRESSIONS)
async def test_an_expression_of_an_alert_or_a_panel_is_evaluated(prometheus: Prometheus, expression: str) -> None:
    """Without error, and every metric in it is one that the endpoint tells of."""
    await prometheus.get("query", query=expression)
    told = await prometheus.get("metadata")
    for series in selected(expression):
        family = next((name for name in (series, series.rpartition("_")[0]) if name in told), None)
        assert family is not None or series == "up", series


async def test_the_rules_are_evaluated_and_silent_while_all_is_well(prometheus: Prometheus) -> None:
    """None of them waits to fire on a leader that works, but for Models that do not serve yet."""

    async def evaluated() -> bool:
        rules = [rule for group in (await prometheus.get("rules"))["groups"] for rule in group["rules"]]
        return bool(rules) and all(rule["health"] == "ok" for rule in rules)

    async def silent() -> bool:
        alerts = (await prometheus.get("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts} == {"ModelsNotActive"}

    await eventually(evaluated)
    await eventually(silent)


@pytest.mark.parametrize("kind", ["ModelServer", "ModelInfer", "ModelRoute"])
async def test_writes_are_counted_by_kind_and_action(prometheus: Prometheus, kind: str) -> None:
    """One child of each kind was created, and none written again."""
    family = "model_controller_child_writes_total"
    assert await prometheus.value(f'{family}{{kind="{kind}", action="create"}}') == 1
    assert await prometheus.value(f'sum({family}{{kind="{kind}", action!="create"}})') == 0
