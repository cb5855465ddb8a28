"""Valid objects of the built-in kinds, short as people write them; in them ``NS`` stands for the namespace."""

from typing import Any

Object = dict[str, Any]
CONTAINER: Object = {"name": "app", "image": "nginx"}
POD_SPEC: Object = {"containers": [CONTAINER], "serviceAccountName": "default", "automountServiceAccountToken": False}
LABELS = {"app": "web"}
TEMPLATE: Object = {"metadata": {"labels": LABELS}, "spec": {"containers": [CONTAINER]}}
WORKLOAD: Object = {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}
JOB_SPEC: Object = {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}}
CORE, APPS, BATCH = "/api/v1/namespaces/NS", "/apis/apps/v1/namespaces/NS", "/apis/batch/v1/namespaces/NS"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/NS"
NETWORK = "/apis/networking.k8s.io/v1"
RULE: Object = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}

FULL_CONTAINER: Object = {
    "name": "app",
    "image": "nginx:1.29",
    "command": ["a"],
    "args": [],
    "env": [
        {"name": "A", "value": "b"},
        {"name": "B"},
        {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
    ],
    "ports": [{"name": "http", "containerPort": 80}],
    "resources": {"limits": {"cpu": "1000m", "memory": "1024Mi"}, "requests": {"cpu": 0.5}},
    "livenessProbe": {"httpGet": {"port": "http"}},
    "readinessProbe": {"tcpSocket": {"port": 80}, "initialDelaySeconds": 0},
    "startupProbe": {"exec": {"command": ["true"]}},
    "volumeMounts": [{"name": "config", "mountPath": "/etc/config"}],
    "securityContext": {"runAsNonRoot": True, "privileged": False},
    "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
    "stdin": False,
}
FULL_POD: Object = {
    **POD_SPEC,
    "initContainers": [{"name": "init", "image": "busybox:latest"}],
    "containers": [FULL_CONTAINER],
    "volumes": [
        {"name": "config", "configMap": {"name": "settings"}},
        {"name": "secret", "secret": {"secretName": "token"}},
        {"name": "empty", "emptyDir": {}},
        {"name": "none"},
        {"name": "host", "hostPath": {"path": "/tmp"}},
        {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
        {"name": "down", "downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ],
    "tolerations": [{"key": "a", "operator": "Exists"}],
    "nodeSelector": {},
    "hostNetwork": False,
}

MANIFESTS: dict[str, tuple[str, Object]] = {
    "config map": (f"{CORE}/configmaps", {"data": {"a": "b"}, "binaryData": {"c": "eA=="}}),
    "empty config map": (f"{CORE}/configmaps", {"data": {}, "metadata": {"labels": {}, "annotations": {}}}),
    "secret": (f"{CORE}/secrets", {"stringData": {"a": "b"}}),
    "service account": (f"{CORE}/serviceaccounts", {"secrets": []}),
    "pod": (f"{CORE}/pods", {"spec": POD_SPEC}),
    "full pod": (f"{CORE}/pods", {"spec": FULL_POD}),
    "pod template": (f"{CORE}/podtemplates", {"template": TEMPLATE}),
    "replication controller": (f"{CORE}/replicationcontrollers", {"spec": {"selector": LABELS, "template": TEMPLATE}}),
    "service": (f"{CORE}/services", {"spec": {"selector": LABELS, "ports": [{"port": 80}]}}),
    "headless service": (
        f"{CORE}/services",
        {"spec": {"clusterIP": "None", "ports": [{"port": 80, "targetPort": "http"}]}},
    ),
    "node port": (f"{CORE}/services", {"spec": {"type": "NodePort", "ports": [{"port": 80}]}}),
    "load balancer": (
        f"{CORE}/services",
        {"spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "sessionAffinity": "ClientIP"}},
    ),
    "external name": (f"{CORE}/services", {"spec": {"type": "ExternalName", "externalName": "example.com"}}),
    "endpoints": (f"{CORE}/endpoints", {"subsets": [{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]}),
    "node": ("/api/v1/nodes", {"spec": {}}),
    "quota": (f"{CORE}/resourcequotas", {"spec": {"hard": {"count/widgets.example.com": "10"}}}),
    "limit range": (
        f"{CORE}/limitranges",
        {"spec": {"limits": [{"type": "PersistentVolumeClaim", "max": {"storage": "100Gi"}}]}},
    ),
    "deployment": (f"{APPS}/deployments", {"spec": WORKLOAD}),
    "recreated deployment": (
        f"{APPS}/deployments",
        {"spec": {**WORKLOAD, "replicas": 0, "strategy": {"type": "Recreate"}}},
    ),
    "replica set": (f"{APPS}/replicasets", {"spec": WORKLOAD}),
    "stateful set": (f"{APPS}/statefulsets", {"spec": {**WORKLOAD, "serviceName": "web"}}),
    "daemon set": (f"{APPS}/daemonsets", {"spec": WORKLOAD}),
    "job": (f"{BATCH}/jobs", {"spec": JOB_SPEC}),
    "cron job": (f"{BATCH}/cronjobs", {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": JOB_SPEC}}}),
    "lease": (
        "/apis/coordination.k8s.io/v1/namespaces/NS/leases",
        {"spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}},
    ),
    "role": (f"{RBAC}/roles", {"rules": [RULE]}),
    "empty role": (f"{RBAC}/roles", {}),
    "role binding": (
        f"{RBAC}/rolebindings",
        {
            "roleRef": {"kind": "Role", "name": "one", "apiGroup": "rbac.authorization.k8s.io"},
            "subjects": [{"kind": "User", "name": "me"}, {"kind": "ServiceAccount", "name": "a", "namespace": "NS"}],
        },
    ),
    "cluster role": ("/apis/rbac.authorization.k8s.io/v1/clusterroles", {"rules": [RULE]}),
    "ingress": (
        f"{NETWORK}/namespaces/NS/ingresses",
        {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}},
    ),
    "network policy": (
        f"{NETWORK}/namespaces/NS/networkpolicies",
        {"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]}},
    ),
    "ingress class": (f"{NETWORK}/ingressclasses", {"spec": {"controller": "example.com/ingress"}}),
    "disruption budget": (
        "/apis/policy/v1/namespaces/NS/poddisruptionbudgets",
        {"spec": {"minAvailable": 1, "selector": {"matchLabels": LABELS}}},
    ),
    "autoscaler": (
        "/apis/autoscaling/v2/namespaces/NS/horizontalpodautoscalers",
        {"spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}},
    ),
    "storage class": ("/apis/storage.k8s.io/v1/storageclasses", {"provisioner": "example.com/disk"}),
    "priority class": ("/apis/scheduling.k8s.io/v1/priorityclasses", {"value": 10}),
    "endpoint slice": (
        "/apis/discovery.k8s.io/v1/namespaces/NS/endpointslices",
        {"addressType": "IPv4", "endpoints": [{"addresses": ["1.2.3.4"]}], "ports": [{"port": 80}]},
    ),
    "runtime class": ("/apis/node.k8s.io/v1/runtimeclasses", {"handler": "runc"}),
    "webhook": (
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
        {
            "webhooks": [
                {
                    "name": "a.example.com",
                    "admissionReviewVersions": ["v1"],
                    "sideEffects": "None",
                    "clientConfig": {"service": {"name": "a", "namespace": "b"}},
                    "rules": [
                        {
                            "apiGroups": ["x.example.com"],
                            "apiVersions": ["v1"],
                            "operations": ["CREATE"],
                            "resources": ["xs"],
                        }
                    ],
                }
            ]
        },
    ),
}


def manifest(name: str) -> tuple[str, Object]:
    """The path of the collection and the object of this name, which is called ``one``; cluster-scoped objects ``NS-one``."""
    path, content = MANIFESTS[name]
    metadata = {"name": "one" if "namespaces/NS" in path else "NS-one", **content.get("metadata", {})}
    return path, {**content, "metadata": metadata}
