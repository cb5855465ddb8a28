"""The rules of pods and their containers. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from controller.envtest.embedded.builtin.common_rules import LABEL, Rule, duplicates, named, port
from controller.envtest.embedded.causes import forbidden, required, shown, wrong
from controller.meta.errors import Cause
from controller.meta.quantity import parse_quantity

_ENV_NAME = re.compile(r"[ -<>-~]+")


def _container(value: Any, path: str) -> Iterator[Cause]:
    yield from named(LABEL, 63)(value, path)
    if not value.get("image"):
        yield required(f"{path}.image")
    elif value["image"] != value["image"].strip():
        yield wrong(f"{path}.image", value["image"], "must not have leading or trailing whitespace")
    ports = value.get("ports") or ()
    yield from duplicates([port.get("name") for port in ports], f"{path}.ports", ".name")
    yield from duplicates(
        [mount.get("mountPath") for mount in value.get("volumeMounts") or ()], f"{path}.volumeMounts", ".mountPath"
    )
    resources = value.get("resources") or {}
    yield from _resources(resources, f"{path}.resources")


def _resources(resources: Any, path: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for kind in ("limits", "requests"):
        for name, amount in (resources.get(kind) or {}).items():
            if parse_quantity(amount) < 0:
                yield wrong(f"{path}.{kind}[{name}]", amount, "must be greater than or equal to 0")
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and parse_quantity(amount) > parse_quantity(limits[name]):
            yield wrong(f"{path}.requests", amount, f"must be less than or equal to {name} limit")


def _env(value: Any, path: str) -> Iterator[Cause]:
    name = value.get("name") or ""
    if name and not _ENV_NAME.fullmatch(name):
        yield wrong(
            f"{path}.name",
            name,
            "a valid environment variable name must consist only of printable ASCII characters other than '='",
        )
    source = value.get("valueFrom")
    if source is not None:
        if value.get("value"):
            yield wrong(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            yield wrong(
                f"{path}.valueFrom",
                "",
                "must specify one of the sources"
                if not source
                else "may not have more than one field specified at a time",
            )


def _probe(value: Any, path: str) -> Iterator[Cause]:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in value]
    if not handlers:
        yield required(path, "must specify a handler type")
    for extra in handlers[1:]:
        yield forbidden(f"{path}.{extra}", "may not specify more than 1 handler type")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if value.get(name, 0) < 0:
            yield wrong(f"{path}.{name}", value[name], "must be greater than or equal to 0")


def _pod_spec(value: Any, path: str) -> Iterator[Cause]:
    containers = value.get("containers") or ()
    everyone = [*containers, *(value.get("initContainers") or ())]
    yield from duplicates([item.get("name") for item in containers], f"{path}.containers", ".name")
    init = [item.get("name") for item in everyone]
    if not set(init[len(containers) :]).isdisjoint(init[: len(containers)]):
        yield Cause(f"{path}.initContainers[0].name", "FieldValueDuplicate", "Duplicate value")
    volumes = {volume.get("name") for volume in value.get("volumes") or ()}
    yield from duplicates([volume.get("name") for volume in value.get("volumes") or ()], f"{path}.volumes", ".name")
    for field in ("containers", "initContainers"):
        for index, container in enumerate(value.get(field) or ()):
            for place, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") and mount["name"] not in volumes:
                    where = f"{path}.{field}[{index}].volumeMounts[{place}].name"
                    yield Cause(where, "FieldValueNotFound", f"Not found: {shown(mount['name'])}")
    deadline = value.get("activeDeadlineSeconds")
    if deadline is not None and not 0 < deadline < 2**31:
        yield wrong(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")


def _volume(value: Any, path: str) -> Iterator[Cause]:
    yield from named(LABEL, 63)(value, path)
    sources = [key for key in value if key != "name"]
    for extra in sources[1:]:
        yield forbidden(f"{path}.{extra}", "may not specify more than 1 volume type")


def _mount(value: Any, path: str) -> Iterator[Cause]:
    if value.get("mountPath", "").startswith("..") or ":" in value.get("mountPath", ""):
        yield wrong(f"{path}.mountPath", value["mountPath"], "must not contain ':'")


RULES: Mapping[str, Rule] = {
    "core.v1.Container": _container,
    "core.v1.ContainerPort": port("containerPort"),
    "core.v1.HTTPGetAction": port("port"),
    "core.v1.TCPSocketAction": port("port"),
    "core.v1.EnvVar": _env,
    "core.v1.Probe": _probe,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.Volume": _volume,
    "core.v1.VolumeMount": _mount,
}
