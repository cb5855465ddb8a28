"""Whose a live object of a wanted name is."""

import ast
from typing import Any

import pytest

from controller.api.model import Model
from controller.dialects import E4FB6663
from controller.reconcilers.ownership import Ownership, ownership
from tests.support.factories import a_model

A_MODEL = {"apiVersion": "registry.volcano.sh/v1alpha1", "kind": "Model", "name": "chat"}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"ownerReferences": [{"kind": "Model", "name": "chat", "uid": "{uid}", "controller": True}]}, Ownership.OURS),
        ({"ownerReferences": [A_MODEL | {"uid": "old", "controller": True}]}, Ownership.LEFTOVER),
        ({"ownerReferences": [A_MODEL | {"uid": "old"}]}, Ownership.LEFTOVER),
        ({"ownerReferences": [A_MODEL | {"uid": "old", "name": "other", "controller": True}]}, Ownership.FOREIGN),
        ({"ownerReferences": [A_MODEL | {"uid": "old", "apiVersion": "their.io/v1"}]}, Ownership.FOREIGN),
        (
            {"ownerReferences": [A_MODEL | {"uid": "{uid}"}, {"kind": "Job", "uid": "theirs", "controller": True}]},
            Ownership.FOREIGN,
        ),
        ({"ownerReferences": [{"kind": "Model", "name": "chat", "uid": "{uid}"}]}, Ownership.ADOPTABLE),
        ({"labels": {"registry.volcano.sh/model-uid": "{uid}"}}, Ownership.ADOPTABLE),
        (
            {
                "labels": {
                    "registry.volcano.sh/managed-by": "registry.volcano.sh",
                    "registry.volcano.sh/model-name": "chat",
                }
            },
            Ownership.ADOPTABLE,
        ),
        ({}, Ownership.FOREIGN),
    ],
)
def test_whose_an_object_is(metadata: dict[str, Any], expected: Ownership) -> None:
    """By uid, never by name alone."""
    model = a_model()
    text = repr(metadata).replace("{uid}", model["metadata"]["uid"])
    assert ownership({"metadata": ast.literal_eval(text)}, Model.from_object(model), E4FB6663) is expected
