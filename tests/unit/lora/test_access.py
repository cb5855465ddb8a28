"""Which way the adapters of an engine are moved, and with which keys."""

import base64
from typing import Any

import pytest

from controller.api.model import Model
from controller.lora.access import BY_SIDECAR, EngineAccess, SecretKey, access_of
from controller.render.engines import backend_facts
from tests.support.factories import a_backend, a_model, a_worker

REFERENCE = {"secretKeyRef": {"name": "engine", "key": "token"}}
SECRET = SecretKey("engine", "token")


def access(config: dict[str, Any] | None = None, *env: dict[str, Any], **backend: Any) -> EngineAccess:
    """Of a backend with this config and these variables."""
    model = Model.from_object(a_model("chat", a_backend(workers=[a_worker(config=config)], env=list(env), **backend)))
    return access_of(backend_facts(model, model.spec.backends[0]))


def key(**source: Any) -> dict[str, Any]:
    return {"name": "VLLM_API_KEY", **source}


@pytest.mark.parametrize(
    ("config", "env", "wanted"),
    [
        ({}, [], None),
        ({"api-key": []}, [key(value="")], None),
        ({"api_key": "k"}, [], "k"),
        ({"api-key": ["", "k", "l"]}, [key(value="other")], "k"),
        ({}, [key(value="k")], "k"),
        ({}, [key(valueFrom=REFERENCE)], SECRET),
        ({}, [key(valueFrom={"fieldRef": {"fieldPath": "metadata.name"}})], None),
    ],
)
def test_a_key_of_vllm_forces_the_direct_way(config: dict[str, Any], env: list[dict[str, Any]], wanted: Any) -> None:
    """The option wins over the variable, and any key of a list will do."""
    found = access(config, *env)
    assert (found.key, found.admin_key, found.by_sidecar) == (wanted, wanted, wanted is None)
    assert found.prefix == "/v1"
    assert "'k'" not in repr(found)


def test_sglang_is_always_called_directly() -> None:
    """At paths that the sidecar does not know; changes may need a key of their own, and a variable means nothing to it."""
    found = access({"api-key": "k", "admin-api-key": "a"}, key(value="x"), type="SGLang")
    assert found == EngineAccess("", by_sidecar=False, key="k", admin_key="a")
    assert access(None, key(value="x"), type="SGLang") == EngineAccess("", by_sidecar=False)
    assert access() == BY_SIDECAR


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ({"token": base64.b64encode(b"k").decode()}, "k"),
        ({"token": "?"}, None),
        ({"token": base64.b64encode(b"\xff").decode()}, None),
        ({"other": "aw=="}, None),
        (None, None),
    ],
)
def test_a_key_out_of_a_secret(data: Any, value: str | None) -> None:
    """Only text under the key that the Model names counts."""
    assert SECRET.value_in({"data": data}) == value
