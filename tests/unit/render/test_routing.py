"""ModelServer and ModelRoute: which pods answer, and which requests reach them."""

from typing import Any

import pytest

from tests.support.factories import a_backend, a_model, a_worker
from tests.support.rendering import children, only
from tests.support.rules import CONSUMER, PRODUCER, a_pair, adapters, connected

UID = "0f6a2c1e-7c1d-4d0b-9a55-3f1f0d6b8c21"


def route(*backends: dict[str, Any], **spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = only(a_model("chat", *backends, **spec), "ModelRoute")["spec"]
    return found


def targets(**weights: int) -> list[dict[str, Any]]:
    return [{"modelServerName": f"chat-{name}", "weight": weight} for name, weight in weights.items()]


def test_the_server_of_a_vllm_backend() -> None:
    """It selects the backend's own entry pods, by the Model's uid and the backend's name."""
    backend = a_backend("b", workers=[a_worker(config={"port": 9000, "served-model-name": ["s", "t"]})])
    assert only(a_model("chat", backend), "ModelServer")["spec"] == {
        "model": "s",
        "inferenceEngine": "vLLM",
        "workloadSelector": {
            "matchLabels": {"registry.volcano.sh/model-uid": UID, "registry.volcano.sh/backend-name": "b"}
        },
        "workloadPort": {"port": 9000, "protocol": "http"},
        "trafficPolicy": {"retry": {"attempts": 5, "retryInterval": "0s"}},
    }


def test_what_a_server_selects_is_what_the_entry_pods_carry() -> None:
    """For both types, and nothing of another backend."""
    model = a_model("chat", a_backend("a"), a_pair())
    made = children(model)
    for name in ("chat-a", "chat-pd"):
        selector = made["ModelServer", name]["spec"]["workloadSelector"]["matchLabels"].items()
        for other in ("chat-a", "chat-pd"):
            for role in made["ModelInfer", other]["spec"]["template"]["roles"]:
                labels = role["entryTemplate"]["metadata"]["labels"].items()
                assert (selector <= labels) == (name == other)


def test_a_disaggregated_server_pairs_prefill_with_decode_pods() -> None:
    """Within one group of the ModelInfer."""
    selector = only(a_model("chat", a_pair()), "ModelServer")["spec"]["workloadSelector"]
    assert selector["pdGroup"] == {
        "groupKey": "modelinfer.volcano.sh/group-name",
        "prefillLabels": {"modelinfer.volcano.sh/role": "prefill"},
        "decodeLabels": {"modelinfer.volcano.sh/role": "decode"},
    }


@pytest.mark.parametrize(
    ("connector", "type_"),
    [
        ("MooncakeConnectorV1", "mooncake"),
        ("MooncakeConnector", "mooncake"),
        ("LMCacheConnectorV1", "lmcache"),
        ("NixlConnector", "nixl"),
    ],
)
def test_the_connector_between_prefill_and_decode(connector: str, type_: str) -> None:
    """Given as an object or as the text of one; without a connector, the field is absent."""
    text = f'{{"kv_connector":"{connector}","kv_role":"kv_both"}}'
    model = connected({**PRODUCER, "kv_connector": connector}, text)
    assert only(model, "ModelServer")["spec"]["kvConnector"] == {"type": type_}
    assert "kvConnector" not in only(connected(None, None), "ModelServer")["spec"]
    assert "kvConnector" not in only(a_model(), "ModelServer")["spec"]


def test_a_connector_reaches_the_engine_as_written() -> None:
    """A text stays the text, an object becomes compact JSON."""
    model = connected(PRODUCER, '{"kv_connector": "NixlConnector", "kv_role": "kv_consumer"}')
    prefill, decode = only(model, "ModelInfer")["spec"]["template"]["roles"]
    texts = [role["entryTemplate"]["spec"]["containers"][1]["command"][6] for role in (prefill, decode)]
    assert texts[0] == '{"kv_connector":"NixlConnector","kv_role":"kv_producer"}'
    assert texts[1] == '{"kv_connector": "NixlConnector", "kv_role": "kv_consumer"}'
    assert CONSUMER["kv_connector"] in texts[1]


def test_the_route_of_one_backend_has_one_rule() -> None:
    """Adapter requests match it too, and the user's conditions stay as they are."""
    assert route(a_backend("b")) == {
        "modelName": "chat",
        "rules": [{"name": "default", "targetModels": targets(b=100)}],
    }
    match = {"headers": {"x": {"exact": "y"}}, "body": {"model": "other"}, "uri": {"prefix": "/v1"}}
    assert route(a_backend("b", routeWeight=1, loraAdapters=adapters("z", "a")), modelMatch=match) == {
        "modelName": "chat",
        "rules": [{"name": "default", "modelMatch": match, "targetModels": targets(b=1)}],
        "loraAdapters": ["a", "z"],
    }


def test_the_route_of_several_backends_has_a_rule_for_each_adapter() -> None:
    """The model's own first, then the adapters sorted, each to the backends that have it, with the user's other conditions."""
    match = {"headers": {"x": {"exact": "y"}}, "body": {"model": "other"}}
    first = a_backend("b", routeWeight=70, loraAdapters=adapters("z", "a"))
    spec = route(first, a_backend("a", loraAdapters=adapters("z")), modelMatch=match)

    def matching(name: str) -> dict[str, Any]:
        return {"headers": {"x": {"exact": "y"}}, "body": {"model": name}}

    assert spec == {
        "modelName": "chat",
        "rules": [
            {"name": "default", "modelMatch": matching("chat"), "targetModels": targets(b=70, a=100)},
            {"name": "a", "modelMatch": matching("a"), "targetModels": targets(b=70)},
            {"name": "z", "modelMatch": matching("z"), "targetModels": targets(b=70, a=100)},
        ],
        "loraAdapters": ["a", "z"],
    }


def test_without_conditions_several_backends_match_the_model_alone() -> None:
    """No adapters: the key is absent."""
    assert route(a_backend("a"), a_backend("b")) == {
        "modelName": "chat",
        "rules": [
            {"name": "default", "modelMatch": {"body": {"model": "chat"}}, "targetModels": targets(a=100, b=100)}
        ],
    }


def test_an_adapter_whose_backends_get_no_traffic_is_left_out() -> None:
    """A rule whose weights add up to zero would take the router down; zero beside others is a weight."""
    idle = a_backend("a", routeWeight=0, loraAdapters=adapters("x", "y"))
    spec = route(idle, a_backend("b", loraAdapters=adapters("y")))
    assert [rule["name"] for rule in spec["rules"]] == ["default", "y"]
    assert spec["loraAdapters"] == ["y"]
    assert spec["rules"][0]["targetModels"] == targets(a=0, b=100)
    assert "loraAdapters" not in route(idle, a_backend("b"))
