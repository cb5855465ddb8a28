"""The rules of workloads and of services. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded.builtin.common_rules import LABEL, Rule, duplicates, port
from controller.envtest.embedded.causes import required, unsupported, wrong
from controller.meta.errors import Cause

_CRON = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every .+)|(\S+\s+){4}\S+")


def _replicas(value: Any, path: str) -> Iterator[Cause]:
    for name in (
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ):
        number = value.get(name)
        if isinstance(number, int) and number < 0:
            yield wrong(f"{path}.{name}", number, "must be greater than or equal to 0")


def _workload(value: Any, path: str) -> Iterator[Cause]:
    yield from _replicas(value, path)
    template = value.get("template") or {}
    selector, labels = value.get("selector") or {}, (template.get("metadata") or {}).get("labels") or {}
    if not selector or any(labels.get(key) != item for key, item in (selector.get("matchLabels") or {}).items()):
        yield wrong(f"{path}.template.metadata.labels", labels, "`selector` does not match template `labels`")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy not in ("Always", None):
        yield unsupported(f"{path}.template.spec.restartPolicy", policy, ["Always"])


def _job(value: Any, path: str) -> Iterator[Cause]:
    yield from _replicas(value, path)
    policy = (value.get("template") or {}).get("spec", {}).get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        yield Cause(
            f"{path}.template.spec.restartPolicy",
            "FieldValueRequired" if policy == "Always" else "FieldValueNotSupported",
            'Required value: valid values: "OnFailure", "Never"',
        )


def _cron_job(value: Any, path: str) -> Iterator[Cause]:
    schedule = value.get("schedule") or ""
    if schedule and not _CRON.fullmatch(schedule.strip()):
        yield wrong(f"{path}.schedule", schedule, "must be a cron schedule of five fields")


def _service(value: Any, path: str) -> Iterator[Cause]:
    ports = value.get("ports") or ()
    type_ = value.get("type")
    if not ports and type_ != "ExternalName" and value.get("clusterIP") != "None":
        yield required(f"{path}.ports")
    if type_ == "ExternalName" and not value.get("externalName"):
        yield required(f"{path}.externalName")
    if len(ports) > 1:
        for index, port in enumerate(ports):
            if not port.get("name"):
                yield required(f"{path}.ports[{index}].name")
    yield from duplicates([port.get("name") for port in ports], f"{path}.ports", ".name")
    pairs = [(port.get("port"), port.get("protocol")) for port in ports]
    yield from duplicates(pairs, f"{path}.ports", "")


def _service_port(value: Any, path: str) -> Iterator[Cause]:
    yield from port("port")(value, path)
    yield from port("targetPort")(value, path)
    name = value.get("name") or ""
    if name and (len(name) > 63 or not LABEL.fullmatch(name)):
        yield wrong(f"{path}.name", name, "must be a DNS label")
    node_port = value.get("nodePort") or 0
    if node_port and not 30000 <= node_port <= 32767:
        yield wrong(
            f"{path}.nodePort",
            node_port,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        )


RULES: Mapping[str, Rule] = {
    "apps.v1.DeploymentSpec": _workload,
    "apps.v1.ReplicaSetSpec": _workload,
    "apps.v1.StatefulSetSpec": _workload,
    "apps.v1.DaemonSetSpec": _workload,
    "batch.v1.JobSpec": _job,
    "batch.v1.CronJobSpec": _cron_job,
    "core.v1.ServiceSpec": _service,
    "core.v1.ServicePort": _service_port,
}
