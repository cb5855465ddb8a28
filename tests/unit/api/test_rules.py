"""Names of rules are public: each is well formed, described, found, and listed in the reference."""

import re
from pathlib import Path

from controller.api.rules import Rule
from controller.cli.inputs import Input
from controller.cli.validate import duplicates
from controller.dialects import V1
from controller.fronts import MODEL_FRONT
from controller.validation import Finding, ValidationOptions, validate
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rules import CASES, a_pair

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ValidationOptions(hostpath_prefixes=("/srv",), kubernetes=(1, 32))
BESIDE_THE_TABLE = (
    {"metadata": {"name": "chat"}, "undecodable": "nested too deeply"},
    {**a_model(), "metadata": {"name": "chat", "namespace": "A"}},
    a_model(ownr="me"),
    a_model("chat", a_backend(type="TensorRT")),
    a_model("chat", a_backend(cacheURI="hostpath:///data")),
    a_model("chat", a_backend(modelURI="oci://registry.example.com/weights:1")),
    a_model("chat", a_pair({"minReplicas": 1, "maxReplicas": 4})),
    a_model("chat", a_pair({"minReplicas": 1})),
    a_model("chat", a_backend(cacheURI="pvc://c", workers=[a_worker(pods=2, config={"seed": "x" * 131_072})])),
)
"""Models whose findings depend on options, or come in company."""


def all_findings() -> list[Finding]:
    models = [*(case.broken for case in CASES), *BESIDE_THE_TABLE]
    twice = [Input("models.yaml", a_model(), MODEL_FRONT)] * 2
    nameless = a_model("chat", a_backend(autoscalingPolicy={"metrics": [{"metricName": "", "targetValue": 1}]}))
    return [
        *(finding for model in models for finding in validate(model, HOSTS)),
        *validate(nameless, ValidationOptions(dialect=V1)),
        *(finding for *_, finding in duplicates(twice)),
    ]


def test_every_rule_has_findings_of_its_level() -> None:
    """A rule that nothing breaks is a leftover."""
    levels: dict[Rule, set[str]] = {rule: set() for rule in Rule}
    for finding in all_findings():
        levels[finding.rule].add(finding.level)
    assert {rule: ", ".join(sorted(found)) for rule, found in levels.items()} == {rule: rule.level for rule in Rule}


def test_names_are_words_and_meanings_are_sentences() -> None:
    """Names with dashes, as linters have them; no two rules share one."""
    assert len(Rule.__members__) == len(list(Rule))
    for rule in Rule:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule), rule
        assert re.fullmatch(r"[A-Z`].*\.", rule.meaning), rule
        assert rule.name == rule.upper().replace("-", "_")
