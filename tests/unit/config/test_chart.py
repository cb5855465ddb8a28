"""The Helm chart: generated from the kustomize sources, and installing the same objects."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from controller.api.documents import load_documents

ROOT = Path(__file__).resolve().parents[3]
CHART = ROOT / "charts/model-controller"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
SCHEMA = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
NAMESPACE = "model-controller-system"
MANAGED_BY = "app.kubernetes.io/managed-by"
Object = dict[str, Any]


@pytest.fixture(scope="session")
def helm() -> str:
    """The program. Skips where there is none; ``hack/helm-binary`` builds it."""
    found = subprocess.run([ROOT / "hack/helm-binary", "--cached"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        pytest.skip(found.stderr.strip())
    return found.stdout.strip()


def objects(helm: str, *settings: str) -> list[Object]:
    """What the chart installs with these settings, each ``NAME=JSON``."""
    flags = [word for setting in settings for word in ("--set-json", setting)]
    command = [helm, "template", "model-controller", str(CHART), "--namespace", NAMESPACE, *flags]
    result = subprocess.run(command, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    return load_documents(result.stdout, "chart")


def by_name(found: list[Object]) -> dict[tuple[str, str], Object]:
    return {(obj["kind"], obj["metadata"]["name"]): obj for obj in found}


def expected(file: Path) -> dict[tuple[str, str], Object]:
    """The objects of a manifest as the chart should have them: managed by Helm, the CRD kept, no namespace."""
    found = load_documents(
        file.read_bytes().replace(f"{MANAGED_BY}: kustomize".encode(), f"{MANAGED_BY}: Helm".encode()), file.name
    )
    for obj in found:
        if obj["kind"] == "CustomResourceDefinition":
            obj["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
    return by_name([obj for obj in found if obj["kind"] != "Namespace"])


def the(kind: str, found: list[Object], name: str = "model-controller") -> Object:
    return by_name(found)[kind, name]


def test_the_generated_part_is_current() -> None:
    """Run hack/generate-chart when a manifest changes."""
    command = [sys.executable, "hack/generate-chart", "--check"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_defaults_install_what_kustomize_prints(helm: str) -> None:
    """Object by object, field by field."""
    assert by_name(objects(helm)) == expected(ROOT / "dist/install.yaml")


def test_every_value_is_in_the_schema_and_the_defaults_obey_it() -> None:
    """A misspelt value is refused and not ignored; ``global`` belongs to Helm."""
    jsonschema.validate(VALUES, SCHEMA)
    assert set(SCHEMA["properties"]) - {"global"} == set(VALUES)

    def compare(values: Object, schema: Object) -> None:
        if schema.get("additionalProperties") is False:
            assert set(values) | {"global"} == set(schema["properties"]) | {"global"}
            for name, value in values.items():
                if isinstance(value, dict):
                    compare(value, schema["properties"][name])

    compare(VALUES, SCHEMA)


@pytest.mark.parametrize(
    "setting", ['image.repositry="x"', "replicas=-1", 'image.digest="latest"', 'namespaces=["A_B"]', 'crds="yes"']
)
def test_a_wrong_value_is_refused(helm: str, setting: str) -> None:
    """Before anything is installed."""
    command = [helm, "template", "x", str(CHART), "--set-json", setting]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert setting.partition("=")[0].partition(".")[0] in result.stderr


def test_values_reach_the_pod(helm: str) -> None:
    """Image, arguments, environment and placement."""
    pod = the("Deployment", objects(
        helm, 'image={"registry": "r.example.com/a", "tag": "v9", "pullPolicy": "Always"}', 'imagePullSecrets=[{"name": "s"}]',
        'namespaces=["a", "b"]', 'hostpathPrefixes=["/models"]', 'extraArgs=["--workers=3"]', "replicas=3",
        'extraEnv=[{"name": "A", "value": "1"}]', 'nodeSelector={"disk": "ssd"}', 'podAnnotations={"x": "1"}', 'podLabels={"team": "t"}',
        'tolerations=[{"operator": "Exists"}]', 'resources={"limits": {"memory": "1Gi"}}', 'priorityClassName="high"',
    ))["spec"]  # fmt: skip
    assert pod["replicas"] == 3
    template = pod["template"]
    (container,) = template["spec"]["containers"]
    assert container["image"] == "r.example.com/a/model-controller:v9"
    assert container["imagePullPolicy"] == "Always"
    assert container["args"] == [
        *("run", "--leader-elect", "--namespace=a", "--namespace=b", "--hostpath-prefix=/models", "--workers=3")
    ]
    assert container["env"] == [{"name": "A", "value": "1"}]
    assert container["resources"]["limits"] == {"memory": "1Gi"}
    assert template["metadata"]["labels"]["team"] == "t"
    assert template["metadata"]["annotations"]["x"] == "1"
    assert template["spec"]["imagePullSecrets"] == [{"name": "s"}]
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert template["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert template["spec"]["priorityClassName"] == "high"


def test_a_digest_pins_the_image(helm: str) -> None:
    """Together with the tag, which people can read."""
    digest = "sha256:" + "0" * 64
    (container,) = the("Deployment", objects(helm, f'image.digest="{digest}"'))["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["image"] == f"model-controller:v0.1.0@{digest}"


def test_the_images_of_models_are_values(helm: str) -> None:
    """They go into the ConfigMap that the controller watches."""
    settings = the(
        "ConfigMap",
        objects(helm, 'images={"downloader": "d:1", "runtime": "r:1", "v1": {"downloader": "d:2", "runtime": "r:2"}}'),
        "model-controller-config",
    )
    assert settings["data"] == {
        "model_infer_downloader_image": "d:1",
        "model_infer_runtime_image": "r:1",
        "model_serving_downloader_image": "d:2",
        "model_serving_runtime_image": "r:2",
    }


@pytest.mark.parametrize(
    ("setting", "gone"),
    [
        ("crds.enabled=false", {"CustomResourceDefinition"}),
        ("rbac.create=false", {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}),
        ("serviceAccount.create=false", {"ServiceAccount"}),
        ("networkPolicy.enabled=false", {"NetworkPolicy"}),
        ("podDisruptionBudget.enabled=false", {"PodDisruptionBudget"}),
    ],
)
def test_parts_can_be_left_out(helm: str, setting: str, gone: set[str]) -> None:
    """Those, and nothing else."""
    left = {key for key in by_name(objects(helm)) if key[0] not in gone}
    assert set(by_name(objects(helm, setting))) == left


def test_another_service_account_gets_the_rights(helm: str) -> None:
    """In the pods and in every binding."""
    found = objects(helm, 'serviceAccount={"create": false, "name": "mine"}')
    assert the("Deployment", found)["spec"]["template"]["spec"]["serviceAccountName"] == "mine"
    subjects = [subject["name"] for obj in found for subject in obj.get("subjects", ())]
    assert set(subjects) == {"mine"}


def test_the_crd_goes_with_the_release_if_asked_for(helm: str) -> None:
    """By default it is kept, and with it all Models."""
    crd = the("CustomResourceDefinition", objects(helm, "crds.keep=false"), "models.registry.volcano.sh")
    assert "annotations" not in crd["metadata"]


@pytest.mark.parametrize(
    ("settings", "folder"),
    [((), "children"), (['crds.standaloneDialect="v1"'], "children-v1")],
    ids=["default", "v1"],
)
def test_a_trial_gets_the_small_crds_of_the_children(helm: str, settings: Sequence[str], folder: str) -> None:
    """Those of config/crd for one family, and no others."""
    found = by_name(objects(helm, "crds.standaloneChildren=true", *settings))
    small = ROOT / "config/crd" / folder
    listed = yaml.safe_load((small / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    crds = [crd for name in listed for crd in load_documents((small / name).read_bytes(), name)]
    for crd in crds:
        installed = found["CustomResourceDefinition", crd["metadata"]["name"]]
        assert installed["spec"] == crd["spec"]
    assert len([key for key in found if key[0] == "CustomResourceDefinition"]) == len(crds) + 1


def test_monitoring_is_that_of_the_manifests(helm: str) -> None:
    """With the links of alerts and the labels that the values say."""
    values = {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "runbookBaseURL": "https://example.com/runbooks/"},
        "dashboard": {"enabled": True},
    }
    found = objects(helm, f"metrics={json.dumps(values)}")
    assert the("ServiceMonitor", found)["metadata"]["labels"]["release"] == "prometheus"
    rule = the("PrometheusRule", found)["spec"]
    for group in rule["groups"]:
        for alert in group["rules"]:
            assert alert["annotations"]["runbook_url"] == f"https://example.com/runbooks/{alert['alert']}.md"
            alert["annotations"]["runbook_url"] = f"docs/runbooks/{alert['alert']}.md"
    shipped = yaml.safe_load((ROOT / "config/prometheus/prometheus-rule.yaml").read_text(encoding="utf-8"))["spec"]
    assert rule == shipped
    dashboard = the("ConfigMap", found, "model-controller-dashboard")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    shown = (ROOT / "config/prometheus/dashboard.json").read_text(encoding="utf-8")
    assert json.loads(dashboard["data"]["dashboard.json"]) == json.loads(shown)


def test_secure_metrics_are_those_of_the_component(helm: str) -> None:
    """Arguments, certificate, rights and the scraper's side."""
    values = {"secure": {"enabled": True, "secretName": "tls"}, "serviceMonitor": {"enabled": True}}
    found = objects(helm, f"metrics={json.dumps(values)}")
    spec = the("Deployment", found)["spec"]["template"]["spec"]
    patches = yaml.safe_load((ROOT / "config/metrics-secure/deployment_patch.yaml").read_text(encoding="utf-8"))
    added = [patch["value"] for patch in patches if "/args/" in patch["path"]]
    assert spec["containers"][0]["args"] == ["run", "--leader-elect", *added]
    assert spec["volumes"][0]["secret"]["secretName"] == "tls"
    assert spec["containers"][0]["volumeMounts"][0]["name"] == spec["volumes"][0]["name"]
    assert ("ClusterRole", "model-controller-metrics-auth") in by_name(found)
    (endpoint,) = the("ServiceMonitor", found)["spec"]["endpoints"]
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"]["ca"]["secret"]["name"] == "tls"
    assert endpoint["tlsConfig"]["serverName"] == f"model-controller-metrics.{NAMESPACE}.svc"


def test_another_namespace_is_used_everywhere(helm: str) -> None:
    """The release's own; nothing is left in the one that the manifests name."""
    command = [helm, "template", "model-controller", str(CHART), "--namespace", "serving"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert NAMESPACE not in printed


def test_lint_finds_nothing_wrong(helm: str) -> None:
    """Strictly."""
    result = subprocess.run([helm, "lint", "--strict", str(CHART)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
