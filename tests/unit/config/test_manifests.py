"""The shipped manifests: current, alike in labels, hardened, and buildable by kubectl in every variant."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.api.documents import load_documents
from controller.api.samples import sample_paths
from controller.dialects import E4FB6663, V1, Dialect

ROOT = Path(__file__).resolve().parents[3]
INSTALL = load_documents((ROOT / "dist/install.yaml").read_bytes(), "dist/install.yaml")
NAME = "app.kubernetes.io/name"
Object = dict[str, Any]


def the(kind: str, objects: list[Object] = INSTALL, name: str = "model-controller") -> Object:
    """The one object of this kind and name."""
    (found,) = [obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] == name]
    return found


def pod(objects: list[Object] = INSTALL) -> Object:
    """The controller's pod template."""
    template: Object = the("Deployment", objects)["spec"]["template"]
    return template


def kustomized(folder: Path | str) -> list[Object]:
    """What kubectl makes of a kustomization. Skips without kubectl."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not on the PATH")
    result = subprocess.run(["kubectl", "kustomize", folder], cwd=ROOT, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return load_documents(result.stdout, str(folder))


@pytest.mark.kubectl
def test_the_install_file_is_what_kubectl_builds() -> None:
    """Object by object, in the same order."""
    assert kustomized("config/default") == INSTALL


def test_the_install_file_is_current() -> None:
    """Also where there is no kubectl."""
    result = subprocess.run(
        [sys.executable, "hack/build-install", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_object_bears_the_recommended_labels() -> None:
    """So does the pod template; the version is the package's."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for obj in (*INSTALL, pod()):
        labels = {key.removeprefix("app.kubernetes.io/"): value for key, value in obj["metadata"]["labels"].items()}
        assert labels.keys() >= {"name", "instance", "version", "component", "part-of", "managed-by"}
        assert labels["version"] == f"v{version}"
    assert pod()["spec"]["containers"][0]["image"] == f"model-controller:v{version}"


@pytest.mark.parametrize(
    "selector",
    [
        the("Deployment")["spec"]["selector"]["matchLabels"],
        the("Service", name="model-controller-metrics")["spec"]["selector"],
        the("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        pod()["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"],
    ],
    ids=["Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "topologySpreadConstraints"],
)
def test_everything_that_selects_the_pods_selects_them_by_two_labels_of_ours(selector: Object) -> None:
    """Another operator in the namespace is not caught, and a new version is."""
    assert selector == {NAME: "model-controller", "control-plane": "controller-manager"}
    assert selector.items() <= pod()["metadata"]["labels"].items()


def test_the_pod_asks_for_nothing_it_does_not_need() -> None:
    """As the restricted Pod Security Standard wants it, and its memory is bounded."""
    assert pod()["spec"]["securityContext"]["runAsNonRoot"] is True
    (container,) = pod()["spec"]["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    namespace = the("Namespace", name="model-controller-system")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_replica_can_go_without_notice() -> None:
    """Two replicas take turns, on two nodes if there are, and a stop gets longer than the shutdown needs."""
    deployment = the("Deployment")["spec"]
    assert deployment["replicas"] == 2
    assert "--leader-elect" in deployment["template"]["spec"]["containers"][0]["args"]
    assert the("PodDisruptionBudget")["spec"]["minAvailable"] == 1
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > 25 + 3


@pytest.mark.parametrize(("probe", "path"), [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")])
def test_the_probes_ask_a_port_that_the_container_names(probe: str, path: str) -> None:
    """Readiness is not leadership: a standby is ready too."""
    (container,) = pod()["spec"]["containers"]
    asked = container[probe]["httpGet"]
    assert asked["path"] == path
    assert asked["port"] in {port["name"] for port in container["ports"]}


def test_users_of_a_namespace_get_their_rights_by_aggregation() -> None:
    """A user who may view, edit or administrate a namespace may do the same with its Models."""
    prefix = "rbac.authorization.k8s.io/aggregate-to-"
    aggregated = {
        role: {key.removeprefix(prefix) for key in the("ClusterRole", name=role)["metadata"]["labels"] if key.startswith(prefix)}
        for role in ("model-controller-model-viewer", "model-controller-model-editor")
    }  # fmt: skip
    assert aggregated == {
        "model-controller-model-viewer": {"view", "edit", "admin"},
        "model-controller-model-editor": {"edit", "admin"},
    }


def test_no_right_is_a_wildcard() -> None:
    """Each is named, and Secrets are none of them."""
    roles = [obj for obj in INSTALL if obj["kind"] in {"Role", "ClusterRole"}]
    for rule in (rule for role in roles for rule in role["rules"]):
        for field in ("apiGroups", "resources", "verbs"):
            assert not any("*" in value for value in rule[field])
        assert "secrets" not in rule["resources"]


@pytest.mark.kubectl
@pytest.mark.parametrize(("overlay", "dialect"), [("standalone", E4FB6663), ("standalone-v1", V1)])
def test_standalone_adds_the_childrens_crds(overlay: str, dialect: Dialect) -> None:
    """To everything that the default has, those of one family."""
    objects = kustomized(f"config/{overlay}")
    assert [obj for obj in objects if obj in INSTALL] == INSTALL
    added = [obj for obj in objects if obj not in INSTALL]
    assert {obj["kind"] for obj in added} == {"CustomResourceDefinition"}
    assert {obj["metadata"]["name"] for obj in added} == {f"{kind.plural}.{kind.group}" for kind in dialect.children}


@pytest.mark.kubectl
def test_the_sharded_overlay_is_as_many_pods_as_parts() -> None:
    """The same pod, as a StatefulSet whose pods each take the part of their index; only leases are added to its rights."""
    objects = kustomized("config/sharded")
    shards = the("StatefulSet", objects)["spec"]
    template = shards["template"]
    (container,) = template["spec"]["containers"]
    variables = {variable["name"]: variable for variable in container.pop("env")}
    index, count = variables["MODEL_CONTROLLER_SHARD"]["value"].split("/")
    assert (index, int(count)) == ("$(POD_INDEX)", shards["replicas"])
    assert (
        variables["POD_INDEX"]["valueFrom"]["fieldRef"]["fieldPath"]
        == "metadata.labels['apps.kubernetes.io/pod-index']"
    )
    assert the("PodDisruptionBudget", objects)["spec"]["minAvailable"] == shards["replicas"] - 1
    assert template == pod()
    assert shards["podManagementPolicy"] == "Parallel"
    assert not [obj for obj in objects if obj["kind"] == "Deployment"]
    added = [obj for obj in objects if obj not in INSTALL]
    assert {obj["kind"] for obj in added} == {"StatefulSet", "PodDisruptionBudget", "Role", "RoleBinding"}
    assert [rule["resources"] for obj in added if obj["kind"] == "Role" for rule in obj["rules"]] == [["leases"]]


@pytest.mark.kubectl
def test_the_hostpath_overlay_adds_one_flag() -> None:
    """And nothing else."""
    objects = kustomized("config/hostpath-prefix")
    pod(objects)["spec"]["containers"][0]["args"].remove("--hostpath-prefix=/var/cache/models")
    assert objects == INSTALL


@pytest.mark.kubectl
def test_secure_metrics_come_with_their_rights_and_their_certificate(tmp_path: Path) -> None:
    """For the Deployment and for scrapers."""
    for folder in ("default", "crd", "rbac", "manager", "network-policy", "prometheus", "metrics-secure"):
        shutil.copytree(ROOT / "config" / folder, tmp_path / folder)
    overlay = {"resources": ["../default", "../prometheus"], "components": ["../metrics-secure"]}
    (tmp_path / "secure").mkdir()
    (tmp_path / "secure/kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    objects = kustomized(tmp_path / "secure")
    (container,) = pod(objects)["spec"]["containers"]
    (mount,) = container["volumeMounts"]
    assert "--metrics-secure" in container["args"]
    assert f"--metrics-cert-path={mount['mountPath']}" in container["args"]
    (volume,) = pod(objects)["spec"]["volumes"]
    assert volume["name"] == mount["name"]
    rules = the("ClusterRole", objects, "model-controller-metrics-auth")["rules"]
    assert [(*rule["resources"], *rule["verbs"]) for rule in rules] == [
        ("tokenreviews", "create"),
        ("subjectaccessreviews", "create"),
    ]
    (endpoint,) = the("ServiceMonitor", objects)["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert the("PrometheusRule", objects)["spec"]["groups"]


@pytest.mark.kubectl
def test_an_overlay_turns_runbooks_into_links() -> None:
    """Every alert's, and nothing else of the rules."""
    rule = the("PrometheusRule", kustomized("config/runbook-links"))
    shipped = the("PrometheusRule", kustomized("config/prometheus"))
    for group, original in zip(rule["spec"]["groups"], shipped["spec"]["groups"], strict=True):
        for alert, before in zip(group["rules"], original["rules"], strict=True):
            page = before["annotations"]["runbook_url"]
            assert alert["annotations"].pop("runbook_url") == f"https://example.com/model-controller/{page}"
            del before["annotations"]["runbook_url"]
    assert rule["spec"] == shipped["spec"]


@pytest.mark.kubectl
def test_monitoring_brings_the_dashboard_as_it_is() -> None:
    """In the ConfigMap that Grafana's sidecar looks for; the ServiceMonitor selects the metrics Service."""
    objects = kustomized("config/prometheus")
    dashboard = the("ConfigMap", objects, "model-controller-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert dashboard["data"]["dashboard.json"] == (ROOT / "config/prometheus/dashboard.json").read_text(
        encoding="utf-8"
    )
    monitor, service = the("ServiceMonitor", objects)["spec"], the("Service", name="model-controller-metrics")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_the_samples_are_those_of_the_command() -> None:
    """The kustomization lists every one."""
    listed = yaml.safe_load((ROOT / "config/samples/kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert listed == [path.name for path in sample_paths()]
