"""Sequences of requests that both control planes answer alike; ``NS`` stands for the namespace."""

from typing import Any

from tests.support.manifests import APPS, BATCH, CONTAINER, CORE, FULL_CONTAINER, POD_SPEC, RBAC, TEMPLATE, WORKLOAD
from tests.support.two_planes import Step
from tests.support.widgets import GROUP, a_widget, widget_crd

Object = dict[str, Any]
MERGE, STRATEGIC, JSON = (f"application/{name}+json" for name in ("merge-patch", "strategic-merge-patch", "json-patch"))
APPLY = "application/apply-patch+yaml"
PODS, MAPS, SECRETS, SERVICES = (f"{CORE}/{name}" for name in ("pods", "configmaps", "secrets", "services"))
DEPLOYMENTS = f"{APPS}/deployments"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/NS/widgets"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def named(name: str = "one", **fields: Any) -> Object:
    """An object of this name."""
    return {"metadata": {"name": name, **fields.pop("metadata", {})}, **fields}


def post(path: str, **fields: Any) -> Step:
    """Creates ``one``."""
    return Step("POST", path, named(**fields))


def patch(path: str, body: Any, kind: str = MERGE, **query: Any) -> Step:
    """Patches ``one``."""
    return Step("PATCH", f"{path}/one", body, query, kind)


def apply(path: str, body: Object, manager: str = "me", *, sub: str = "", **query: Any) -> Step:
    """Applies a configuration of ``one``."""
    whole = {"apiVersion": "v1", **named(), **body}
    return Step("PATCH", f"{path}/one{sub}", whole, {"fieldManager": manager, **query}, APPLY)


def pod(**container: Any) -> Object:
    """The spec of a pod whose container has these fields."""
    return {**POD_SPEC, "containers": [{**CONTAINER, **container}]}


def raw(method: str, path: str, body: bytes, **query: Any) -> Step:
    """A body as it is on the wire."""
    return Step(method, path, body, query)


CONFIG = {"kind": "ConfigMap"}
WIDGET = {"apiVersion": f"{GROUP}/v1", "kind": "Widget"}
DEPLOYMENT = {"apiVersion": "apps/v1", "kind": "Deployment"}
CRD_VERSION = widget_crd("Gadget")["spec"]["versions"][0]


def crd(schema: Any = None, **spec: Any) -> Step:
    """Creates a CRD with this schema of its spec, or with these fields changed, as a dry run."""
    group = spec.pop("group", GROUP)
    body = widget_crd("Gadget", group=group, spec=schema)
    body["spec"] |= spec
    if schema is not None:
        del body["spec"]["versions"][0]["selectableFields"]
    return Step("POST", CRDS, body, {"dryRun": "All"})


REFUSED_PODS: dict[str, Object] = {
    "no containers": {"containers": []},
    "bad name": pod(name="X Y"),
    "no image": {"containers": [{"name": "app"}]},
    "image with blanks": pod(image=" nginx"),
    "port of text": pod(ports=[{"containerPort": "abc"}]),
    "port too high": pod(ports=[{"containerPort": 70000}]),
    "no port": pod(ports=[{"name": "a"}]),
    "bad port name": pod(ports=[{"name": "A_B", "containerPort": 80}]),
    "bad restart policy": {**POD_SPEC, "restartPolicy": "Nope"},
    "bad dns policy": {**POD_SPEC, "dnsPolicy": "Nope"},
    "bad pull policy": pod(imagePullPolicy="Sometimes"),
    "two containers of a name": {**POD_SPEC, "containers": [CONTAINER, CONTAINER]},
    "unknown volume": pod(volumeMounts=[{"name": "a", "mountPath": "/a"}]),
    "mount without path": {**pod(volumeMounts=[{"name": "a"}]), "volumes": [{"name": "a"}]},
    "bad volume name": {**POD_SPEC, "volumes": [{"name": "A"}]},
    "two volume sources": {**POD_SPEC, "volumes": [{"name": "a", "emptyDir": {}, "hostPath": {"path": "/"}}]},
    "no env name": pod(env=[{"value": "a"}]),
    "env with two values": pod(
        env=[{"name": "A", "value": "a", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
    ),
    "env from nothing": pod(env=[{"name": "A", "valueFrom": {}}]),
    "request above limit": pod(resources={"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}),
    "negative request": pod(resources={"requests": {"cpu": "-1"}}),
    "no quantity": pod(resources={"requests": {"cpu": "many"}}),
    "probe without handler": pod(livenessProbe={"periodSeconds": 1}),
    "probe with two handlers": pod(livenessProbe={"exec": {"command": ["a"]}, "tcpSocket": {"port": 1}}),
    "flag of text": {**POD_SPEC, "hostNetwork": "yes"},
    "grace below zero": {**POD_SPEC, "terminationGracePeriodSeconds": -1},
    "deadline of zero": {**POD_SPEC, "activeDeadlineSeconds": 0},
}
REFUSED: dict[str, Step] = {
    "unknown field": Step("POST", PODS, named(spec=pod(unknown=1)), {"fieldValidation": "Strict"}),
    "duplicate key": raw(
        "POST", MAPS, b'{"metadata":{"name":"one"},"data":{"a":"1","a":"2"}}', fieldValidation="Strict"
    ),
    "duplicate key in metadata": raw(
        "POST",
        WIDGETS,
        b'{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"one","name":"two"}}',
        fieldValidation="Strict",
    ),
    "grace of text": Step("DELETE", f"{MAPS}/one", {"gracePeriodSeconds": "x"}),
    "bad manager": Step("POST", MAPS, named(), {"fieldManager": "a\x01b"}),
    "long manager": Step("POST", MAPS, named(), {"fieldManager": "a" * 129}),
    "tls without keys": post(SECRETS, type="kubernetes.io/tls", data={"a": ""}),
    "basic auth without user": post(SECRETS, type="kubernetes.io/basic-auth", data={"a": ""}),
    "docker config without key": post(SECRETS, type="kubernetes.io/dockerconfigjson"),
    "not base64": post(SECRETS, data={"a": "?"}),
    "bad data key": post(MAPS, data={"a b": "1"}),
    "key in both maps": post(MAPS, data={"a": "1"}, binaryData={"a": "MQ=="}),
    "service without ports": post(SERVICES, spec={}),
    "service with a bad type": post(SERVICES, spec={"type": "Nope", "ports": [{"port": 80}]}),
    "unnamed ports": post(SERVICES, spec={"ports": [{"port": 80}, {"port": 81}]}),
    "port of zero": post(SERVICES, spec={"ports": [{"port": 0}]}),
    "service with a dot": Step("POST", SERVICES, named("a.b", spec={"ports": [{"port": 80}]})),
    "deployment without selector": post(DEPLOYMENTS, spec={"template": TEMPLATE}),
    "deployment with another selector": post(DEPLOYMENTS, spec={**WORKLOAD, "selector": {"matchLabels": {"a": "b"}}}),
    "negative replicas": post(DEPLOYMENTS, spec={**WORKLOAD, "replicas": -1}),
    "deployment of one run": post(
        DEPLOYMENTS, spec={**WORKLOAD, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}
    ),
    "job that restarts always": post(f"{BATCH}/jobs", spec={"template": {"spec": {"containers": [CONTAINER]}}}),
    "bad schedule": post(
        f"{BATCH}/cronjobs",
        spec={
            "schedule": "now",
            "jobTemplate": {"spec": {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}},
        },
    ),
    "role without verbs": post(f"{RBAC}/roles", rules=[{"apiGroups": [""], "resources": ["pods"]}]),
    "binding to nothing": post(f"{RBAC}/rolebindings", roleRef={}),
    "subject without namespace": post(
        f"{RBAC}/rolebindings",
        roleRef={"kind": "Role", "name": "a"},
        subjects=[{"kind": "ServiceAccount", "name": "a"}],
    ),
    "role with a slash": Step("POST", f"{RBAC}/roles", named("a/b")),
    "wrong type of delete": Step("DELETE", f"{MAPS}/one", {"propagationPolicy": "Sideways"}),
    "two ways of delete": Step("DELETE", f"{MAPS}/one", {"propagationPolicy": "Orphan", "orphanDependents": True}),
    "no such resource": Step("GET", "/api/v1/namespaces/NS/gizmos"),
    "no such group": Step("GET", "/apis/none.example.com/v1/gizmos"),
    "no such subresource": Step("GET", f"{MAPS}/one/status"),
    "status of a missing pod": Step("GET", f"{PODS}/one/status"),
    "log of a missing pod": Step("GET", f"{PODS}/one/log"),
    "scale of a missing deployment": Step("GET", f"{DEPLOYMENTS}/one/scale"),
    "type of body": Step("POST", MAPS, b"a", {}, "text/plain"),
    "patch of an unknown type": Step("PATCH", f"{MAPS}/one", {}, {}, "application/json"),
    "apply without manager": Step("PATCH", f"{MAPS}/one", {"apiVersion": "v1", **CONFIG, **named()}, {}, APPLY),
    "apply of another kind": Step(
        "PATCH", f"{MAPS}/one", {"apiVersion": "v1", "kind": "Secret", **named()}, {"fieldManager": "a"}, APPLY
    ),
    "apply of unknown fields": apply(WIDGETS, {**WIDGET, "spec": {"nothing": 1}}),
    "apply of duplicate keys": apply(WIDGETS, {**WIDGET, "spec": {"ports": [{"name": "a"}, {"name": "a"}]}}),
    "apply with managed fields": apply(MAPS, {**CONFIG, "metadata": {"name": "one", "managedFields": []}}),
    "status applied to a missing object": apply(WIDGETS, {**WIDGET, "status": {"ready": True}}, sub="/status"),
    "strategic patch of a custom resource": patch(WIDGETS, {}, STRATEGIC),
    "review of nobody": Step(
        "POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", {"spec": {"resourceAttributes": {}}}
    ),
}
REFUSED_CRDS: dict[str, Step] = {
    "unknown type": crd({"type": "banana"}),
    "array without items": crd({"type": "array"}),
    "property without type": crd({"type": "object", "properties": {"a": {}}}),
    "unknown keyword": Step(
        "POST",
        CRDS,
        widget_crd("Gadget", spec={"type": "object", "colour": "red"}),
        {"dryRun": "All", "fieldValidation": "Strict"},
    ),
    "rule that does not parse": crd({"type": "object", "x-kubernetes-validations": [{"rule": "self.("}]}),
    "protected group": crd(group="gadgets.k8s.io"),
    "group without a dot": crd(group="apps"),
    "unknown list type": crd(
        {
            "type": "object",
            "properties": {"a": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "heap"}},
        }
    ),
    "map list without keys": crd(
        {
            "type": "object",
            "properties": {
                "a": {
                    "type": "array",
                    "items": {"type": "object", "properties": {"b": {"type": "string"}}},
                    "x-kubernetes-list-type": "map",
                }
            },
        }
    ),
    "default of the wrong type": crd({"type": "object", "properties": {"a": {"type": "string", "default": 1}}}),
    "properties beside additional ones": crd(
        {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": {"type": "string"}}
    ),
    "two storage versions": crd(versions=[CRD_VERSION, {**CRD_VERSION, "name": "v2"}]),
    "two versions of a name": crd(versions=[CRD_VERSION, {**CRD_VERSION, "storage": False}]),
    "bad version name": crd(versions=[{**CRD_VERSION, "name": "V 1"}]),
    "upper case plural": crd(names={"plural": "Gadgets", "kind": "Gadget"}),
    "bad scope": crd(scope="Galaxy"),
    "no schema": crd(versions=[{"name": "v1", "served": True, "storage": True}]),
    "unique items": crd(
        {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True, "items": {"type": "string"}}}}
    ),
    "bad column type": crd(
        versions=[{**CRD_VERSION, "additionalPrinterColumns": [{"name": "a", "type": "number!", "jsonPath": ".a"}]}]
    ),
    "column without path": crd(
        versions=[{**CRD_VERSION, "additionalPrinterColumns": [{"name": "a", "type": "string"}]}]
    ),
    "bad pattern": crd({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}),
    "bad scale path": crd(
        versions=[
            {
                **CRD_VERSION,
                "subresources": {"scale": {"specReplicasPath": "spec.a", "statusReplicasPath": ".status.a"}},
            }
        ]
    ),
}
CHANGES: dict[str, list[Step]] = {
    "image of a pod": [
        post(PODS, spec=POD_SPEC),
        patch(PODS, {"spec": {"containers": [{"name": "app", "image": "b"}]}}, STRATEGIC),
    ],
    "container of a pod": [
        post(PODS, spec=POD_SPEC),
        patch(PODS, {"spec": {"containers": [{"name": "b", "image": "b"}]}}, STRATEGIC),
    ],
    "env of a pod": [
        post(PODS, spec=POD_SPEC),
        patch(PODS, {"spec": {"containers": [{"name": "app", "env": [{"name": "a", "value": "b"}]}]}}, STRATEGIC),
    ],
    "node of a pod": [post(PODS, spec=POD_SPEC), patch(PODS, {"spec": {"nodeName": "a"}})],
    "status of a pod": [
        post(PODS, spec=POD_SPEC),
        Step(
            "PATCH",
            f"{PODS}/one/status",
            {"metadata": {"labels": {"a": "b"}}, "status": {"phase": "Running", "podIP": "1.2.3.4"}},
            {},
            STRATEGIC,
        ),
        Step("GET", PODS, None, {"fieldSelector": "metadata.name=none"}),
    ],
    "type of a secret": [post(SECRETS), patch(SECRETS, {"type": "example.com/other"})],
    "immutable secret": [post(SECRETS, immutable=True, stringData={"a": "b"}), patch(SECRETS, {"data": {"a": "Yw=="}})],
    "selector of a deployment": [
        post(DEPLOYMENTS, spec=WORKLOAD),
        patch(DEPLOYMENTS, {"spec": {"selector": {"matchLabels": {"a": "b"}}}}),
    ],
    "replicas of a deployment": [
        post(DEPLOYMENTS, spec=WORKLOAD),
        patch(DEPLOYMENTS, {"spec": {"replicas": 3}}),
        patch(DEPLOYMENTS, {"spec": {"replicas": None}}),
    ],
    "scale of a deployment": [
        post(DEPLOYMENTS, spec=WORKLOAD),
        Step("GET", f"{DEPLOYMENTS}/one/scale"),
        Step("PATCH", f"{DEPLOYMENTS}/one/scale", {"spec": {"replicas": 4}}, {}, MERGE),
        Step(
            "PUT", f"{DEPLOYMENTS}/one/scale", {"metadata": {"name": "one", "namespace": "NS"}, "spec": {"replicas": 2}}
        ),
        Step("PATCH", f"{DEPLOYMENTS}/one/scale", {"spec": {"replicas": -1}}, {}, MERGE),
        Step("GET", f"{DEPLOYMENTS}/one"),
    ],
    "status of a deployment": [
        post(DEPLOYMENTS, spec=WORKLOAD),
        Step(
            "PATCH",
            f"{DEPLOYMENTS}/one/status",
            {"spec": {"replicas": 7}, "status": {"replicas": 3, "readyReplicas": 2}},
            {},
            MERGE,
        ),
    ],
    "address of a service": [
        post(SERVICES, spec={"ports": [{"port": 80}]}),
        patch(SERVICES, {"spec": {"clusterIP": "10.0.0.77"}}),
    ],
    "port of a service": [
        post(SERVICES, spec={"ports": [{"port": 80}]}),
        patch(SERVICES, {"spec": {"ports": [{"port": 81, "name": "b"}]}}, STRATEGIC),
        patch(SERVICES, {"spec": {"type": "NodePort"}}),
    ],
    "template of a job": [
        post(f"{BATCH}/jobs", spec={"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}),
        patch(f"{BATCH}/jobs", {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}}}),
    ],
    "claim template of a stateful set": [
        post(f"{APPS}/statefulsets", spec={**WORKLOAD, "serviceName": "a"}),
        patch(f"{APPS}/statefulsets", {"spec": {"serviceName": "b"}}),
        patch(f"{APPS}/statefulsets", {"spec": {"replicas": 2}}),
    ],
    "role of a binding": [
        post(f"{RBAC}/rolebindings", roleRef={"kind": "Role", "name": "a"}),
        patch(f"{RBAC}/rolebindings", {"roleRef": {"name": "b"}}),
    ],
    "label of a namespace": [
        Step(
            "PATCH", "/api/v1/namespaces/NS", {"metadata": {"labels": {"kubernetes.io/metadata.name": "x"}}}, {}, MERGE
        )
    ],
    "finalizers by strategic patch": [
        post(MAPS, metadata={"finalizers": ["a.b/c"]}),
        patch(MAPS, {"metadata": {"finalizers": ["a.b/d"]}}, STRATEGIC),
        patch(MAPS, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c"]}}, STRATEGIC),
        patch(MAPS, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/d"]}}, STRATEGIC),
    ],
    "directives of strategic patches": [
        post(
            DEPLOYMENTS,
            spec={
                **WORKLOAD,
                "template": {**TEMPLATE, "spec": {"containers": [CONTAINER, {"name": "side", "image": "b"}]}},
            },
        ),
        patch(
            DEPLOYMENTS,
            {
                "spec": {
                    "template": {
                        "spec": {
                            "$setElementOrder/containers": [{"name": "side"}, {"name": "app"}],
                            "containers": [{"name": "app", "image": "c"}],
                        }
                    }
                }
            },
            STRATEGIC,
        ),
        patch(
            DEPLOYMENTS,
            {"spec": {"template": {"spec": {"containers": [{"name": "side", "$patch": "delete"}]}}}},
            STRATEGIC,
        ),
        patch(DEPLOYMENTS, {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}, STRATEGIC),
        patch(
            DEPLOYMENTS,
            {"spec": {"template": {"spec": {"containers": [{"name": "new", "image": "d"}, {"$patch": "replace"}]}}}},
            STRATEGIC,
        ),
    ],
    "eviction": [
        post(PODS, spec=POD_SPEC),
        Step(
            "POST",
            f"{PODS}/one/eviction",
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "one", "namespace": "NS"}},
            {"dryRun": "All"},
        ),
    ],
    "grace of a pod on a node": [
        post(PODS, spec={**POD_SPEC, "nodeName": "n"}),
        Step("DELETE", f"{PODS}/one"),
        Step("DELETE", f"{PODS}/one", {"gracePeriodSeconds": 5}),
        Step("GET", f"{PODS}/one"),
        Step("DELETE", f"{PODS}/one", {"gracePeriodSeconds": 0}),
        Step("GET", f"{PODS}/one"),
    ],
    "delete options of another group": [
        post(DEPLOYMENTS, spec=WORKLOAD),
        Step("DELETE", f"{DEPLOYMENTS}/one", {"apiVersion": "apps/v1", "kind": "DeleteOptions", "dryRun": ["All"]}),
    ],
    "foreground": [post(MAPS), Step("DELETE", f"{MAPS}/one", {"propagationPolicy": "Foreground"}, {"dryRun": "All"})],
    "generated names": [
        Step("POST", MAPS, {"metadata": {"generateName": "a b-"}}),
        Step("POST", MAPS, {"metadata": {}}),
    ],
    "finalizer of a namespace": [
        Step("POST", "/api/v1/namespaces", {"metadata": {"name": "NS-two"}, "spec": {"finalizers": ["a.b/c"]}}),
        Step(
            "PUT",
            "/api/v1/namespaces/NS-two/finalize",
            {"metadata": {"name": "NS-two"}, "spec": {"finalizers": ["kubernetes"]}},
        ),
        Step("DELETE", "/api/v1/namespaces/NS-two"),
    ],
    "yaml": [Step("POST", MAPS, b"metadata: {name: one}\ndata: {a: 'yes'}\n", {}, "application/yaml")],
    "strict yaml": [
        Step("POST", MAPS, b"metadata: {name: one}\nother: 1\n", {"fieldValidation": "Strict"}, "application/yaml")
    ],
    "stale update": [post(MAPS), Step("PUT", f"{MAPS}/one", named(metadata={"resourceVersion": "1"}))],
    "another uid": [post(MAPS), Step("PUT", f"{MAPS}/one", named(metadata={"uid": "1"}))],
    "scale of a missing kind": [Step("GET", f"{WIDGETS}/one/scale")],
    "put of a service": [Step("PUT", f"{SERVICES}/one", named(spec={"ports": [{"port": 80}]}))],
    "managed fields given up": [
        post(MAPS, data={"a": "b"}),
        patch(MAPS, {"metadata": {"managedFields": [{}]}}),
        patch(MAPS, {"data": {"c": "d"}}),
    ],
}
APPLIED: dict[str, list[Step]] = {
    "create, repeat and change": [
        apply(MAPS, {**CONFIG, "data": {"a": "1", "b": "2"}}),
        apply(MAPS, {**CONFIG, "data": {"a": "1", "b": "2"}}),
        apply(MAPS, {**CONFIG, "data": {"a": "3"}}),
    ],
    "conflict and force": [
        apply(MAPS, {**CONFIG, "data": {"a": "1"}}),
        apply(MAPS, {**CONFIG, "data": {"a": "2"}}, "you"),
        apply(MAPS, {**CONFIG, "data": {"a": "1"}}, "you"),
        apply(MAPS, {**CONFIG, "data": {"a": "3"}}, "you", force="true"),
        apply(MAPS, {**CONFIG, "data": {}}),
    ],
    "conflict with an update": [
        post(MAPS, data={"a": "1"}),
        apply(MAPS, {**CONFIG, "data": {"a": "2", "b": "1"}}),
        apply(MAPS, {**CONFIG, "data": {"a": "1", "b": "1"}}),
        patch(MAPS, {"data": {"b": "7"}}),
        apply(MAPS, {**CONFIG, "data": {"b": "1"}}),
        apply(MAPS, {**CONFIG, "data": {"b": "1"}}, force="true"),
    ],
    "labels and finalizers": [
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "labels": {"a": "b"}, "finalizers": ["a.b/c"]}}),
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "finalizers": ["a.b/d"]}}, "you"),
        apply(MAPS, {**CONFIG, "metadata": {"name": "one"}}),
        patch(MAPS, {"metadata": {"finalizers": None}}),
    ],
    "deployment": [
        apply(DEPLOYMENTS, {**DEPLOYMENT, "spec": WORKLOAD}),
        apply(DEPLOYMENTS, {**DEPLOYMENT, "spec": {"replicas": 3}}, "scaler"),
        apply(
            DEPLOYMENTS,
            {**DEPLOYMENT, "spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}},
            "mesh",
        ),
        apply(
            DEPLOYMENTS,
            {
                **DEPLOYMENT,
                "spec": {
                    **WORKLOAD,
                    "template": {**TEMPLATE, "spec": {"containers": [{**CONTAINER, "ports": [{"containerPort": 80}]}]}},
                },
            },
        ),
        apply(DEPLOYMENTS, {**DEPLOYMENT, "spec": {}}, "mesh"),
        apply(DEPLOYMENTS, {**DEPLOYMENT, "spec": {}}, "scaler"),
    ],
    "full container": [
        apply(
            DEPLOYMENTS,
            {
                **DEPLOYMENT,
                "spec": {
                    **WORKLOAD,
                    "template": {
                        **TEMPLATE,
                        "spec": {
                            "containers": [FULL_CONTAINER],
                            "volumes": [{"name": "config", "configMap": {"name": "a"}}],
                        },
                    },
                },
            },
        ),
        patch(
            DEPLOYMENTS, {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x"}]}}}}, STRATEGIC
        ),
    ],
    "custom resource": [
        apply(
            WIDGETS, {**WIDGET, "spec": {"size": 2, "tags": ["a"], "ports": [{"name": "x"}], "free": {"a": {"b": [1]}}}}
        ),
        apply(WIDGETS, {**WIDGET, "spec": {"ports": [{"name": "y", "port": 1}], "tags": ["b"]}}, "you"),
        apply(WIDGETS, {**WIDGET, "spec": {"ports": [{"name": "x", "port": 8}], "free": {"a": {"c": 1}}}}),
        apply(WIDGETS, {**WIDGET}, "you"),
        apply(WIDGETS, {**WIDGET, "status": {"ready": True}}, "status", sub="/status"),
        Step("PATCH", f"{WIDGETS}/one/status", {"status": {"phase": "Up"}}, {"fieldManager": "patcher"}, MERGE),
        apply(WIDGETS, {**WIDGET, "status": {}}, "status", sub="/status"),
        Step("DELETE", f"{WIDGETS}/one"),
    ],
    "set by update": [
        Step("POST", WIDGETS, a_widget(spec={"size": 1, "tags": ["a"], "ports": [{"name": "x"}]})),
        patch(WIDGETS, {"spec": {"ports": [{"name": "x", "port": 3}, {"name": "z"}], "tags": ["b"]}}, fieldManager="p"),
        Step("PUT", f"{WIDGETS}/one", a_widget(spec={"size": 5}), {"fieldManager": "q"}),
    ],
    "version and uid": [
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "uid": "x"}}),
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "resourceVersion": "1"}}),
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "resourceVersion": "1"}}),
        apply(MAPS, {**CONFIG, "metadata": {"name": "one", "uid": "x"}}),
    ],
    "dry run": [apply(MAPS, {**CONFIG, "data": {"a": "1"}}, dryRun="All"), Step("GET", f"{MAPS}/one")],
}
SEQUENCES: dict[str, list[Step]] = {
    **{f"pod: {name}": [post(PODS, spec=spec)] for name, spec in REFUSED_PODS.items()},
    **{f"refused: {name}": [step] for name, step in REFUSED.items()},
    **{f"crd: {name}": [step] for name, step in REFUSED_CRDS.items()},
    **{f"change: {name}": steps for name, steps in CHANGES.items()},
    **{f"apply: {name}": steps for name, steps in APPLIED.items()},
}
