"""Which children a Model has, and what their metadata say."""

import hashlib
import json
from typing import Any

import pytest

from controller.api.model import Model
from controller.render import RenderOptions, render
from controller.render.names import bounded
from tests.support.factories import a_backend, a_model
from tests.support.rendering import children, entry, only
from tests.support.rules import a_pair, costly, policy

UID = "0f6a2c1e-7c1d-4d0b-9a55-3f1f0d6b8c21"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            a_model("m", a_backend("a"), a_backend("b")),
            ["ModelServer m-a", "ModelServer m-b", "ModelInfer m-a", "ModelInfer m-b", "ModelRoute m"],
        ),
        (
            a_model("m", a_backend("a", autoscalingPolicy=policy()), a_backend("b")),
            ["ModelServer m-a", "ModelServer m-b", "ModelInfer m-a", "ModelInfer m-b",
             "AutoscalingPolicy m-a", "AutoscalingPolicyBinding m-a", "ModelRoute m"],
        ),
        (
            a_model("m", costly("a", autoscalingPolicy=policy()), autoscalingPolicy=policy()),
            ["ModelServer m-a", "ModelInfer m-a", "AutoscalingPolicy m", "AutoscalingPolicyBinding m", "ModelRoute m"],
        ),
    ],
    ids=["none", "backend level", "both levels"],
)  # fmt: skip
def test_which_children_there_are_and_their_order(model: Any, expected: list[str]) -> None:
    """Servers, infers, policies, bindings, route; a policy of the Model wins over those of its backends."""
    assert [f"{kind} {name}" for kind, name in children(model)] == expected


def test_the_metadata_of_children() -> None:
    """Five labels, of which the backend's is empty for what belongs to the whole Model, and a controlling owner."""
    model = a_model("m", a_backend("a", autoscalingPolicy=policy()), namespace="team")
    for (kind, _), child in children(model).items():
        metadata = child["metadata"]
        assert metadata["namespace"] == "team"
        labels = {key.removeprefix("registry.volcano.sh/"): value for key, value in metadata["labels"].items()}
        revision = labels.pop("revision")
        backend = "" if kind == "ModelRoute" else "a"
        expected = {
            "model-name": "m",
            "backend-name": backend,
            "managed-by": "registry.volcano.sh",
            "model-uid": UID,
        }
        assert labels == expected
        assert len(revision) == 10
        (owner,) = metadata["ownerReferences"]
        assert owner == {
            "apiVersion": "registry.volcano.sh/v1alpha1",
            "kind": "Model",
            "name": "m",
            "uid": UID,
            "controller": True,
            "blockOwnerDeletion": True,
        }


def test_the_revision_is_a_hash_of_the_spec_and_of_an_infer_of_its_template() -> None:
    """So replicas, weights and names of others do not change it."""
    for (kind, _), child in children(a_model()).items():
        hashed = child["spec"]["template"] if kind == "ModelInfer" else child["spec"]
        text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        expected = hashlib.sha256(text.encode()).hexdigest()[:10]
        assert child["metadata"]["labels"]["registry.volcano.sh/revision"] == expected


def test_clients_ask_for_spec_name_and_children_are_named_after_metadata() -> None:
    """The request name is used by the route, the default served name and the sidecar."""
    named = a_model("chat", a_backend("a"), a_backend("b"))
    named["spec"]["name"] = "assistant"
    made = children(named)
    route = made["ModelRoute", "chat"]["spec"]
    assert route["modelName"] == "assistant"
    assert route["rules"][0]["modelMatch"]["body"]["model"] == "assistant"
    assert made["ModelServer", "chat-a"]["spec"]["model"] == "assistant"
    spec = made["ModelInfer", "chat-a"]["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]
    assert spec["containers"][0]["args"][-2:] == ["--model", "assistant"]
    assert "assistant" in spec["containers"][1]["command"]


def test_entry_pods_carry_the_models_labels_but_no_revision() -> None:
    """A changed revision label alone would restart every pod; annotations on pods are never emitted."""
    for backend in (a_backend("b"), {**a_pair(), "name": "b"}):
        for role in only(a_model("m", backend), "ModelInfer")["spec"]["template"]["roles"]:
            assert role["entryTemplate"]["metadata"] == {
                "labels": {
                    "registry.volcano.sh/backend-name": "b",
                    "registry.volcano.sh/managed-by": "registry.volcano.sh",
                    "registry.volcano.sh/model-name": "m",
                    "registry.volcano.sh/model-uid": UID,
                }
            }


def test_the_operators_images_are_used() -> None:
    """For every downloader and every sidecar; without any, the defaults."""
    model = a_model("m", a_backend(loraAdapters=[{"name": "l", "artifactURL": "hf://o/l"}]))
    options = RenderOptions(downloader_image="d:1", runtime_image="r:2")
    spec = only(model, "ModelInfer", options)["spec"]["template"]["roles"][0]["entryTemplate"]["spec"]
    assert [item["image"] for item in spec["initContainers"]] == ["d:1", "d:1"]
    assert spec["containers"][0]["image"] == "r:2"
    default = entry(a_backend())
    assert default["initContainers"][0]["image"] == "kthena/downloader:latest"
    assert default["containers"][0]["image"] == "kthena/runtime:latest"


def test_names_that_would_be_too_long_keep_their_head_and_a_hash() -> None:
    """63 characters at most, and two names with the same head stay different."""
    assert bounded("b" * 55, "-weights") == "b" * 55 + "-weights"
    first, second = bounded("b" * 60 + "x", "-weights"), bounded("b" * 60 + "y", "-weights")
    digest = hashlib.sha256(("b" * 60 + "x").encode()).hexdigest()[:8]
    assert first == "b" * 46 + f"-{digest}-weights"
    assert len(first) == 63
    assert first != second


def test_render_changes_nothing_and_says_the_same_every_time() -> None:
    """The Model in a cache is read-only."""
    model = a_model("m", a_backend(env=[{"name": "A", "value": "1"}]), modelMatch={"headers": {"x": {"exact": "y"}}})
    before = json.dumps(model)
    first = render(Model.from_object(model), RenderOptions())
    second = render(Model.from_object(json.loads(before)), RenderOptions())
    assert json.dumps(model) == before
    assert json.dumps(first) == json.dumps(second)
