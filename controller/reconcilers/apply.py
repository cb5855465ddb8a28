"""Carries out a pass: every child in its own task, waiting only for what it needs, every outcome collected."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from controller import meta
from controller.api.kinds import (
    ALL_CHILDREN,
    AUTOSCALING_POLICY,
    AUTOSCALING_POLICY_BINDING,
    MODEL_INFER,
    MODEL_ROUTE,
    MODEL_SERVER,
)
from controller.client import Client
from controller.informers import SharedInformer
from controller.meta import NamespacedName, Object, Resource
from controller.meta.errors import AlreadyExists, ApiError, Conflict, NotFound, StatusError
from controller.reconcilers.diff import Change, Ownership, Scaling, diff, held_back, must_recreate, ownership
from controller.reconcilers.observe import Observed, binding_targets
from controller.reconcilers.outcome import Outcome, Problem
from controller.reconcilers.reasons import CHILD_CONFLICT
from controller.render.names import HELD_REVISION

_RESOURCES = {resource.kind: resource for resource in ALL_CHILDREN}
Key = tuple[str, str]


def key_of(child: Object) -> Key:
    """Kind and name."""
    return str(child["kind"]), meta.name_of(child)


def needs(child: Object, wanted: Sequence[Object]) -> tuple[Key, ...]:
    """The children that must be as desired before this one may be written.

    A ModelInfer needs its ModelServer, whose pods must find it when they become ready; a binding needs its policy and its ModelInfers; the
    route needs all ModelServers, though it is content with old ones: whom it no longer names can go.
    """
    kind, name = key_of(child)
    if kind == MODEL_INFER.kind:
        return ((MODEL_SERVER.kind, name),)
    if kind == AUTOSCALING_POLICY_BINDING.kind:
        targets = tuple((MODEL_INFER.kind, target.partition("/")[2]) for target in binding_targets(child))
        return ((AUTOSCALING_POLICY.kind, name), *targets)
    if kind == MODEL_ROUTE.kind:
        return tuple(key_of(other) for other in wanted if other["kind"] == MODEL_SERVER.kind)
    return ()


class Applier:
    """Writes children. What the server answers is recorded in the informers, so that the next pass sees it."""

    def __init__(self, client: Client, informers: Mapping[Resource, SharedInformer]) -> None:
        self._client = client
        self._informers = informers
        self._contested: set[tuple[str, NamespacedName]] = set()

    async def apply(
        self,
        wanted: Sequence[dict[str, Any]],
        observed: Observed,
        scaling: Mapping[str, Scaling],
        postponed: Collection[Key] = (),
    ) -> Outcome:
        """Makes the children what is wanted, as far as that is possible now; ``postponed`` ones wait for another pass."""
        return await _Pass(self._client, self._informers, self._contested, wanted, observed, scaling, postponed).run()


class _Pass:
    def __init__(
        self,
        client: Client,
        informers: Mapping[Resource, SharedInformer],
        contested: set[tuple[str, NamespacedName]],
        wanted: Sequence[dict[str, Any]],
        observed: Observed,
        scaling: Mapping[str, Scaling],
        postponed: Collection[Key],
    ) -> None:
        self._client = client
        self._informers = informers
        self._contested = contested
        self._postponed = postponed
        self._wanted = wanted
        self._observed = observed
        self._scaling = scaling
        self._tasks: dict[Key, asyncio.Task[bool]] = {}
        self.outcome = Outcome()

    async def run(self) -> Outcome:
        names = {key_of(child) for child in self._wanted}
        extra = [
            (resource, obj) for resource, obj in self._observed.owned if (resource.kind, meta.name_of(obj)) not in names
        ]
        await asyncio.gather(*(self._delete(r, o) for r, o in extra if r == AUTOSCALING_POLICY_BINDING))
        for child in self._wanted:
            self._tasks[key_of(child)] = asyncio.create_task(self._child(child))
        try:
            await asyncio.gather(*self._tasks.values())
        finally:
            for task in self._tasks.values():
                task.cancel()
        await self._prune([(r, o) for r, o in extra if r != AUTOSCALING_POLICY_BINDING])
        for log in (self.outcome.created, self.outcome.updated, self.outcome.deleted, self.outcome.waiting):
            log.sort()
        return self.outcome

    async def _child(self, desired: dict[str, Any]) -> bool:
        """Whether the child is as desired in the end."""
        kind, name = key_of(desired)
        for needed in needs(desired, self._wanted):
            task = self._tasks.get(needed)
            if task is not None and not await task and not (kind == MODEL_ROUTE.kind and self._stands(needed)):
                self.outcome.waiting.append(f"{kind} {name}")
                return False
        if (kind, name) in self._postponed:
            self.outcome.waiting.append(f"{kind} {name}")
            return False
        try:
            return await self._write(desired, self._observed.child(_RESOURCES[kind], name))
        except ApiError as error:
            if isinstance(error, StatusError) and error.has_cause("NamespaceTerminating"):
                self.outcome.namespace_ends = True
            else:
                self.outcome.problems.append(Problem.of(kind, name, "apply", error))
            return False

    def _stands(self, key: Key) -> bool:
        """Whether the child was there before, ours, if perhaps not as desired: enough for a route to name it."""
        live = self._observed.children.get(key)
        ours = live is not None and meta.is_controlled_by(live, meta.uid_of(self._observed.model))
        return ours and not meta.is_deleting(live or {})

    async def _write(self, desired: dict[str, Any], live: Object | None) -> bool:
        kind, name = key_of(desired)
        resource, namespace = _RESOURCES[kind], meta.namespace_of(desired)
        contest = (kind, NamespacedName(namespace, name))
        if live is None and contest in self._contested:
            live = await self._read(resource, name, namespace)
        if live is not None:
            try:
                return await self._settle(resource, desired, live, contest)
            except NotFound:
                self._informers[resource].record_deletion(live)
        try:
            created = await self._client.create(resource, desired)
        except AlreadyExists:
            live = await self._read(resource, name, namespace)
            if live is None:
                raise
            return await self._settle(resource, desired, live, contest)
        self._took(resource, desired, created, self.outcome.created)
        return True

    async def _settle(
        self, resource: Resource, desired: dict[str, Any], live: Object, contest: tuple[str, NamespacedName]
    ) -> bool:
        kind, name = key_of(desired)
        whose = ownership(live, self._observed.model)
        if whose in (Ownership.FOREIGN, Ownership.LEFTOVER):
            self._contested.add(contest)
            told = (
                "belongs to a deleted Model of this name"
                if whose is Ownership.LEFTOVER
                else "is not controlled by this Model"
            )
            error = f"an object of this name exists and {told}"
            self.outcome.problems.append(Problem(kind, name, "conflict", error, reason=CHILD_CONFLICT.reason))
            return False
        self._contested.discard(contest)
        if meta.is_deleting(live):
            self.outcome.waiting.append(f"{kind} {name}")
            return False
        if must_recreate(desired, live):
            return await self._recreate(resource, desired, live)
        if whose is Ownership.ADOPTABLE:
            live = await self._read(resource, name, meta.namespace_of(desired)) or live
        return await self._patch(resource, desired, live, retry=True)

    async def _patch(self, resource: Resource, desired: dict[str, Any], live: Object, *, retry: bool) -> bool:
        name = meta.name_of(desired)
        change = self._diff(desired, live)
        if held_back(desired, live) is not None:
            self.outcome.held.append(name)
        if change is None:
            return True
        metadata = {**change.patch.get("metadata", {}), "resourceVersion": meta.resource_version_of(live)}
        body = {**change.patch, "metadata": metadata}
        namespace = meta.namespace_of(desired)
        try:
            patched = await self._client.patch(resource, name, body, namespace=namespace)
        except Conflict:
            fresh = await self._read(resource, name, namespace) if retry else None
            if fresh is None or ownership(fresh, self._observed.model) not in (Ownership.OURS, Ownership.ADOPTABLE):
                raise
            return await self._patch(resource, desired, fresh, retry=False)
        self._took(resource, desired, patched, self.outcome.updated, f" ({', '.join(change.reasons[:4])})")
        if metadata.get("annotations", {}).get(HELD_REVISION):
            self.outcome.newly_held.append(name)
        return True

    async def _recreate(self, resource: Resource, desired: dict[str, Any], live: Object) -> bool:
        kind, name = key_of(desired)
        if not await self._delete(resource, live):
            return False
        try:
            created = await self._client.create(resource, desired)
        except AlreadyExists:
            self.outcome.waiting.append(f"{kind} {name}")
            return False
        self._took(resource, desired, created, self.outcome.created)
        return True

    def _diff(self, desired: dict[str, Any], live: Object) -> Change | None:
        kind, name = key_of(desired)
        return diff(desired, live, self._scaling.get(name) if kind == MODEL_INFER.kind else None)

    def _took(
        self, resource: Resource, desired: dict[str, Any], answer: Object, log: list[str], note: str = ""
    ) -> None:
        """The server took a write: the next pass will see it, whatever the watch does.

        When it made something else of it, as an older CRD or a webhook does, the next pass would write the same again, and so on for ever:
        that is a problem, so that it backs off.
        """
        kind, name = key_of(desired)
        self._informers[resource].record(answer)
        self.outcome.versions[kind, name] = meta.resource_version_of(answer)
        log.append(f"{kind} {name}{note}")
        if (left := self._diff(desired, answer)) is not None:
            error = f"the server does not keep {', '.join(left.reasons[:4])}"
            self.outcome.problems.append(Problem(kind, name, "apply", error, transient=True))

    async def _read(self, resource: Resource, name: str, namespace: str) -> Object | None:
        try:
            return await self._client.get(resource, name, namespace)
        except NotFound:
            return None

    async def _read_same(self, resource: Resource, obj: Object) -> Object | None:
        """The object as it is now, if it is still the same one and still ours."""
        try:
            fresh = await self._read(resource, meta.name_of(obj), meta.namespace_of(obj))
        except ApiError:
            return None
        ours = fresh is not None and meta.is_controlled_by(fresh, meta.uid_of(self._observed.model))
        return fresh if ours and meta.uid_of(fresh or {}) == meta.uid_of(obj) else None

    async def _delete(self, resource: Resource, obj: Object, *, retry: bool = True) -> bool:
        """Whether the object is on its way out."""
        if meta.is_deleting(obj):
            return True
        name = meta.name_of(obj)
        try:
            answer = await self._client.delete(
                resource,
                name,
                namespace=meta.namespace_of(obj),
                uid=meta.uid_of(obj),
                resource_version=meta.resource_version_of(obj),
            )
        except NotFound:
            return True
        except ApiError as error:
            if retry and isinstance(error, Conflict) and (fresh := await self._read_same(resource, obj)) is not None:
                return await self._delete(resource, fresh, retry=False)
            self.outcome.problems.append(Problem.of(resource.kind, name, "delete", error))
            return False
        if not meta.is_deleting(answer):
            self._informers[resource].record_deletion(obj)
            self.outcome.versions[resource.kind, name] = None
        self.outcome.deleted.append(f"{resource.kind} {name}")
        return True

    async def _prune(self, extra: Sequence[tuple[Resource, Object]]) -> None:
        """Removes what is not wanted, except what a live route or binding of ours still names."""
        named = self._still_named()
        await asyncio.gather(
            *(self._delete(resource, obj) for resource, obj in extra if (resource.kind, meta.name_of(obj)) not in named)
        )

    def _still_named(self) -> set[Key]:
        model = self._observed.model
        uid, namespace = meta.uid_of(model), meta.namespace_of(model)
        named: set[Key] = set()
        route = self._informers[MODEL_ROUTE].lister.get(meta.name_of(model), namespace)
        if route is not None and meta.is_controlled_by(route, uid):
            for server in _route_targets(route):
                named |= {(MODEL_SERVER.kind, server), (MODEL_INFER.kind, server)}
        for binding in self._informers[AUTOSCALING_POLICY_BINDING].lister.list(namespace):
            policy = meta.spec_of(binding).get("policyRef")
            if meta.is_controlled_by(binding, uid) and isinstance(policy, Mapping):
                named.add((AUTOSCALING_POLICY.kind, str(policy.get("name"))))
        return named


def _route_targets(route: Object) -> set[str]:
    rules = meta.spec_of(route).get("rules")
    return {
        str(target.get("modelServerName"))
        for rule in (rules if isinstance(rules, list) else ())
        for target in rule.get("targetModels") or ()
    }
