"""Applies a plan: every step that writes in a task of its own, after the steps that it needs. It decides nothing.

An answer that shows that the plan was made from an old object (409, 404) leads to one more plan for that child, from the live object. Every
other error is collected as a Problem and stops only the steps that need the child.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from controller import meta
from controller.client import Client
from controller.dialects import ChildKey, Dialect
from controller.informers import SharedInformer
from controller.meta import Object, Resource
from controller.meta.errors import AlreadyExists, ApiError, Conflict, NotFound, StatusError
from controller.reconcilers.outcome import Operation, Outcome, Problem, Write
from controller.reconcilers.plan import Plan
from controller.reconcilers.reasons import CHILD_CONFLICT, RIVAL_CONTROLLER
from controller.reconcilers.rivals import LIMIT, Record, Records, is_person, record_of, writer
from controller.reconcilers.steps import Create, Delete, Keep, Patch, Reason, Recreate, Refuse, Step, Wait

_FIELDS_SHOWN = 4


class Applier:
    """Writes children of one dialect. The client takes the answers into the caches, so that the next pass sees them."""

    def __init__(self, client: Client, informers: Mapping[Resource, SharedInformer], dialect: Dialect) -> None:
        self._client = client
        self._informers = informers
        self._dialect = dialect
        self._records = Records()

    async def apply(self, plan: Plan) -> Outcome:
        """Carries out the steps. Raises nothing that the API server answers: it is in the outcome."""
        execution = _Execution(self._client, self._informers, plan, self._records)
        return await execution.run()

    async def read(self, key: ChildKey, namespace: str) -> Object | None:
        """The child as it is on the API server now; None when there is none. Raises ApiError."""
        return await _read(self._client, self._dialect.kind(key.kind).resource, key.name, namespace)


async def _read(client: Client, resource: Resource, name: str, namespace: str) -> Object | None:
    try:
        return await client.get(resource, name, namespace)
    except NotFound:
        return None


class _Execution:
    """One application of one plan."""

    def __init__(
        self, client: Client, informers: Mapping[Resource, SharedInformer], plan: Plan, records: Records
    ) -> None:
        self._client = client
        self._informers = informers
        self._plan = plan
        self._records = records
        self._dialect = plan.request.dialect
        self._namespace = plan.request.model.namespace
        self._tasks: dict[ChildKey, asyncio.Task[bool]] = {}
        self._due: dict[ChildKey, Record] = {}
        self._left: set[ChildKey] = set()
        self._outcome = Outcome()

    async def run(self) -> Outcome:
        for key, step in self._plan.steps.items():
            if isinstance(step, Keep) and self._tasks.keys().isdisjoint((*step.needs, *step.after)):
                self._note_held(step)
            else:
                self._tasks[key] = asyncio.create_task(self._run(step))
        try:
            await asyncio.gather(*self._tasks.values())
        finally:
            for task in self._tasks.values():
                task.cancel()
        self._outcome.writes.sort(key=lambda write: (write.kind, write.name))
        self._outcome.waiting.sort(key=lambda step: step.key)
        return self._outcome

    async def _run(self, step: Step) -> bool:
        """Whether the child is as planned in the end. What a Wait needs is not waited for here: it may need this child itself."""
        needs = () if isinstance(step, Wait) else step.needs
        failed = {need for need in needs if need in self._tasks and not await self._tasks[need]}
        if not isinstance(step, Delete):
            failed -= self._left  # it exists, which is all that a writer of another child needs
        for key in step.after:
            if key in self._tasks:
                await self._tasks[key]
        if failed:
            revised = self._plan.revised(step.key, self._plan.request.snapshot.children.get(step.key), failed)
            if revised is None:
                return True
            step = revised
        try:
            return await self._perform(step, may_revise=True)
        except ApiError as error:
            self._fail(step, error)
            return False

    def _fail(self, step: Step, error: ApiError) -> None:
        if isinstance(error, StatusError) and error.has_cause("NamespaceTerminating"):
            self._outcome.namespace_terminating = True
            return
        action = "delete" if isinstance(step, Delete) else "apply"
        if isinstance(error, NotFound) and error.is_unknown_resource:
            problem = Problem.not_installed(self._dialect.kind(step.kind).resource, step.name, action)
        else:
            problem = Problem.from_error(step.kind, step.name, action, error)
        self._outcome.problems.append(problem)

    async def _perform(self, step: Step, *, may_revise: bool) -> bool:
        try:
            return await self._do(step)
        except (Conflict, AlreadyExists, NotFound):
            live = await self._read(step) if may_revise else None
            if not may_revise or (live is None and isinstance(step, Create)):
                raise
            return await self._revise(step, live)

    async def _read(self, step: Step) -> Object | None:
        return await _read(self._client, self._dialect.kind(step.kind).resource, step.name, self._namespace)

    async def _revise(self, step: Step, live: Object | None) -> bool:
        """The step was planned from another object than the live one: plans this child once more."""
        if live is None and isinstance(step, Patch | Recreate):
            self._informer(step.kind).record_deletion(step.live)
        revised = self._plan.revised(step.key, live)
        return revised is None or await self._perform(revised, may_revise=False)

    async def _do(self, step: Step) -> bool:
        match step:
            case Keep():
                self._note_held(step)
                return True
            case Wait():
                self._outcome.waiting.append(step)
                return step.usable
            case Refuse():
                problem = Problem(step.kind, step.name, "conflict", step.reason, reason=CHILD_CONFLICT.reason)
                self._outcome.problems.append(problem)
                return False
            case Create():
                await self._create(step)
                return True
            case Patch() | Recreate():
                return await self._overwrite(step)
            case Delete():
                await self._delete(step)
                return True

    async def _overwrite(self, step: Patch | Recreate) -> bool:
        """Writes the child, unless it is left to a rival."""
        before = self._records.get(self._namespace, step.key)
        record = record_of(step, self._plan.request.model.object, before, self._plan.request.now)
        if record.is_due:
            live = await self._read(step)
            rival = writer(live or {}, step)
            record = record.forgiven() if live is None or is_person(rival) else record.stopped(rival)
        if record.until:
            self._records.put(self._namespace, step.key, record)
            self._leave(step, record)
            return False
        self._due[step.key] = record
        if isinstance(step, Recreate):
            return await self._recreate(step)
        await self._patch(step)
        return True

    def _leave(self, step: Patch | Recreate, record: Record) -> None:
        wait = Wait(kind=step.kind, name=step.name, reason=Reason.RIVAL, live=step.live, until=record.until)
        self._left.add(step.key)
        self._outcome.waiting.append(wait)
        said = f"{record.rival or 'another writer'} undid {LIMIT} equal writes, so the child is left as it is"
        problem = Problem(step.kind, step.name, "not written", said, reason=RIVAL_CONTROLLER.reason)
        self._outcome.problems.append(problem)

    async def _create(self, step: Create | Recreate) -> None:
        created = await self._client.create(self._dialect.kind(step.kind).resource, step.desired)
        self._record(step, created, step.desired)
        self._outcome.writes.append(Write(Operation.CREATE, step.kind, step.name))
        if step.keeper is not None and step.keeper in self._plan.request.desired:
            await self._annotate(step.keeper, None)

    async def _patch(self, step: Patch) -> None:
        metadata = {**step.patch.get("metadata", {}), "resourceVersion": meta.resource_version_of(step.live)}
        body = {**step.patch, "metadata": metadata}
        resource = self._dialect.kind(step.kind).resource
        patched = await self._client.patch(resource, step.name, body, namespace=self._namespace)
        self._note_held(step)
        if step.newly_held:
            self._outcome.newly_held.append(step.name)
        self._record(step, patched, meta.merge_patch(dict(step.live), step.patch))
        self._outcome.writes.append(Write(Operation.UPDATE, step.kind, step.name, step.fields))

    async def _delete(self, step: Delete | Recreate) -> None:
        answer = await self._client.delete(
            self._dialect.kind(step.kind).resource,
            step.name,
            namespace=self._namespace,
            uid=meta.uid_of(step.live),
            resource_version=meta.resource_version_of(step.live),
        )
        if not meta.is_deleting(answer):
            self._outcome.live[step.key] = None
        self._outcome.writes.append(Write(Operation.DELETE, step.kind, step.name))

    async def _annotate(self, keeper: ChildKey, kept: str | None) -> None:
        """Keeps the foreign parts of a child at another one while it does not exist; None removes them."""
        patch = {"metadata": {"annotations": {self._dialect.keys.carried_over: kept}}}
        resource = self._dialect.kind(keeper.kind).resource
        answer = await self._client.patch(resource, keeper.name, patch, namespace=self._namespace)
        self._outcome.live[keeper] = answer

    async def _recreate(self, step: Recreate) -> bool:
        if step.keeper is not None:
            await self._annotate(step.keeper, step.kept)
        await self._delete(step)
        try:
            await self._create(step)
        except AlreadyExists:
            self._outcome.waiting.append(Wait(kind=step.kind, name=step.name, reason=step.reason, live=step.live))
            return False
        return True

    def _note_held(self, step: Keep | Patch) -> None:
        if step.held:
            self._outcome.held.append(step.name)

    def _record(self, step: Create | Patch | Recreate, answer: Object, expected: Mapping[str, Any]) -> None:
        """A server that made something else of the write, as an older CRD or a webhook does, would get the same write in every pass: that is a
        problem, so that it backs off. Nobody undoes such a write.
        """
        self._outcome.live[step.key] = answer
        left = None if _is_kept(answer, expected) else self._plan.revised(step.key, answer)
        if isinstance(left, Patch | Recreate):
            self._records.drop(self._namespace, step.key)
            error = f"the server does not keep {', '.join(left.fields[:_FIELDS_SHOWN])}"
            self._outcome.problems.append(Problem(step.kind, step.name, "apply", error, transient=True))
        elif step.key in self._due:
            self._records.put(self._namespace, step.key, self._due[step.key])

    def _informer(self, kind: str) -> SharedInformer:
        return self._informers[self._dialect.kind(kind).resource]


def _is_kept(answer: Object, expected: Object) -> bool:
    """Whether the server stored exactly what was sent."""
    return (
        meta.spec_of(answer) == meta.spec_of(expected)
        and meta.labels_of(answer) == meta.labels_of(expected)
        and meta.annotations_of(answer) == meta.annotations_of(expected)
    )
