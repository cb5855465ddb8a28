"""Hypothesis strategies: Models that the rules let pass, with everything in them that a user may write, and JSON of any shape."""

from typing import Any

from hypothesis import strategies as st

from controller.validation import validate
from tests.support.rules import CONSUMER, PRODUCER

HOSTILE = (
    "", " ", "a b", "'", '"', "`id`", "$(id)", "$(POD_NAME)", "$$(POD_NAME)", "$", "$$", "${HOME}", "$HOME", "\\", "\\'", "a'b\"c", "; id", "&& id",
    "| id", "> /tmp/x", "< /dev/null", "*", "?", "[a]", "{a,b}", "~", "!", "!!", "#", "-", "--", "-x", "--model", "=", "a=b", "%s", "\t", "\n",
    "a\nb", "\r\n", "\u00a0", "\u2028", "\u202e", "\ufeff", "é", "😀", "\ud800", "\x01", "\x7f", "\x85", "../..", "/etc/passwd", "null", "true", "yes",
    "1e3", "0x1F", "1.0", "NaN", "{}", "[]", '{"a":1}', "<script>", "${jndi:ldap://x}", "{{ .Values.x }}", "x" * 300,
)  # fmt: skip
"""Texts that mean something to a shell, to Kubernetes, to YAML or to a terminal."""

TEXT = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_characters="\0"), max_size=12)
NAME = st.from_regex(r"[a-z]([-a-z0-9]{0,6}[a-z0-9])?", fullmatch=True)
KEY = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
CLAIM = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?", fullmatch=True)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBER | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
LABEL = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,6}[A-Za-z0-9])?", fullmatch=True)
QUANTITY = st.integers(0, 16) | st.sampled_from(["1", "500m", "1Gi", "2e0", "0.5"])


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any selection of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


SOURCE = (
    st.tuples(st.sampled_from(["hf://", "s3://", "obs://", "ms://"]), TEXT.filter(bool)).map("".join)
    | st.tuples(CLAIM, NAME).map(lambda parts: f"pvc://{parts[0]}/{parts[1]}")
)  # fmt: skip
CACHE = st.none() | CLAIM.map("pvc://{}".format) | TEXT.filter(bool).map("hostpath:///data/{}".format)
ENV = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from(["POD_NAME", "HF_ENDPOINT", "RUNTIME_URL", "RUNTIME_PORT", "REDIS_HOST", "a b", "${HOME}"]) | LABEL},
                          optional={"value": TEXT}),
    max_size=4, unique_by=lambda entry: entry["name"],
)  # fmt: skip
ADAPTERS = st.lists(
    st.fixed_dictionaries({"name": NAME, "artifactURL": SOURCE}), max_size=3, unique_by=lambda item: item["name"]
)
DURATION = st.sampled_from(["0s", "15s", "1m30s", "30m", "100ms"])
SCALING = optional(
    instances=st.integers(0, 9),
    percent=st.integers(0, 1000),
    period=DURATION,
    selectPolicy=st.sampled_from(["Or", "And"]),
    stabilizationWindow=DURATION,
)
PANIC = st.fixed_dictionaries({"period": DURATION}, optional={"panicThresholdPercent": st.integers(110, 1000)})
POLICY = st.fixed_dictionaries(
    {
        "metrics": st.lists(
            st.fixed_dictionaries({"metricName": TEXT, "targetValue": st.sampled_from([1, "500m", 8.0])}),
            min_size=1, max_size=2, unique_by=lambda metric: metric["metricName"],
        )
    },
    optional={
        "tolerancePercent": st.integers(0, 100),
        "behavior": optional(scaleUp=optional(stablePolicy=SCALING, panicPolicy=PANIC), scaleDown=SCALING),
    },
)  # fmt: skip
WORKER: dict[str, st.SearchStrategy[Any]] = {
    "replicas": st.integers(0, 3),
    "resources": optional(
        limits=st.dictionaries(st.sampled_from(["memory", "cpu"]), QUANTITY),
        requests=st.dictionaries(st.sampled_from(["ephemeral-storage"]), QUANTITY),
    )
    | st.integers(0, 8).map(lambda number: {"limits": {"nvidia.com/gpu": number}}),
    "affinity": st.just({"nodeAffinity": {}}),
    "tolerations": st.lists(
        st.fixed_dictionaries({"operator": st.just("Exists")}, optional={"key": LABEL}), max_size=2
    ),
    "nodeSelector": st.dictionaries(LABEL, LABEL | st.just(""), max_size=2),
}
CONFIG = st.dictionaries(KEY, JSON, max_size=4)
STRING_MATCH = optional(exact=TEXT, prefix=TEXT, regex=TEXT)
MATCH = optional(headers=st.dictionaries(TEXT, STRING_MATCH, max_size=2), uri=STRING_MATCH, body=optional(model=TEXT))


def _worker(
    type_: str, config: st.SearchStrategy[Any], **more: st.SearchStrategy[Any]
) -> st.SearchStrategy[dict[str, Any]]:
    image = st.from_regex(r"[!-~]{1,12}", fullmatch=True)
    return st.fixed_dictionaries(
        {"type": st.just(type_), "image": image}, optional={**WORKER, "config": config, **more}
    )


def _connected(connector: dict[str, str]) -> st.SearchStrategy[dict[str, Any]]:
    return CONFIG.map(lambda config: {**config, "kv-transfer-config": connector})


def _backend(name: str) -> st.SearchStrategy[dict[str, Any]]:
    single = st.lists(_worker("server", CONFIG, pods=st.integers(0, 3)), min_size=1, max_size=1)
    pair = st.tuples(_worker("prefill", CONFIG), _worker("decode", CONFIG)) | st.tuples(
        _worker("prefill", _connected(PRODUCER)), _worker("decode", _connected(CONSUMER))
    )
    types = st.tuples(st.just("vLLM"), single) | st.tuples(st.just("vLLMDisaggregated"), pair.map(list))
    common = {
        "name": st.just(name),
        "modelURI": SOURCE,
        "minReplicas": st.integers(0, 3),
        "maxReplicas": st.integers(3, 9),
    }
    others = {
        "cacheURI": CACHE, "env": ENV, "envFrom": st.just([{"secretRef": {"name": "s"}}]), "loraAdapters": ADAPTERS, "autoscalingPolicy": POLICY,
        "routeWeight": st.integers(0, 100), "schedulerName": CLAIM, "runtimeClassName": CLAIM,
    }  # fmt: skip
    return types.flatmap(
        lambda chosen: st.fixed_dictionaries(
            {**common, "type": st.just(chosen[0]), "workers": st.just(chosen[1])}, optional=others
        )
    )


def _model(names: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    spec = st.fixed_dictionaries(
        {"backends": st.tuples(*map(_backend, names)).map(list)},
        optional={
            "name": NAME,
            "modelMatch": MATCH,
            "autoscalingPolicy": POLICY,
            "costExpansionRatePercent": st.integers(0, 1000),
        },
    )
    metadata = st.fixed_dictionaries({"name": NAME, "namespace": st.just("default"), "uid": st.just("0f6a2c1e-7c1d")})
    return st.fixed_dictionaries(
        {
            "apiVersion": st.just("registry.volcano.sh/v1alpha1"),
            "kind": st.just("Model"),
            "metadata": metadata,
            "spec": spec,
        }
    )


CANDIDATES = st.lists(NAME, min_size=1, max_size=3, unique=True).flatmap(_model)
"""Models of the right shape; a few break a rule."""

MODELS = CANDIDATES.filter(lambda model: not any(finding.terminal for finding in validate(model)))
"""Models that children can be made of."""
