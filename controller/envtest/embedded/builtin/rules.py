"""The rules of Kubernetes for new and changed objects of the built-in kinds. Pure.

Enumerations and required fields come from the catalog. The tables hold what no schema says: names, ranges, fields that depend on each
other. They cover what clients and tests meet; they are not the whole of Kubernetes' validation.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from controller.meta.errors import Cause
from controller.meta.quantity import parse_quantity

Schema = Mapping[str, Any]
Rule = Callable[[Any, str], Iterator[Cause]]
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_PORT_NAME = re.compile(r"(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_ENV_NAME = re.compile(r"[ -<>-~]+")
_MAX_NOTE = 1024
_MAX_DATA = 1024 * 1024
_CRON = re.compile(r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every .+)|(\S+\s+){4}\S+")

# Fields that schemas call required and the API server accepts empty.
_MAY_BE_EMPTY = frozenset(
    {
        ("discovery.v1.EndpointSlice", "endpoints"),
        ("core.v1.Event", "metadata"),
        ("core.v1.Event", "involvedObject"),
        ("core.v1.KeyToPath", "path"),
        ("core.v1.ServicePort", "port"),
        ("core.v1.ContainerPort", "containerPort"),
        ("rbac.v1.Role", "rules"),
        ("rbac.v1.RoleRef", "kind"),
        ("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceColumnDefinition", "jsonPath"),
        ("rbac.v1.ClusterRole", "rules"),
        ("apps.v1.StatefulSetSpec", "serviceName"),
        ("core.v1.HTTPGetAction", "port"),
        ("core.v1.TCPSocketAction", "port"),
        ("scheduling.v1.PriorityClass", "value"),
        ("apps.v1.ControllerRevision", "revision"),
        ("storage.v1.CSINodeSpec", "drivers"),
        ("core.v1.NodeSelector", "nodeSelectorTerms"),
    }
)


def violations(value: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """The errors in an object that ``typed.read`` has made and that has its defaults."""
    if isinstance(value, list):
        items = schema.get("items") or {}
        for index, item in enumerate(value):
            yield from violations(item, items, f"{path}[{index}]")
        return
    if not isinstance(value, dict):
        if "enum" in schema and value not in schema["enum"] and value not in ("", None):
            supported = ", ".join(f'"{item}"' for item in schema["enum"])
            yield Cause(path, "FieldValueNotSupported", f"Unsupported value: {value!r}: supported values: {supported}")
        return
    yield from _object_violations(value, schema, path)


def _object_violations(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Cause]:
    name = schema.get("x-name", "")
    for key in schema.get("required") or ():
        if value.get(key) in ("", None, [], {}) and (name, key) not in _MAY_BE_EMPTY:
            yield Cause(f"{path}.{key}" if path else key, "FieldValueRequired", "Required value")
    if name in RULES:
        yield from RULES[name](value, path)
    properties, extra = schema.get("properties") or {}, schema.get("additionalProperties")
    for key, item in value.items():
        sub = properties.get(key) or (extra if isinstance(extra, Mapping) else None)
        if (sub and key not in ("metadata", "status")) or (sub and key == "metadata" and path):
            yield from violations(item, sub, f"{path}.{key}" if path else key)


def _invalid(path: str, value: Any, text: str) -> Cause:
    return Cause(path, "FieldValueInvalid", f"Invalid value: {value!r}: {text}")


def _required(path: str, text: str = "") -> Cause:
    return Cause(path, "FieldValueRequired", f"Required value{': ' + text if text else ''}")


def _named(pattern: re.Pattern[str], longest: int) -> Rule:
    def check(value: Any, path: str) -> Iterator[Cause]:
        name = str(value.get("name") or "")
        if name and (not pattern.fullmatch(name) or len(name) > longest):
            yield _invalid(f"{path}.name", name, "must consist of lower case letters, digits and '-'")

    return check


def _container(value: Any, path: str) -> Iterator[Cause]:
    yield from _named(_LABEL, 63)(value, path)
    if not value.get("image"):
        yield _required(f"{path}.image")
    elif value["image"] != value["image"].strip():
        yield _invalid(f"{path}.image", value["image"], "must not have leading or trailing whitespace")
    ports = value.get("ports") or ()
    yield from _duplicates([port.get("name") for port in ports], f"{path}.ports", ".name")
    yield from _duplicates(
        [mount.get("mountPath") for mount in value.get("volumeMounts") or ()], f"{path}.volumeMounts", ".mountPath"
    )
    resources = value.get("resources") or {}
    yield from _resources(resources, f"{path}.resources")


def _resources(resources: Any, path: str) -> Iterator[Cause]:
    limits = resources.get("limits") or {}
    for kind in ("limits", "requests"):
        for name, amount in (resources.get(kind) or {}).items():
            if parse_quantity(amount) < 0:
                yield _invalid(f"{path}.{kind}[{name}]", amount, "must be greater than or equal to 0")
    for name, amount in (resources.get("requests") or {}).items():
        if name in limits and parse_quantity(amount) > parse_quantity(limits[name]):
            yield _invalid(f"{path}.requests", amount, f"must be less than or equal to {name} limit")


def _duplicates(names: Sequence[Any], path: str, field: str) -> Iterator[Cause]:
    seen = set()
    for index, name in enumerate(names):
        if name and name in seen:
            yield Cause(f"{path}[{index}]{field}", "FieldValueDuplicate", f"Duplicate value: {name!r}")
        seen.add(name)


def _port(key: str) -> Rule:
    def check(value: Any, path: str) -> Iterator[Cause]:
        number = value.get(key)
        if number is None or not number:
            yield (
                _required(f"{path}.{key}")
                if key == "containerPort"
                else _invalid(f"{path}.{key}", number, "must be between 1 and 65535, inclusive")
            )
        elif isinstance(number, int) and not 0 < number < 65536:
            yield _invalid(f"{path}.{key}", number, "must be between 1 and 65535, inclusive")
        elif isinstance(number, str) and (len(number) > 15 or not _PORT_NAME.fullmatch(number)):
            yield _invalid(f"{path}.{key}", number, "must be a port name of at most 15 characters")
        name = value.get("name") if key == "containerPort" else None
        if name and (len(name) > 15 or not _PORT_NAME.fullmatch(name)):
            yield _invalid(f"{path}.name", name, "must be a port name of at most 15 characters")

    return check


def _env(value: Any, path: str) -> Iterator[Cause]:
    name = value.get("name") or ""
    if name and not _ENV_NAME.fullmatch(name):
        yield _invalid(
            f"{path}.name",
            name,
            "a valid environment variable name must consist only of printable ASCII characters other than '='",
        )
    source = value.get("valueFrom")
    if source is not None:
        if value.get("value"):
            yield _invalid(f"{path}.valueFrom", "", "may not be specified when `value` is not empty")
        if len(source) != 1:
            yield _invalid(
                f"{path}.valueFrom",
                "",
                "must specify one of the sources"
                if not source
                else "may not have more than one field specified at a time",
            )


def _probe(value: Any, path: str) -> Iterator[Cause]:
    handlers = [name for name in ("exec", "httpGet", "tcpSocket", "grpc") if name in value]
    if not handlers:
        yield _required(path, "must specify a handler type")
    for extra in handlers[1:]:
        yield Cause(f"{path}.{extra}", "FieldValueForbidden", "Forbidden: may not specify more than 1 handler type")
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if value.get(name, 0) < 0:
            yield _invalid(f"{path}.{name}", value[name], "must be greater than or equal to 0")


def _pod_spec(value: Any, path: str) -> Iterator[Cause]:
    containers = value.get("containers") or ()
    everyone = [*containers, *(value.get("initContainers") or ())]
    yield from _duplicates([item.get("name") for item in containers], f"{path}.containers", ".name")
    init = [item.get("name") for item in everyone]
    if not set(init[len(containers) :]).isdisjoint(init[: len(containers)]):
        yield Cause(f"{path}.initContainers[0].name", "FieldValueDuplicate", "Duplicate value")
    volumes = {volume.get("name") for volume in value.get("volumes") or ()}
    yield from _duplicates([volume.get("name") for volume in value.get("volumes") or ()], f"{path}.volumes", ".name")
    for field in ("containers", "initContainers"):
        for index, container in enumerate(value.get(field) or ()):
            for place, mount in enumerate(container.get("volumeMounts") or ()):
                if mount.get("name") and mount["name"] not in volumes:
                    where = f"{path}.{field}[{index}].volumeMounts[{place}].name"
                    yield Cause(where, "FieldValueNotFound", f"Not found: {mount['name']!r}")
    deadline = value.get("activeDeadlineSeconds")
    if deadline is not None and not 0 < deadline < 2**31:
        yield _invalid(f"{path}.activeDeadlineSeconds", deadline, "must be between 1 and 2147483647, inclusive")


def _volume(value: Any, path: str) -> Iterator[Cause]:
    yield from _named(_LABEL, 63)(value, path)
    sources = [key for key in value if key != "name"]
    for extra in sources[1:]:
        yield Cause(f"{path}.{extra}", "FieldValueForbidden", "Forbidden: may not specify more than 1 volume type")


def _mount(value: Any, path: str) -> Iterator[Cause]:
    if value.get("mountPath", "").startswith("..") or ":" in value.get("mountPath", ""):
        yield _invalid(f"{path}.mountPath", value["mountPath"], "must not contain ':'")


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
            yield _invalid(f"{path}.{name}", number, "must be greater than or equal to 0")


def _workload(value: Any, path: str) -> Iterator[Cause]:
    yield from _replicas(value, path)
    template = value.get("template") or {}
    selector, labels = value.get("selector") or {}, (template.get("metadata") or {}).get("labels") or {}
    if not selector or any(labels.get(key) != item for key, item in (selector.get("matchLabels") or {}).items()):
        yield _invalid(f"{path}.template.metadata.labels", labels, "`selector` does not match template `labels`")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy not in ("Always", None):
        text = f'Unsupported value: {policy!r}: supported values: "Always"'
        yield Cause(f"{path}.template.spec.restartPolicy", "FieldValueNotSupported", text)


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
        yield _invalid(f"{path}.schedule", schedule, "must be a cron schedule of five fields")


def _service(value: Any, path: str) -> Iterator[Cause]:
    ports = value.get("ports") or ()
    type_ = value.get("type")
    if not ports and type_ != "ExternalName" and value.get("clusterIP") != "None":
        yield _required(f"{path}.ports")
    if type_ == "ExternalName" and not value.get("externalName"):
        yield _required(f"{path}.externalName")
    if len(ports) > 1:
        for index, port in enumerate(ports):
            if not port.get("name"):
                yield _required(f"{path}.ports[{index}].name")
    yield from _duplicates([port.get("name") for port in ports], f"{path}.ports", ".name")
    pairs = [(port.get("port"), port.get("protocol")) for port in ports]
    yield from _duplicates(pairs, f"{path}.ports", "")


def _service_port(value: Any, path: str) -> Iterator[Cause]:
    yield from _port("port")(value, path)
    yield from _port("targetPort")(value, path)
    name = value.get("name") or ""
    if name and (len(name) > 63 or not _LABEL.fullmatch(name)):
        yield _invalid(f"{path}.name", name, "must be a DNS label")
    node_port = value.get("nodePort") or 0
    if node_port and not 30000 <= node_port <= 32767:
        yield _invalid(
            f"{path}.nodePort",
            node_port,
            "provided port is not in the valid range. The range of valid ports is 30000-32767",
        )


def _data(value: Any, path: str) -> Iterator[Cause]:
    total = 0
    both = set(value.get("data") or ()) & set(value.get("binaryData") or ())
    for name in ("data", "binaryData"):
        for key, item in (value.get(name) or {}).items():
            total += len(item.encode())
            if not _DATA_KEY.fullmatch(key) or key in (".", ".."):
                yield _invalid(
                    f"{name}[{key}]", key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                )
            if key in both and name == "data":
                yield _invalid(f"{name}[{key}]", key, "duplicate of key present in the other map")
    if total > _MAX_DATA * (4 / 3 if "type" in value else 1):
        yield Cause(
            "data" if "type" in value else "", "FieldValueTooLong", f"Too long: may not be more than {_MAX_DATA} bytes"
        )


_SECRET_KEYS = {
    "kubernetes.io/dockercfg": (".dockercfg",),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _secret(value: Any, path: str) -> Iterator[Cause]:
    yield from _data(value, path)
    data, type_ = value.get("data") or {}, value.get("type", "")
    for key in _SECRET_KEYS.get(type_, ()):
        if key not in data:
            yield _required(f"data[{key}]")
    if type_ == "kubernetes.io/basic-auth" and not data.keys() & {"username", "password"}:
        yield _required("data[username]")
        yield _required("data[password]")


def _lease(value: Any, path: str) -> Iterator[Cause]:
    if (duration := value.get("leaseDurationSeconds")) is not None and duration <= 0:
        yield _invalid(f"{path}.leaseDurationSeconds", duration, "must be greater than 0")
    if (value.get("leaseTransitions") or 0) < 0:
        yield _invalid(f"{path}.leaseTransitions", value["leaseTransitions"], "must be greater than or equal to 0")


def _core_event(value: Any, path: str) -> Iterator[Cause]:
    namespace = (value.get("involvedObject") or {}).get("namespace") or ""
    if namespace and namespace != value["metadata"].get("namespace", ""):
        yield _invalid("involvedObject.namespace", namespace, "does not match event.namespace")


def _event(value: Any, path: str) -> Iterator[Cause]:
    for name in ("eventTime", "reportingController", "reportingInstance", "action", "reason"):
        if not value.get(name):
            yield _required(name)
    if len(str(value.get("note") or "").encode()) > _MAX_NOTE:
        yield _invalid("message", "", f"can have at most {_MAX_NOTE} characters")
    if value.get("type") not in ("Normal", "Warning"):
        yield _invalid("type", value.get("type"), "has invalid value")


def _policy_rule(value: Any, path: str) -> Iterator[Cause]:
    if value.get("nonResourceURLs"):
        if value.get("resources") or value.get("apiGroups"):
            yield _invalid(
                f"{path}.nonResourceURLs",
                value["nonResourceURLs"],
                "rules cannot apply to both regular resources and non-resource URLs",
            )
        return
    if not value.get("apiGroups"):
        yield _required(f"{path}.apiGroups", "resource rules must supply at least one api group")
    if not value.get("resources"):
        yield _required(f"{path}.resources", "resource rules must supply at least one resource")


def _subject(value: Any, path: str) -> Iterator[Cause]:
    kind = value.get("kind")
    if kind and kind not in ("ServiceAccount", "User", "Group"):
        yield Cause(f"{path}.kind", "FieldValueNotSupported", f"Unsupported value: {kind!r}")


def _role_ref(value: Any, path: str) -> Iterator[Cause]:
    if value.get("kind") not in ("Role", "ClusterRole"):
        yield Cause(
            f"{path}.kind",
            "FieldValueNotSupported",
            f'Unsupported value: {value.get("kind")!r}: supported values: "Role", "ClusterRole"',
        )


def _claim(value: Any, path: str) -> Iterator[Cause]:
    if not value.get("accessModes"):
        yield _required(f"{path}.accessModes", "at least 1 access mode is required")
    if "storage" not in ((value.get("resources") or {}).get("requests") or {}):
        yield _required(f"{path}.resources[storage]")


RULES: Mapping[str, Rule] = {
    "core.v1.Container": _container,
    "core.v1.ContainerPort": _port("containerPort"),
    "core.v1.HTTPGetAction": _port("port"),
    "core.v1.TCPSocketAction": _port("port"),
    "core.v1.EnvVar": _env,
    "core.v1.Probe": _probe,
    "core.v1.PodSpec": _pod_spec,
    "core.v1.Volume": _volume,
    "core.v1.VolumeMount": _mount,
    "apps.v1.DeploymentSpec": _workload,
    "apps.v1.ReplicaSetSpec": _workload,
    "apps.v1.StatefulSetSpec": _workload,
    "apps.v1.DaemonSetSpec": _workload,
    "batch.v1.JobSpec": _job,
    "batch.v1.CronJobSpec": _cron_job,
    "core.v1.ServiceSpec": _service,
    "core.v1.ServicePort": _service_port,
    "core.v1.ConfigMap": _data,
    "core.v1.Secret": _secret,
    "coordination.v1.LeaseSpec": _lease,
    "core.v1.Event": _core_event,
    "events.v1.Event": _event,
    "rbac.v1.PolicyRule": _policy_rule,
    "rbac.v1.Subject": _subject,
    "rbac.v1.RoleRef": _role_ref,
    "core.v1.PersistentVolumeClaimSpec": _claim,
}
