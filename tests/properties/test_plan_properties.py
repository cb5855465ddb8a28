"""Obeying a plan leads to a state in which there is nothing left to do, from any state."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller import meta
from controller.dialects import DIALECTS, ChildKey, Dialect, Scaled
from controller.reconcilers.steps import Keep, Refuse, Wait
from tests.support.drift import fields_to_heal, with_drift
from tests.support.factories import a_backend, a_model, a_worker
from tests.support.worlds import World

POLICY = {"metrics": [{"metricName": "m", "targetValue": 8}]}
SQL = {"name": "sql", "artifactURL": "hf://acme/sql"}
BACKENDS = st.lists(
    st.builds(
        lambda name, config, weight, policy, adapters: a_backend(
            name,
            routeWeight=weight,
            maxReplicas=3,
            workers=[a_worker(config=config)],
            autoscalingPolicy=POLICY if policy else None,
            loraAdapters=[SQL] if adapters else None,
        ),
        st.sampled_from("abc"),
        st.dictionaries(st.sampled_from(["seed", "port"]), st.integers(8000, 8002), max_size=2),
        st.sampled_from([None, 1, 70]),
        st.booleans(),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda backend: backend["name"],
)
SPECS = st.builds(
    lambda backends, name, policy: {
        "backends": [backend | {"scalingCost": 1} if policy else backend for backend in backends],
        **({"name": name} if name else {}),
        **({"autoscalingPolicy": POLICY} if policy else {}),
    },
    BACKENDS,
    st.sampled_from([None, "talk"]),
    st.booleans(),
)
MISCHIEF = st.sampled_from(
    ["nothing", "delete", "edit", "labels", "owner", "foreign", "deleting", "revision", "replicas"]
)


def disturb(world: World, mischief: str, index: int) -> None:
    """Somebody else changes a child."""
    key = sorted(world.children)[index % len(world.children)]
    child = world.children[key]
    match mischief:
        case "delete":
            del world.children[key]
        case "edit":
            child["spec"].pop(next(iter(child["spec"])), None)
        case "labels":
            child["metadata"]["labels"] = {}
        case "owner":
            child["metadata"]["ownerReferences"] = []
        case "foreign":
            child["metadata"] |= {"ownerReferences": [{"kind": "X", "uid": "x", "controller": True}]}
        case "deleting":
            child["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        case "revision":
            child["metadata"]["labels"][world.dialect.keys.revision] = "other"
        case "replicas":
            if key.kind == world.dialect.workload.kind:
                child["spec"]["replicas"] = 7


BOTH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)


@BOTH
@settings(max_examples=200, deadline=None)
@given(walk=st.lists(st.tuples(SPECS, MISCHIEF, st.integers(0, 20)), min_size=1, max_size=4))
def test_obeying_a_plan_leaves_nothing_to_do(dialect: Dialect, walk: list[tuple[dict[str, Any], str, int]]) -> None:
    """After any edits of the Model and any mischief. What has to wait or is refused stays so, and nothing that could be done is left."""
    world = World(a_model("chat"), dialect)
    world.settle()
    for spec, mischief, index in walk:
        world.model = {**world.model, "spec": spec}
        world.model["metadata"]["generation"] += 1
        if world.children:
            disturb(world, mischief, index)
        planned = world.plan()
        positions = {key: number for number, key in enumerate(planned.steps)}
        for key, step in planned.steps.items():
            for need in (*step.needs, *step.after):
                assert need not in positions or isinstance(step, Wait) or positions[need] < positions[key]
        world.obey(planned)
        left = world.plan().steps.values()
        assert all(isinstance(step, Keep | Wait | Refuse) for step in left), [
            s for s in left if not isinstance(s, Keep)
        ]
        if not any(isinstance(step, Wait | Refuse) for step in planned.steps.values()):
            assert all(isinstance(step, Keep) for step in left)


@BOTH
@settings(max_examples=50, deadline=None)
@given(spec=SPECS)
def test_a_child_of_every_other_owner_is_never_touched(dialect: Dialect, spec: dict[str, Any]) -> None:
    """All names taken: nothing is written."""
    world = World({**a_model("chat"), "spec": spec}, dialect)
    for key, step in list(world.plan().steps.items()):
        obj = {"kind": key.kind, "metadata": {"name": step.name, "namespace": "default"}, "spec": {}}
        world.put(obj)
    assert {type(step) for step in world.plan().steps.values()} <= {Refuse, Wait}
    assert all(not meta.owner_references_of(child) for child in world.children.values())


@BOTH
@settings(max_examples=5, deadline=None)
@given(spec=SPECS)
def test_every_written_field_that_is_changed_by_hand_comes_back(dialect: Dialect, spec: dict[str, Any]) -> None:
    """One at a time, whatever the field: one write makes the child what it was."""
    world = World({**a_model("chat"), "spec": spec}, dialect)
    world.settle()
    for key, child in list(world.children.items()):
        scaled = any(target.workload == key.name for _, target in _scaled(world))
        for path in fields_to_heal(child, dialect, scaled=scaled):
            world.children[key] = with_drift(child, path)
            world.settle()
            assert meta.spec_of(world.children[key]) == meta.spec_of(child), path


def _scaled(world: World) -> list[tuple[ChildKey, Scaled]]:
    """What the scalers in a world scale, with their keys."""
    kinds = {key: world.dialect.kind(key.kind) for key in world.children}
    return [(key, scaled) for key, kind in kinds.items() for scaled in kind.scales(world.children[key])]
