"""Scripts of kubectl commands, as people type them, and the files that they name. NS stands for a namespace of the script's own."""

FILES = {
    "app.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app}}
spec:
  replicas: 1
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - name: a
        image: a:1
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        ports: [{containerPort: 80}, {containerPort: 81, name: other}]
---
apiVersion: v1
kind: Service
metadata: {name: app, labels: {app: app}}
spec: {selector: {app: app}, clusterIP: None, ports: [{port: 80, name: http}, {port: 81, name: other}]}
""",
    "changed.yaml": """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, labels: {app: app, tier: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      containers:
      - name: a
        image: a:2
        env: [{name: B, value: "3"}, {name: C, value: "2"}]
        ports: [{containerPort: 81, name: other}]
      - {name: b, image: "b:2"}
""",
    "pruned.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: kept, labels: {prune: "yes"}}
""",
    "bad.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: bad}
daat: {a: b}
""",
    "pod.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: web}}
spec:
  serviceAccountName: default
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 0
  containers: [{name: one, image: "busybox:1"}]
""",
    "bound.yaml": """
apiVersion: v1
kind: Pod
metadata: {name: bound, labels: {app: web}}
spec:
  nodeName: node-NS
  serviceAccountName: default
  automountServiceAccountToken: false
  containers: [{name: one, image: "busybox:1"}]
""",
    "node.yaml": """
apiVersion: v1
kind: Node
metadata: {name: node-NS}
""",
    "crd.yaml": """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: gizmos.NS.example.com}
spec:
  group: NS.example.com
  scope: Namespaced
  names: {plural: gizmos, kind: Gizmo, shortNames: [gz]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns:
    - {name: Size, type: integer, jsonPath: .spec.size, description: How big it is}
    - {name: Colour, type: string, jsonPath: .spec.colour, priority: 1}
    subresources:
      status: {}
      scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}
    schema:
      openAPIV3Schema:
        type: object
        description: A gizmo for tests
        properties:
          spec:
            type: object
            description: What is wanted
            required: [size]
            properties:
              size: {type: integer, maximum: 10, description: How big it is}
              colour: {type: string, enum: [red, blue], default: red}
              replicas: {type: integer}
          status: {type: object, properties: {replicas: {type: integer}}}
""",
    "gizmo.yaml": """
apiVersion: NS.example.com/v1
kind: Gizmo
metadata: {name: one}
spec: {size: 3, replicas: 1}
""",
    "tables.yaml": """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: many}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: x}
  maxReplicas: 3
  metrics:
  - {type: Resource, resource: {name: memory, target: {type: AverageValue, averageValue: 100Mi}}}
  - {type: Pods, pods: {metric: {name: q}, target: {type: AverageValue, averageValue: "5"}}}
  - {type: External, external: {metric: {name: q}, target: {type: Value, value: "5"}}}
---
apiVersion: v1
kind: Endpoints
metadata: {name: one}
subsets: [{addresses: [{ip: 1.2.3.4}, {ip: 1.2.3.5}], ports: [{port: 80, name: a}, {port: 81, name: b}]}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: one}
addressType: IPv4
ports: [{port: 80, name: a}]
endpoints: [{addresses: [1.2.3.4]}, {addresses: [1.2.3.5]}, {addresses: [1.2.3.6]}, {addresses: [1.2.3.7]}]
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: one}
spec: {hard: {services.loadbalancers: "2"}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: one}
spec:
  suspend: true
  schedule: "* * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one}
spec: {podSelector: {matchLabels: {a: b}}, policyTypes: [Ingress]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: one}
spec: {minAvailable: 1, selector: {matchLabels: {app: none}}}
""",
}

SCRIPTS: dict[str, list[str]] = {
    "config maps": [
        "create cm one --from-literal=a=b --from-literal=c=d",
        "create cm one --from-literal=a=b",
        "create cm two --from-literal=x=y --dry-run=server -o yaml",
        "get cm one -o yaml",
        "get cm",
        "get cm -o custom-columns=NAME:.metadata.name,A:.data.a",
        "get cm -o jsonpath={.items[*].data.a}",
        "get cm --field-selector metadata.name=one -o name",
        "get cm --field-selector data.x=one",
        "get cm nope",
        "get cm nope --ignore-not-found",
        "get nopes",
        "label cm one colour=red",
        "label cm one colour=blue",
        "label cm one colour=blue --overwrite",
        "get cm -L colour -l 'colour in (blue,red)'",
        "label cm one 'bad value=x y'",
        "annotate cm one note=hello",
        """patch cm one -p '{"data":{"a":"z"}}'""",
        """patch cm one --type=json -p '[{"op":"remove","path":"/data/c"}]'""",
        """patch cm one --type=merge -p '{"data":{"a":null}}'""",
        """patch cm one -p '{"data":{"a":"z"}}' --dry-run=server -o jsonpath={.data}""",
        "describe cm one",
        "edit cm one",
        "get cm one -o jsonpath={.metadata.labels}",
        "delete cm one --dry-run=server",
        "delete cm one two",
        "delete cm --all",
    ],
    "secrets, accounts and tokens": [
        "create secret generic one --from-literal=p=q",
        "get secret one",
        "describe secret one",
        "create secret docker-registry two --docker-server=a --docker-username=b --docker-password=c",
        "create sa builder",
        "create token builder --duration=1h -o jsonpath={.spec.expirationSeconds}",
        "create token builder --duration=1s",
        "create token nope",
        "get secrets",
    ],
    "rights": [
        "create role reader --verb=get,list --resource=pods,cm",
        "create role bad --verb=get --resource=nope",
        "create rolebinding rb --role=reader --serviceaccount=NS:builder",
        "create clusterrole NS-nodes --verb=get --resource=nodes",
        "create clusterrolebinding NS-jane --clusterrole=NS-nodes --user=jane-NS",
        "create rolebinding viewer --clusterrole=view --user=viewer",
        "get roles,rolebindings",
        "describe role reader",
        "describe clusterrole view",
        "auth can-i get pods --as=system:serviceaccount:NS:builder",
        "auth can-i delete pods --as=system:serviceaccount:NS:builder",
        "auth can-i get nodes --as=jane-NS",
        "auth can-i list pods --as=viewer",
        "auth can-i list secrets --as=viewer",
        "auth can-i '*' '*'",
        "auth can-i '*' '*' --as=nobody",
        "auth can-i --list --as=jane-NS",
        "set subject rolebinding rb --user=joe",
        "delete clusterrole,clusterrolebinding -l nothing=here",
    ],
    "deployments": [
        "create deploy web --image=nginx --replicas=2 --port=80",
        "get deploy -o wide",
        "get deploy web -o yaml",
        "describe deploy web",
        "scale deploy web --replicas=3",
        "scale deploy web --replicas=4 --current-replicas=2",
        "get deploy web --subresource=scale",
        "autoscale deploy web --min=1 --max=3 --cpu=80%",
        "get hpa",
        "set image deploy/web nginx=nginx:1.27",
        "set env deploy/web A=B",
        "set env deploy/web --list",
        "set env deploy/web A-",
        "set resources deploy web --limits=cpu=200m,memory=512Mi",
        "set sa deploy web builder",
        "rollout history deploy/web",
        "rollout status deploy/web --watch=false",
        "rollout pause deploy/web",
        "rollout pause deploy/web",
        "rollout resume deploy/web",
        "rollout undo deploy/web",
        "expose deploy web --port=80 --target-port=8080",
        "get deploy web -o jsonpath={.spec.template.spec}",
        "delete deploy web --cascade=orphan",
    ],
    "services": [
        "create svc clusterip cip --tcp=5678:8080",
        "create svc nodeport np --tcp=80",
        "create svc loadbalancer lb --tcp=80",
        "create svc externalname en --external-name=a.b.c",
        "create svc clusterip hl --clusterip=None",
        "get svc -o wide",
        "get svc en -o yaml",
        "delete svc --all",
    ],
    "pods": [
        "apply -f pod.yaml",
        "get pods",
        "get pods --field-selector=status.phase=Pending -o name",
        "get pods --field-selector=spec.restartPolicy=Never -o name",
        "logs one",
        "exec one -- ls",
        "set image pod/one one=busybox:2",
        """patch pod one --subresource=status -p '{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}'""",
        "wait pod one --for=condition=Ready --timeout=20s",
        "wait pod one --for=jsonpath={.status.phase}=Running --timeout=20s",
        "wait pod nope --for=delete --timeout=20s",
        "label pods --all tier=x",
        "debug one --image=busybox:1 -c debugger",
        "get pod one -o jsonpath={.spec.ephemeralContainers}",
        "replace --force -f pod.yaml",
        "delete pod one --now",
        "delete pod one",
        "run bad_name --image=busybox",
    ],
    "apply": [
        "apply -f app.yaml",
        "apply -f app.yaml",
        "apply view-last-applied deploy app",
        "apply -f changed.yaml",
        "diff -f changed.yaml",
        "get deploy app -o jsonpath={.spec.template.spec.containers}",
        "apply -f app.yaml --server-side",
        "get deploy app -o jsonpath={.spec.template.spec.containers}",
        "apply -f changed.yaml --server-side --field-manager=other",
        "apply -f changed.yaml --server-side --field-manager=other --force-conflicts",
        "get deploy app -o yaml --show-managed-fields",
        "apply set-last-applied -f app.yaml",
        "apply -f app.yaml --dry-run=server -o name",
        "apply -f bad.yaml",
        "apply -f bad.yaml --validate=warn",
        "apply -f pruned.yaml",
        "create cm old --from-literal=a=b",
        "replace -f changed.yaml",
        "create -f app.yaml",
        "delete -f app.yaml",
    ],
    "custom resources": [
        "apply -f crd.yaml",
        "wait crd gizmos.NS.example.com --for=condition=Established --timeout=30s",
        "get crd gizmos.NS.example.com -o wide",
        "apply -f gizmo.yaml",
        "get gizmos.NS.example.com -o wide",
        "describe gizmos.NS.example.com one",
        "scale gizmos.NS.example.com one --replicas=3",
        "get gizmos.NS.example.com one --subresource=scale",
        "explain gizmos.NS.example.com --recursive",
        "explain gizmos.NS.example.com.spec",
        "explain gizmos.NS.example.com.nope",
        """patch gizmos.NS.example.com one --type=merge -p '{"spec":{"size":50}}'""",
        """patch gizmos.NS.example.com one --type=merge -p '{"spec":{"unknown":1}}'""",
        """patch gizmos.NS.example.com one -p '{"spec":{"size":1}}'""",
        "edit gizmos.NS.example.com one",
        "get gizmos.NS.example.com one -o jsonpath={.spec}",
        "apply -f gizmo.yaml --server-side",
        "delete gizmos.NS.example.com --all",
        "delete crd gizmos.NS.example.com",
    ],
    "nodes": [
        "create -f node.yaml",
        "get node node-NS",
        "describe node node-NS",
        "cordon node-NS",
        "get node node-NS",
        "uncordon node-NS",
        "taint nodes node-NS a=b:NoSchedule",
        "taint nodes node-NS a=b:NoSchedule",
        "taint nodes node-NS a:NoSchedule-",
        "create -f bound.yaml",
        "drain node-NS --timeout=20s",
        "delete pod bound --grace-period=0 --force",
        "drain node-NS --timeout=20s",
        "delete node node-NS",
    ],
    "tables": [
        "apply -f tables.yaml",
        "get hpa,ep,endpointslices,quota,cronjobs,netpol,pdb -o wide",
        "describe pdb one",
        "create job one --from=cronjob/one",
        "get jobs",
        "get clusterroles view edit admin",
        "get priorityclasses",
    ],
}
