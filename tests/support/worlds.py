"""A small cluster in memory: the children of one Model, and what obeying the steps of a plan makes of them."""

import copy
from typing import Any

from controller import meta
from controller.api.model import Model
from controller.dialects import E4FB6663, ChildKey, Dialect
from controller.meta import Object
from controller.reconcilers.live import observer_of
from controller.reconcilers.observe import Snapshot
from controller.reconcilers.plan import Plan, plan
from controller.reconcilers.pods import slim
from controller.reconcilers.steps import Create, Delete, Patch, Recreate
from controller.render import RenderOptions, render


class World:
    """Children by key, the Model that they are of, and the dialect that they are in."""

    def __init__(self, model: dict[str, Any], dialect: Dialect = E4FB6663) -> None:
        self.model = model
        self.dialect = dialect
        self.children: dict[ChildKey, dict[str, Any]] = {}
        self.pods: dict[str, dict[str, Any]] = {}
        self._version = 0

    def put(self, child: Object) -> dict[str, Any]:
        """Stores an object as an API server does: a copy with a uid and a version."""
        self._version += 1
        stored: dict[str, Any] = copy.deepcopy(dict(child))
        stored["metadata"].setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        stored["metadata"].setdefault("uid", f"uid-{self._version}")
        stored["metadata"]["resourceVersion"] = str(self._version)
        self.children[ChildKey(stored["kind"], meta.name_of(stored))] = stored
        return stored

    def snapshot(self, desired: tuple[dict[str, Any], ...]) -> Snapshot:
        """What a pass observes."""
        children = {
            resource: [child for child in self.children.values() if child["kind"] == resource.kind]
            for resource in self.dialect.children
        }
        pods = [slim(pod) for pod in self.pods.values()]
        return observer_of(self.dialect, children, pods).snapshot(self.model, desired)

    def start_pod(self, workload: str, ordinal: int = 0, *, ready: bool = True) -> None:
        """The entry pods of one replica, made from the live template; a pod that exists is replaced."""
        live = self.children[ChildKey(self.dialect.workload.kind, workload)]
        for role in live["spec"]["template"]["roles"]:
            name = f"{workload}-{ordinal}-{role['name']}-0-0"
            self.pods[name] = a_pod_of(live, role, name, self.dialect, ready=ready)

    def plan(self, now: float = 0.0, **options: Any) -> Plan:
        """What a pass would do at this time."""
        parsed = Model.from_object(self.model)
        desired = render(parsed, RenderOptions.of(self.dialect))
        return plan(parsed, desired, self.snapshot(desired), self.dialect, now=now, **options)

    def obey(self, planned: Plan) -> None:
        """Every step, in the order of the plan, with nothing going wrong."""
        for key, step in planned.steps.items():
            match step:
                case Create():
                    self.put(step.desired)
                    self._drop_kept(step.keeper)
                case Patch():
                    self.put(meta.merge_patch(self.children[key], step.patch))
                case Recreate():
                    del self.children[key]
                    self.put(step.desired)
                    self._drop_kept(step.keeper)
                case Delete():
                    del self.children[key]
                case _:
                    pass

    def _drop_kept(self, keeper: ChildKey | None) -> None:
        """The keeper of foreign parts is done."""
        if keeper in self.children:
            self.children[keeper]["metadata"].get("annotations", {}).pop(self.dialect.keys.carried_over, None)

    def settle(self) -> None:
        """Plans and obeys once."""
        self.obey(self.plan())

    def steps(self, **options: Any) -> dict[str, str]:
        """The plan in short: ``Kind name`` to the class of its step."""
        return {str(key): type(step).__name__ for key, step in self.plan(**options).steps.items()}


def a_pod_of(
    workload: Object, role: dict[str, Any], name: str, dialect: Dialect, *, ready: bool, ip: str = "10.0.0.1"
) -> dict[str, Any]:
    """An entry pod as the controller of the workloads makes it from a role."""
    keys, template = dialect.pod_keys, role["entryTemplate"]
    labels = {keys.name: meta.name_of(workload), keys.role: role["name"], keys.entry: "true"}
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": meta.namespace_of(workload),
            "labels": {**labels, **template["metadata"]["labels"]},
            "ownerReferences": [meta.controller_reference(workload, dialect.workload)],
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {"phase": "Running" if ready else "Pending", "podIP": ip, "conditions": [condition]},
    }
