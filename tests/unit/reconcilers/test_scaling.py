"""Who decides about replicas outside of this API."""

from typing import Any

import pytest

from controller.dialects import E4FB6663, V1
from controller.reconcilers.scaling import EXTERNAL, is_scaled_externally, only_scale_entries

SCALE = {"manager": "kubectl", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
OWN = {"manager": "model-controller", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
STATUS = {"manager": "infer", "subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}}}}
SCALABLE = next(dialect for dialect in (E4FB6663, V1) if dialect.scale is not None)


def a_workload(*managed: Any, owner: str | None = None) -> dict[str, Any]:
    annotations = {} if owner is None else {SCALABLE.keys.replicas_owner: owner}
    return {"metadata": {"name": "chat-a", "annotations": annotations, "managedFields": list(managed)}}


@pytest.mark.parametrize(
    ("workload", "expected"),
    [
        (a_workload(OWN, SCALE), True),
        (a_workload(OWN, STATUS), False),
        (a_workload(), False),
        (a_workload(owner=EXTERNAL), True),
        (a_workload(SCALE, owner="model"), False),
        (
            a_workload({"subresource": "scale"}, "no entry", {"subresource": "scale", "fieldsV1": {"f:spec": None}}),
            False,
        ),
        ({"metadata": {"managedFields": "nonsense"}}, False),
    ],
    ids=["scaled", "only status", "nobody", "annotated", "taken back", "malformed entries", "malformed list"],
)
def test_replicas_belong_to_who_wrote_them_unless_the_annotation_says_otherwise(
    workload: dict[str, Any], expected: bool
) -> None:
    assert is_scaled_externally(workload, SCALABLE) is expected


def test_a_cache_keeps_only_the_entries_that_matter() -> None:
    """And the decision is the same from the cache; the given object is not changed."""
    live = a_workload(OWN, STATUS, SCALE)
    cached = only_scale_entries(live)
    assert cached["metadata"]["managedFields"] == [SCALE]
    assert is_scaled_externally(cached, SCALABLE)
    assert live["metadata"]["managedFields"] == [OWN, STATUS, SCALE]
    assert "managedFields" not in only_scale_entries(a_workload(OWN))["metadata"]
    bare: dict[str, Any] = {"metadata": {"name": "x"}}
    assert only_scale_entries(bare) is bare
