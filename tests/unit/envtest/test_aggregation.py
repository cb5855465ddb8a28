"""The rules of aggregated cluster roles."""

from typing import Any

from controller.envtest.embedded.aggregation import next_change

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def aggregated(*selectors: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "sum"}, "aggregationRule": {"clusterRoleSelectors": list(selectors)}}


def test_a_selector_that_cannot_be_read_selects_nothing() -> None:
    """A server without rules lets it in, and has to serve the other roles all the same."""
    part = {"metadata": {"name": "part", "labels": {"a": "b"}}, "rules": [PODS]}
    hazy = {"matchExpressions": [{"key": "a", "operator": "Near"}]}
    assert next_change([aggregated(hazy), part]) is None
    whole = aggregated(hazy, {"matchLabels": {"a": "b"}})
    assert next_change([whole, part]) == {**whole, "rules": [PODS]}
