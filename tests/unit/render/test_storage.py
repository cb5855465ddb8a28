"""Where weights and adapters come from, where they go, and what is mounted for it."""

import hashlib
from typing import Any

import pytest

from tests.support.factories import a_backend, a_worker
from tests.support.rendering import container, engine, entry, roles
from tests.support.rules import HOT, a_pair, adapters

SHM = {"name": "dshm", "emptyDir": {"medium": "Memory"}}
HF = "hf://org/repo"


def directory(mount: str, uri: str) -> str:
    return f"{mount}/{hashlib.md5(uri.encode()).hexdigest()}"


@pytest.mark.parametrize(
    ("uri", "volume", "mount"),
    [
        (None, {"emptyDir": {}}, "/cache"),
        ("hostpath:///data/x", {"hostPath": {"path": "/data/x", "type": "DirectoryOrCreate"}}, "/data/x"),
        ("hostpath://data/x", {"hostPath": {"path": "/data/x", "type": "DirectoryOrCreate"}}, "/data/x"),
        ("hostpath:///data//./x/", {"hostPath": {"path": "/data/x", "type": "DirectoryOrCreate"}}, "/data/x"),
        ("pvc://weights", {"persistentVolumeClaim": {"claimName": "weights"}}, "/weights"),
        ("pvc:///weights/", {"persistentVolumeClaim": {"claimName": "weights"}}, "/weights"),
    ],
)
def test_the_cache_volume_and_its_mount(uri: str | None, volume: dict[str, Any], mount: str) -> None:
    """In the downloader, the sidecar and the engine; the engine has shared memory beside it."""
    backend = a_backend("b", cacheURI=uri)
    assert entry(backend)["volumes"] == [{"name": "b-weights", **volume}, SHM]
    weights = {"name": "b-weights", "mountPath": mount}
    assert entry(backend)["initContainers"][0]["volumeMounts"] == [weights]
    assert container(backend, "runtime")["volumeMounts"] == [weights]
    assert engine(backend)["volumeMounts"] == [weights, {"name": "dshm", "mountPath": "/dev/shm"}]
    assert engine(backend)["command"][4] == directory(mount, HF)


def test_the_download_directory_is_the_md5_of_the_uri_as_written() -> None:
    """Also of one that means the same place in other letters."""
    written = "pvc:///claim//path"
    args = entry(a_backend(modelURI=written, cacheURI="pvc://claim"))["initContainers"][0]["args"]
    assert args == ["--source", written, "--output-dir", directory("/claim", written)]


@pytest.mark.parametrize("written", ["pvc://source/m", "pvc:///source/m", "pvc:////source//m"])
def test_a_claim_that_a_source_lies_in_is_mounted_read_only(written: str) -> None:
    """At the path the downloader is told, in the downloaders and the sidecar, once for all sources."""
    backend = a_backend("b", modelURI=written, loraAdapters=adapters("a", url="pvc://source/a"))
    claim = {"claimName": "source", "readOnly": True}
    assert entry(backend)["volumes"][1] == {"name": "source-source", "persistentVolumeClaim": claim}
    mount = {"name": "source-source", "mountPath": "/source", "readOnly": True}
    for mounts in [item["volumeMounts"] for item in entry(backend)["initContainers"]]:
        assert mounts[1:] == [mount]
    assert container(backend, "runtime")["volumeMounts"][1:] == [mount]
    assert mount not in engine(backend)["volumeMounts"]


def test_a_source_in_the_cache_claim_needs_no_further_volume() -> None:
    """It is mounted already."""
    backend = a_backend("b", modelURI="pvc://claim/m", cacheURI="pvc://claim")
    assert [volume["name"] for volume in entry(backend)["volumes"]] == ["b-weights", "dshm"]


def test_claims_with_dots_get_volume_names_without_and_stay_apart() -> None:
    """``a.b`` and ``a-b`` are two claims."""
    both = [*adapters("x", url="pvc://a.b/x"), *adapters("y", url="pvc://a-b/y")]
    names = [volume["name"] for volume in entry(a_backend("b", loraAdapters=both))["volumes"]]
    digest = hashlib.sha256(b"a.b").hexdigest()[:8]
    assert names == ["b-weights", f"a-b-{digest}-source", "a-b-source", "dshm"]


def test_a_version_of_an_adapter_is_a_directory_of_its_own() -> None:
    """The engine loads from where the downloader writes; the source stays the URL, and no version changes nothing."""
    plain, (old,) = adapters("a"), adapters("a")
    for version, key in (
        (None, old["artifactURL"]),
        ("", old["artifactURL"]),
        ("2", f"{old['artifactURL']}\nversion=2"),
    ):
        spec = entry(a_backend(loraAdapters=[{**old, "artifactVersion": version}]))
        target = directory("/cache", key)
        assert spec["initContainers"][1]["args"] == ["--source", old["artifactURL"], "--output-dir", target]
        (engine,) = (container for container in spec["containers"] if container["name"] == "engine")
        assert f"a={target}" in engine["command"]
        assert (spec == entry(a_backend(loraAdapters=plain))) is (not version)


def test_the_downloaders_of_model_and_adapters() -> None:
    """In list order, with the backend's envFrom and all of its variables, in their order."""
    env = [
        {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        {"name": "OTHER", "value": "1"},
        {"name": "HF_ENDPOINT", "value": "$(OTHER)"},
        {"name": "REQUESTS_CA_BUNDLE", "value": "/etc/ca.pem"},
    ]
    source = [{"secretRef": {"name": "keys"}}]
    backend = a_backend(env=env, envFrom=source, loraAdapters=adapters("a", "b"))
    first, second, third = entry(backend)["initContainers"]
    assert [item["name"] for item in (first, second, third)] == [
        "chat-model-downloader",
        "chat-lora-downloader-0",
        "chat-lora-downloader-1",
    ]
    assert first["env"] == second["env"] == third["env"] == env
    assert all(item["envFrom"] == source for item in (first, second, third))
    assert "command" not in first
    assert second["args"] == ["--source", "hf://org/lora", "--output-dir", directory("/cache", "hf://org/lora")]


@pytest.mark.parametrize("name", ["HF_REVISION", "MS_REVISION"])
def test_a_revision_is_that_of_the_model_alone(name: str) -> None:
    """Neither the adapters' repositories nor the sidecar that loads them have it."""
    backend = a_backend(env=[{"name": name, "value": "v1"}], loraAdapters=adapters("a"))
    model, lora = entry(backend)["initContainers"]
    assert name in [item["name"] for item in model["env"]]
    assert "env" not in lora
    assert name not in [item["name"] for item in container(backend, "runtime")["env"]]


@pytest.mark.parametrize(
    ("uri", "entry_", "key"),
    [
        ("hf://org/repo", {"name": "HF_REVISION", "value": "v1"}, "hf://org/repo\nHF_REVISION=v1"),
        ("ms://org/repo", {"name": "MS_REVISION", "value": "v1"}, "ms://org/repo\nMS_REVISION=v1"),
        ("s3://b/p", {"name": "ENDPOINT", "value": "https://s3"}, "s3://b/p\nENDPOINT=https://s3"),
        (
            "obs://b/p",
            {"name": "ENDPOINT", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
            'obs://b/p\nENDPOINT={"configMapKeyRef":{"key":"k","name":"c"}}',
        ),
        ("hf://org/repo", {"name": "MS_REVISION", "value": "v1"}, "hf://org/repo"),
        ("hf://org/repo", {"name": "ENDPOINT", "value": "x"}, "hf://org/repo"),
        ("pvc://c/p", {"name": "HF_REVISION", "value": "v1"}, "pvc://c/p"),
    ],
)
def test_the_directory_tells_contents_of_one_uri_apart(uri: str, entry_: dict[str, Any], key: str) -> None:
    """The variable that decides the content is part of what is hashed; the engine and the downloader agree."""
    backend = a_backend(modelURI=uri, env=[{"name": "A", "value": "1"}, entry_])
    target = directory("/cache", key)
    assert entry(backend)["initContainers"][0]["args"] == ["--source", uri, "--output-dir", target]
    assert engine(backend)["command"][4] == target


def test_the_names_that_aws_uses_reach_the_downloader_under_its_own() -> None:
    """For s3:// sources, unless its own are given too; the sidecar of a hot backend downloads as well."""
    secret = {"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    env = [
        {"name": "AWS_ACCESS_KEY_ID", **secret},
        {"name": "AWS_SECRET_ACCESS_KEY", "value": "x"},
        {"name": "AWS_ENDPOINT_URL", "value": "https://s3"},
        {"name": "SECRET_KEY", "value": "y"},
    ]
    more = [{"name": "ACCESS_KEY", **secret}, {"name": "ENDPOINT", "value": "https://s3"}]
    assert entry(a_backend(modelURI="s3://b/p", env=env))["initContainers"][0]["env"] == [*env, *more]
    assert entry(a_backend(env=env))["initContainers"][0]["env"] == env
    hot = a_backend(env=[*env, *HOT["env"]], loraAdapters=adapters("a", url="s3://b/a"))
    assert container(hot, "runtime")["env"][-2:] == more
    assert more[0] not in engine(hot)["env"]


def test_a_model_in_an_image_is_a_volume_of_it() -> None:
    """Read-only, in the engine of every pod; nothing is downloaded but adapters."""
    uri = "oci://registry.example.com/models/qwen:1"
    backend = a_backend("b", modelURI=uri, loraAdapters=adapters("a"), workers=[a_worker(pods=2)])
    pod = entry(backend)
    source = {"reference": "registry.example.com/models/qwen:1", "pullPolicy": "IfNotPresent"}
    assert pod["volumes"][1] == {"name": "b-model", "image": source}
    assert [item["name"] for item in pod["initContainers"]] == ["chat-lora-downloader-0"]
    path = directory("/models", uri)
    mount = {"name": "b-model", "mountPath": path, "readOnly": True}
    assert mount in engine(backend)["volumeMounts"]
    assert mount not in container(backend, "runtime")["volumeMounts"]
    assert f"--model {path} " in engine(backend)["command"][2]
    assert mount in roles(backend)[0]["workerTemplate"]["spec"]["containers"][0]["volumeMounts"]


def test_a_model_in_a_claim_can_be_served_in_place() -> None:
    """Read-only from a claim of its own; from the cache's claim without a further volume."""
    other = a_backend("b", modelURI="pvc://source//m/1", modelAccess="InPlace")
    pod = entry(other)
    claim = {"claimName": "source", "readOnly": True}
    assert pod["volumes"][1] == {"name": "b-model", "persistentVolumeClaim": claim}
    assert "initContainers" not in pod
    assert engine(other)["command"][4] == "/source/m/1"
    assert {"name": "b-model", "mountPath": "/source", "readOnly": True} in engine(other)["volumeMounts"]
    assert [mount["name"] for mount in container(other, "runtime")["volumeMounts"]] == ["b-weights"]
    same = a_backend("b", modelURI="pvc://cache/m/1", cacheURI="pvc://cache", modelAccess="InPlace")
    assert [volume["name"] for volume in entry(same)["volumes"]] == ["b-weights", "dshm"]
    assert engine(same)["command"][4] == "/cache/m/1"
    copied = a_backend("b", modelURI="pvc://source/m", modelAccess="Copy")
    assert entry(copied) == entry(a_backend("b", modelURI="pvc://source/m"))


@pytest.mark.parametrize(
    ("value", "pods", "cache", "hot"),
    [
        ("1", 1, None, True),
        ("True", 1, None, True),
        ("TRUE", 2, "pvc://c", True),
        ("true", 2, None, False),
        ("true", 2, "hostpath:///c", False),
        ("yes", 1, None, False),
        ("0", 1, None, False),
        ("", 1, None, False),
    ],
)
def test_adapters_of_a_hot_backend_are_not_part_of_its_pods(
    value: str, pods: int, cache: str | None, hot: bool
) -> None:
    """Hot: the engine allows it, and every node sees the adapter's files."""
    backend = a_backend(
        cacheURI=cache,
        env=[{"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": value}],
        loraAdapters=adapters("a"),
        workers=[a_worker(pods=pods)],
    )
    assert len(entry(backend)["initContainers"]) == (1 if hot else 2)
    command = " ".join(engine(backend)["command"])
    assert "--enable-lora" in command
    assert ("--lora-modules" in command) == (not hot)


def test_a_disaggregated_backend_and_a_variable_from_elsewhere_are_never_hot() -> None:
    """Only a literal value of a vLLM backend counts."""
    flag = {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING"}
    source = {"configMapKeyRef": {"name": "c", "key": "k"}}
    assert len(entry(a_pair(env=[{**flag, "value": "1"}], loraAdapters=adapters("a")))["initContainers"]) == 2
    assert len(entry(a_backend(env=[{**flag, "valueFrom": source}], loraAdapters=adapters("a")))["initContainers"]) == 2


def test_ray_workers_download_and_mount_like_the_entry_pod() -> None:
    """Every node needs the weights."""
    backend = a_backend("b", modelURI="pvc://source/m", loraAdapters=adapters("a"), workers=[a_worker(pods=2)])
    worker = roles(backend)[0]["workerTemplate"]["spec"]
    assert worker["initContainers"] == entry(backend)["initContainers"]
    assert worker["volumes"] == entry(backend)["volumes"]
    assert worker["containers"][0]["volumeMounts"] == engine(backend)["volumeMounts"]
