"""Sequences of requests for subresources, and of strategic merge patches; ``NS`` stands for the namespace."""

from typing import Any

from tests.support.manifests import APPS, CORE, LABELS, MANIFESTS, POD_SPEC, WORKLOAD, manifest
from tests.support.two_planes import Step

Object = dict[str, Any]
MERGE, STRATEGIC, JSON = (f"application/{name}+json" for name in ("merge-patch", "strategic-merge-patch", "json-patch"))
APPLY = "application/apply-patch+yaml"
POD, DEPLOYMENT = f"{CORE}/pods/one", f"{APPS}/deployments/one"
ACCOUNT = f"{CORE}/serviceaccounts/default"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
SIGNING_REQUEST = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIS01IRUNBUUF3RHpFTk1Bc0dBMVVFQXd3RWFtRnVaVEJaTUJNR0J5cUdTTTQ5QWdFR0NDcUdT"
    "TTQ5QXdFSApBMElBQkIzL3UwVWtuZk02eFlvMEdFaW12cTdnQUxpZ2NZcVEzSGs4MzhxL25OQVlhZjg1UTJpQ1krY01pazVlClA2NExiblhNRDZ4TXAySVhSakZC"
    "YlVjQWNPR2dBREFLQmdncWhrak9QUVFEQWdOSkFEQkdBaUVBdmFqVWFZd2YKaEdsN1lMUmhtTE83RDk1OHphMzY5WmpHRkRiVTNacE1pbmNDSVFEWEs5M2RzYVgz"
    "N29nSnE4L2owRTBDeXJyYwpERGdRZkx0YXBwbUkxajRwU1E9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
)
ACCESS_MODES = {"accessModes": ["ReadWriteOnce"]}


def patch(path: str, body: Any, kind: str = STRATEGIC, **query: Any) -> Step:
    """Patches an object or a part of it."""
    return Step("PATCH", path, body, query, kind)


def a_pod(**container: Any) -> Step:
    """Creates the pod ``one`` whose container ``app`` has these fields."""
    spec = {**POD_SPEC, "containers": [{"name": "app", "image": "nginx", **container}]}
    return Step("POST", f"{CORE}/pods", {"metadata": {"name": "one"}, "spec": spec})


def a_deployment(**container: Any) -> Step:
    """Creates the deployment ``one`` whose container ``app`` has these fields."""
    pod = {"containers": [{"name": "app", "image": "nginx", **container}, {"name": "side", "image": "envoy"}]}
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    spec = {**WORKLOAD, "template": template}
    return Step("POST", f"{APPS}/deployments", {"metadata": {"name": "one"}, "spec": spec})


def debugged(*containers: Object, kind: str = STRATEGIC) -> Step:
    """Gives the pod ``one`` these debugging containers."""
    return patch(f"{POD}/ephemeralcontainers", {"spec": {"ephemeralContainers": list(containers)}}, kind)


def resized(name: str = "app", **resources: Any) -> Step:
    """Gives a container of the pod ``one`` these resources."""
    return patch(f"{POD}/resize", {"spec": {"containers": [{"name": name, "resources": resources}]}})


def a_scale(replicas: Any, **metadata: Any) -> Object:
    """A Scale of ``one``."""
    return {
        "apiVersion": "autoscaling/v1",
        "kind": "Scale",
        "metadata": {"name": "one", **metadata},
        "spec": {"replicas": replicas},
    }


def decided(*conditions: Object, part: str = "approval") -> Step:
    """Gives the signing request these conditions."""
    return patch(f"{REQUESTS}/NS-one/{part}", {"status": {"conditions": list(conditions)}}, MERGE)


def containers(*items: Object, **directives: Any) -> Step:
    """Patches the containers of the deployment ``one``."""
    return patch(DEPLOYMENT, {"spec": {"template": {"spec": {"containers": list(items), **directives}}}})


def marked(name: str) -> list[Step]:
    """Creates an object of a kind and gives it metadata by way of its status."""
    path, obj = manifest(name)
    one = f"{path}/{obj['metadata']['name']}"
    marks = {"labels": {"marked": "yes"}, "annotations": {"marked": "yes"}, "finalizers": ["a.b/c"]}
    return [
        Step("POST", path, obj),
        patch(f"{one}/status", {"metadata": marks}, MERGE),
        patch(one, {"metadata": {"finalizers": None}}, MERGE),
        Step("DELETE", one),
    ]


APPROVED = {"type": "Approved", "status": "True", "reason": "Asked", "message": "it was asked for"}
WITH_STATUS = (
    *("pod", "replication controller", "quota", "deployment", "replica set", "stateful set", "daemon set"),
    *("job", "cron job", "ingress", "disruption budget", "autoscaler"),
)
assert not set(WITH_STATUS) - set(MANIFESTS), "every kind here has a manifest"

PART_SEQUENCES: dict[str, list[Step]] = {
    **{f"metadata by the status of a {name}": marked(name) for name in WITH_STATUS},
    "debugging containers": [
        a_pod(),
        debugged({"name": "debugger", "image": "busybox"}),
        debugged({"name": "second", "image": "busybox:1", "targetContainerName": "app"}),
        debugged({"name": "debugger", "image": "alpine"}),
        debugged({"name": "second", "image": "busybox:1"}, kind=MERGE),
        debugged({"name": "app", "image": "busybox"}),
        debugged({"image": "busybox"}, kind=MERGE),
        patch(POD, {"spec": {"ephemeralContainers": [{"name": "third", "image": "busybox"}]}}),
        Step("GET", f"{POD}/ephemeralcontainers"),
    ],
    "resizing": [
        a_pod(resources={"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2"}}),
        resized(requests={"cpu": "500m"}),
        resized(requests={"cpu": "1", "memory": "1Gi"}, limits={"cpu": "1", "memory": "1Gi"}),
        resized(requests={"ephemeral-storage": "1Gi"}),
        resized("other", requests={"cpu": "1"}),
        Step("GET", POD),
    ],
    "applied scales": [
        a_deployment(),
        patch(f"{DEPLOYMENT}/scale", a_scale(3), APPLY, fieldManager="me"),
        patch(f"{DEPLOYMENT}/scale", a_scale(3), APPLY, fieldManager="me", force="true"),
        Step("GET", DEPLOYMENT),
        patch(f"{DEPLOYMENT}/scale", a_scale(4), APPLY, fieldManager="you"),
        patch(f"{DEPLOYMENT}/scale", a_scale(-4), APPLY, fieldManager="me"),
        patch(f"{DEPLOYMENT}/scale", a_scale(8, resourceVersion="1"), APPLY, fieldManager="me", force="true"),
        patch(f"{DEPLOYMENT}/scale", {"spec": {"replicas": 5}}, MERGE),
        patch(f"{DEPLOYMENT}/scale", [{"op": "replace", "path": "/spec/replicas", "value": 7}], JSON),
        Step("PUT", f"{DEPLOYMENT}/scale", a_scale(9)),
        Step("PUT", f"{DEPLOYMENT}/scale", a_scale(9, resourceVersion="1")),
        Step("PUT", f"{DEPLOYMENT}/scale", a_scale("many")),
        Step("DELETE", f"{DEPLOYMENT}/scale"),
        Step("GET", DEPLOYMENT),
    ],
    "approval of a signing request": [
        Step(
            "POST",
            REQUESTS,
            {
                "metadata": {"name": "NS-one"},
                "spec": {"request": SIGNING_REQUEST, "signerName": "example.com/x", "usages": ["client auth"]},
            },
        ),
        decided(APPROVED),
        decided({"type": "Denied", "status": "True"}),
        decided(APPROVED, {"type": "Denied", "status": "True"}),
        decided({"type": "Failed", "status": "True"}, part="status"),
        patch(f"{REQUESTS}/NS-one", {"spec": {"signerName": "example.com/y"}}, MERGE),
        Step("DELETE", f"{REQUESTS}/NS-one"),
    ],
    "order of strategic merge": [
        a_deployment(env=[{"name": name, "value": "1"} for name in "ABC"]),
        containers({"name": "new", "image": "n"}, {"name": "app", "image": "other"}),
        containers(
            {"name": "side", "image": "other"}, **{"$setElementOrder/containers": [{"name": "side"}, {"name": "app"}]}
        ),
        containers({"name": "new", "$patch": "delete"}, {"name": "last", "image": "n"}),
        containers({"name": "app", "env": [{"name": name, "value": "2"} for name in "CZA"]}),
        containers(
            {
                "name": "app",
                "$setElementOrder/env": [{"name": "B"}, {"name": "Z"}],
                "env": [{"name": "A", "$patch": "delete"}],
            }
        ),
        containers({"$patch": "replace"}, {"name": "only", "image": "n"}),
        containers({"image": "no name"}),
        patch(DEPLOYMENT, {"spec": {"template": {"spec": {"$patch": "bogus"}}}}),
    ],
    "strategic merge of finalizers": [
        a_deployment(),
        patch(DEPLOYMENT, {"metadata": {"finalizers": ["a.b/c", "a.b/d"]}}),
        patch(DEPLOYMENT, {"metadata": {"finalizers": ["a.b/e", "a.b/d"]}}),
        patch(
            DEPLOYMENT,
            {
                "metadata": {
                    "$setElementOrder/finalizers": ["a.b/d", "a.b/c"],
                    "$deleteFromPrimitiveList/finalizers": ["a.b/e"],
                }
            },
        ),
        patch(DEPLOYMENT, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c", "a.b/d"]}}),
    ],
    "tokens that live too short or too long": [
        Step("POST", f"{ACCOUNT}/token", {"spec": {"expirationSeconds": seconds}}) for seconds in (0, 599, 2**33)
    ],
    "creation with a version": [
        Step("POST", f"{CORE}/configmaps", {"metadata": {"name": "one", "resourceVersion": "5"}}, {"dryRun": "All"}),
        Step("POST", f"{CORE}/configmaps", {"metadata": {"name": "one", "resourceVersion": "5"}}),
    ],
}
