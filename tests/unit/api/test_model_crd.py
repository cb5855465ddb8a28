"""The Model's CRD: what kubectl shows of it, and that it knows every field of Kthena's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from controller.api.crds import model_crd, model_schema
from controller.api.crds.model import type_schema
from controller.api.model import Backend, LoraAdapter, ModelSpec, Worker
from controller.dialects import E4FB6663
from controller.dialects.crds import child_crds
from controller.meta import schema

ROOT = Path(__file__).parents[3]
ORIGINALS = Path(os.environ.get("MODEL_CONTROLLER_KTHENA_CRDS", ROOT.parent / "shared" / "kthena-crds"))
Json = dict[str, Any]


def fields(part: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every field of a schema by its path; ``[]`` stands for items, ``{}`` for the values of a map."""
    for name, field in (part.get("properties") or {}).items():
        yield f"{path}.{name}", field
        yield from fields(field, f"{path}.{name}")
    if isinstance(part.get("items"), dict):
        yield from fields(part["items"], f"{path}[]")
    if isinstance(part.get("additionalProperties"), dict):
        yield from fields(part["additionalProperties"], f"{path}{{}}")


def test_every_field_of_a_model_is_described() -> None:
    """``kubectl explain`` has something to say about each."""
    silent = [path for path, field in fields(model_schema()) if not field.get("description") and path != ".metadata"]
    assert silent == []


@pytest.mark.parametrize("kind", [ModelSpec, Backend, Worker, LoraAdapter])
def test_the_examples_fit_their_fields(kind: type[BaseModel]) -> None:
    """Each field has one, and it may be copied."""
    properties = type_schema(kind)["properties"]
    for name, field in kind.model_fields.items():
        (example,) = field.examples or ()
        own = properties[field.alias or name]
        assert list(schema.violations(example, own, name)) == []
        assert list(schema.unknown_fields(example, own, name)) == []


def test_what_kubectl_get_shows() -> None:
    """The columns, a short name and a category; status is a subresource and there is no scale."""
    spec = model_crd()["spec"]
    (version,) = spec["versions"]
    assert [column["name"] for column in version["additionalPrinterColumns"]] == [
        "Active",
        "Failed",
        "Replicas",
        "Reason",
        "Message",
        "Age",
    ]
    assert (spec["names"]["shortNames"], spec["names"]["categories"]) == (["mdl"], ["serving"])
    assert version["subresources"] == {"status": {}}


def test_every_field_of_the_original_crd_is_known() -> None:
    """With its type, its default and whether it is required: a Model made for Kthena means the same here."""
    if not ORIGINALS.is_dir():
        pytest.skip(f"no original CRDs in {ORIGINALS}; set MODEL_CONTROLLER_KTHENA_CRDS")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    original = yaml.load((ORIGINALS / "registry.volcano.sh_models.yaml").read_text(encoding="utf-8"), Loader=loader)
    (version,) = original["spec"]["versions"]
    ours = dict(fields(model_schema()))
    same = (
        "type",
        "default",
        "format",
        "minimum",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-preserve-unknown-fields",
    )
    for path, field in fields(version["schema"]["openAPIV3Schema"]):
        assert path in ours
        assert {key: ours[path].get(key) for key in same} == {key: field.get(key) for key in same}, path
        assert set(ours[path].get("required", ())) == set(field.get("required", ())), path
        items = field.get("items", {}).get("required", ())
        assert set(ours[path].get("items", {}).get("required", ())) == set(items), path


def test_the_small_crds_name_the_kinds_of_all_children() -> None:
    """For demo and trials, where Kthena's own are not installed."""
    assert sorted(crd["spec"]["names"]["kind"] for crd in child_crds(E4FB6663)) == [
        "AutoscalingPolicy",
        "AutoscalingPolicyBinding",
        "ModelInfer",
        "ModelRoute",
        "ModelServer",
    ]
