"""The Model's reconciler: observe, plan, apply, status."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from controller import meta
from controller.api.annotations import DIALECT, PAUSED
from controller.api.kinds import MODEL
from controller.api.model import Model
from controller.client import Client
from controller.dialects import ChildKey, Dialect
from controller.dialects.routes import answered_names
from controller.fronts import Front
from controller.informers import Lister
from controller.lora import AdapterReport, AdapterSync
from controller.meta import NamespacedName, Object, Resource
from controller.meta.errors import ApiError
from controller.reconcilers.backends import BackendState, BackendView, backend_view
from controller.reconcilers.children import key_of
from controller.reconcilers.events import EventReporter
from controller.reconcilers.families import Families, Family, UnknownDialect
from controller.reconcilers.messages import problem_line
from controller.reconcilers.metrics import ModelMetrics
from controller.reconcilers.observe import Snapshot, names_answered
from controller.reconcilers.outcome import Outcome, Problem
from controller.reconcilers.plan import plan
from controller.reconcilers.reasons import ABNORMAL, ACTIVE, CHILD_CONFLICT, INVALID_SPEC
from controller.reconcilers.rendered import Rendered, Renderer
from controller.reconcilers.result import PassResult, RouteView
from controller.reconcilers.status_writer import StatusWriter
from controller.render import RenderOptions
from controller.render.names import child_name
from controller.runtime import ReconcileError, Request, Result

_FAILURES_THAT_LAST = 3
_SOON = 0.01
"""Seconds until the next look after a wait that ended during the pass: zero would mean none."""


class ModelReconciler:
    """Makes a Model's children what its spec says, and its status what is true.

    Its memory spares work; the next process does without: how often a Model failed in a row, what it depended on when it was last left as
    desired, which names another owner's object has, and whose namespace is terminating.
    """

    def __init__(
        self,
        *,
        front: Front,
        models: Lister,
        client: Client,
        options: Callable[[Dialect], RenderOptions],
        families: Families,
        renderer: Renderer,
        adapters: AdapterSync,
        status: StatusWriter,
        events: EventReporter,
        metrics: ModelMetrics,
        now: Callable[[], float],
    ) -> None:
        self._front = front
        self._models = models
        self._client = client
        self._options = options
        self._families = families
        self._renderer = renderer
        self._adapters = adapters
        self._status = status
        self._events = events
        self._metrics = metrics
        self._now = now
        self._failures: dict[Request, int] = {}
        self._at_rest: dict[Request, _Rest] = {}
        self._contested: dict[Request, frozenset[ChildKey]] = {}
        self._terminating: dict[Request, str] = {}

    async def reconcile(self, request: Request) -> Result:
        """One pass. Nothing is written for a Model that is gone or being deleted, or whose namespace is."""
        stored = self._models.get(request.name, request.namespace)
        if stored is None or meta.is_deleting(stored) or self._terminating.get(request) == meta.uid_of(stored):
            self._forget(request)
            if stored is None:
                self._terminating.pop(request, None)
            return Result()
        try:
            return await self._pass(request, stored, self._front.model(stored))
        except (ApiError, ReconcileError):
            raise
        except Exception as error:
            await self._report(stored, _abnormal(stored, error))
            raise

    async def _pass(self, request: Request, stored: Object, model: Object) -> Result:
        try:
            family = self._families.of(model, self._front)
        except UnknownDialect as error:
            await self._report(model, _unknown_dialect(model, error))
            return Result()
        if family is None:
            if missing := self._families.missing(model, self._front):
                await self._report(model, _not_installed(model, missing))
            return Result()
        versions, options = self._families.versions(model), self._options(family.dialect)
        rest = self._at_rest.get(request)
        if rest is not None and rest.state == _state(
            model, versions, options, family.observer.foreign_routes(model, rest.names)
        ):
            return Result()
        self._at_rest.pop(request, None)
        rendered = self._renderer.rendered(stored, options)
        if rendered.model is None:
            await self._report(model, _invalid(model, rendered))
            return Result()
        model = await self._with_dialect(model, family)
        parsed = rendered.model.with_object(model)
        snapshot = await self._snapshot(request, parsed, rendered, family)
        outcome, adapters = await self._apply(request, parsed, rendered, snapshot, family)
        if outcome.namespace_terminating:
            return self._give_up_namespace(request)
        after = snapshot.with_children(outcome.live)
        result = self._result(request, rendered, after, outcome, adapters, family)
        written = await self._report(model, result)
        self._events.warnings(parsed, rendered.findings, snapshot.foreign_routes, family.dialect)
        if failures := [problem for problem in outcome.problems if problem not in outcome.left]:
            raise ReconcileError("; ".join(map(problem_line, failures)))
        self._failures.pop(request, None)
        if outcome.is_complete and adapters.next_look is None and written is not None:
            state = _state(written, versions | _versions(family, outcome), options, snapshot.foreign_routes)
            self._at_rest[request] = _Rest(names_answered(rendered.children, family.dialect), state)
        return Result(requeue_after=self._next_look(outcome, adapters))

    def _next_look(self, outcome: Outcome, adapters: AdapterReport) -> float | None:
        """When something changes that no watch shows, in seconds: pods are asked again, or a bounded wait ends."""
        waits = [max(_SOON, step.until - self._now()) for step in outcome.waiting if step.until is not None]
        if adapters.next_look is not None:
            waits.append(adapters.next_look)
        return min(waits, default=None)

    async def _with_dialect(self, model: Object, family: Family) -> Object:
        """Where there is a choice, the Model says which one was made, so that it stays whatever is installed later."""
        if self._front.dialect or not self._families.are_several or DIALECT in meta.annotations_of(model):
            return model
        patch = {"metadata": {"annotations": {DIALECT: family.dialect.name}}}
        name, namespace = meta.name_of(model), meta.namespace_of(model)
        return await self._client.patch(self._front.resource, name, patch, namespace=namespace)

    async def _snapshot(self, request: Request, model: Model, rendered: Rendered, family: Family) -> Snapshot:
        """The caches show only labelled children, so names that were taken by others are read live."""
        snapshot = family.observer.snapshot(model.object, rendered.children)
        for key in self._contested.get(request, frozenset()) - snapshot.children.keys():
            snapshot = snapshot.with_child(key, await family.applier.read(key, model.namespace))
        return snapshot

    async def _apply(
        self, request: Request, model: Model, rendered: Rendered, snapshot: Snapshot, family: Family
    ) -> tuple[Outcome, AdapterReport]:
        """Loads come before the route that names them, unloads after the route that does not. Nothing moves while the Model is paused."""
        if is_paused(model.object):
            return Outcome(), self._adapters.paused(model, snapshot.pods) if self._front.adapters else AdapterReport()
        adapters = self._adapters.sync(model, snapshot.pods) if self._front.adapters else AdapterReport()
        planned = plan(model, rendered.children, snapshot, family.dialect, now=self._now(), loading=adapters.loading)
        outcome = await family.applier.apply(planned.without(self._still_used(rendered, snapshot, family)))
        if self._front.adapters and outcome.is_kind_complete(family.dialect.route.kind):
            self._adapters.allow_unloads(meta.key_of(model.object))
        if outcome.is_complete:
            await self._leave_other_families(model, rendered, snapshot.with_children(outcome.live), family, outcome)
        self._events.adapters_moved(model.object, adapters.moved)
        self._events.children_written(model.object, outcome)
        self._metrics.applied((self._front.resource.kind, request), outcome, adapters)
        return outcome, adapters

    def _still_used(self, rendered: Rendered, snapshot: Snapshot, family: Family) -> set[ChildKey]:
        """Servers and routes of both families that go on with another family's workloads, because those of this one do not serve yet."""
        used: set[ChildKey] = set()
        if not self._families.are_several or _all_serve(rendered, snapshot, family):
            return used
        for other in self._families.others(family):
            if other.has_workloads_of(snapshot.model):
                owned = other.observer.snapshot(snapshot.model, ()).owned
                used |= _common(rendered, family, other).intersection(owned)
        return used

    async def _leave_other_families(
        self, model: Model, rendered: Rendered, after: Snapshot, family: Family, outcome: Outcome
    ) -> None:
        """The children of another dialect go once those of this one serve. A server or route that both have under one name is this one's."""
        others = self._families.others(family)
        if not others or not _all_serve(rendered, after, family):
            return
        for other in others:
            left = other.observer.snapshot(model.object, ()).without(_common(rendered, family, other))
            if left.owned:
                pruned = await other.applier.apply(plan(model, (), left, other.dialect, now=self._now()))
                outcome.writes += pruned.writes
                outcome.problems += pruned.problems
                outcome.waiting += pruned.waiting

    def _result(
        self,
        request: Request,
        rendered: Rendered,
        after: Snapshot,
        outcome: Outcome,
        adapters: AdapterReport,
        family: Family,
    ) -> PassResult:
        """The input of the status. Problems that may pass by themselves count only when they came three times in a row."""
        if outcome.problems:
            self._failures[request] = self._failures.get(request, 0) + 1
        lasting = self._failures.get(request, 0) >= _FAILURES_THAT_LAST
        conflicts = (p for p in outcome.problems if p.reason == CHILD_CONFLICT.reason)
        if contested := frozenset(ChildKey(problem.kind, problem.name) for problem in conflicts):
            self._contested[request] = contested
        else:
            self._contested.pop(request, None)
        paused = is_paused(after.model)
        return PassResult(
            self._views(rendered, after, family),
            tuple(problem for problem in outcome.problems if lasting or not problem.transient),
            adapters,
            applied=outcome.is_complete and not paused,
            paused=paused,
            waiting=tuple(outcome.waiting),
            route=route_view(rendered, after, family.dialect),
        )

    def _views(self, rendered: Rendered, after: Snapshot, family: Family) -> tuple[BackendView, ...]:
        """The state of the backends: in another family for those that still serve in it, as long as this one cannot serve them all."""
        views = backend_views(rendered, after, family.dialect)
        if not self._families.are_several or _all_serve(rendered, after, family):
            return views
        serving: dict[str, BackendView] = {}
        for other in self._families.others(family):
            if other.has_workloads_of(after.model):
                left = other.observer.snapshot(after.model, ())
                there = backend_views(rendered, left, other.dialect)
                serving |= {view.name: view for view in there if view.state is BackendState.AVAILABLE}
        return tuple(serving.get(view.name, view) for view in views)

    async def _report(self, model: Object, result: PassResult) -> Object | None:
        """Writes the status and records its transitions. Returns the Model as it then is; None when another writer changed it meanwhile."""
        written = await self._status.write(model, result)
        if written is None:
            return None
        self._events.conditions_changed(written.before, written.after, result.backends)
        return written.after if written.is_current else None

    def _give_up_namespace(self, request: Request) -> Result:
        """Nothing can be created in it any more, so no other Model of it needs to try."""
        there = self._models.list(request.namespace)
        self._terminating |= {meta.key_of(model): meta.uid_of(model) for model in there}
        self._forget(request)
        return Result()

    def _forget(self, request: Request) -> None:
        for memory in (self._failures, self._at_rest, self._contested):
            memory.pop(request, None)
        for part in (self._renderer, self._status, self._events):
            part.forget(request)
        if self._front.adapters:
            self._adapters.forget(request)
        self._metrics.forget((self._front.resource.kind, request))


def _all_serve(rendered: Rendered, snapshot: Snapshot, family: Family) -> bool:
    """Whether every backend has all that it asks for in this family."""
    views = backend_views(rendered, snapshot, family.dialect, settled=False)
    return not any(view.state in (BackendState.MISSING, BackendState.PENDING) for view in views)


def _common(rendered: Rendered, family: Family, other: Family) -> set[ChildKey]:
    """The desired children of kinds that another family has too."""
    keys = map(key_of, rendered.children)
    return {key for key in keys if family.dialect.kind(key.kind).resource in other.dialect.children}


def backend_views(
    rendered: Rendered, snapshot: Snapshot, dialect: Dialect, *, settled: bool | None = None
) -> tuple[BackendView, ...]:
    """The state of every backend, in spec order; ``settled`` as in ``backend_view``, by default as the Model's conditions say."""
    parsed, model, uid = rendered.model, snapshot.model, meta.uid_of(snapshot.model)
    if parsed is None:
        return ()
    if settled is None:
        active = meta.find_condition(meta.conditions_of(model), ACTIVE) or {}
        settled = active.get("status") == "True" and active.get("observedGeneration") == meta.generation_of(model)
    views = []
    for backend in parsed.spec.backends:
        key = ChildKey(dialect.workload.kind, child_name(parsed, backend))
        live = snapshot.children.get(key)
        if live is not None and not meta.is_controlled_by(live, uid):
            live = None
        pods = snapshot.pods.get(key.name, ())
        views.append(backend_view(backend.name, key.name, live, pods, dialect, settled=settled))
    return tuple(views)


def route_view(rendered: Rendered, snapshot: Snapshot, dialect: Dialect) -> RouteView | None:
    """The names by which requests reach the Model, from its live route; None as long as there is none."""
    keys = [key for key in map(key_of, rendered.children) if key.kind == dialect.route.kind]
    live = [snapshot.children[key] for key in keys if key in snapshot.children]
    if not live or not meta.is_controlled_by(live[0], meta.uid_of(snapshot.model)):
        return None
    name, *adapters = answered_names(live[0])
    return RouteView(meta.name_of(live[0]), name, tuple(adapters), snapshot.foreign_routes)


def is_paused(model: Object) -> bool:
    """Whether the Model's owner asked for no writes."""
    return meta.annotations_of(model).get(PAUSED) == "true"


_Seen = Mapping[tuple[str, ChildKey], str | None]


def _versions(family: Family, outcome: Outcome) -> dict[tuple[str, ChildKey], str | None]:
    return {
        (family.dialect.name, key): None if obj is None else meta.resource_version_of(obj)
        for key, obj in outcome.live.items()
    }


class _Rest(NamedTuple):
    """The state that a Model depended on when a pass left everything as desired, and the names that its route answers."""

    names: frozenset[str]
    state: int


def _state(
    model: Object,
    versions: _Seen,
    options: RenderOptions,
    foreign_routes: tuple[NamespacedName, ...],
) -> int:
    """Equal as long as nothing changed that a pass depends on: a pass that left everything as desired need not be repeated."""
    seen = frozenset(item for item in versions.items() if item[1] is not None)
    return hash((meta.uid_of(model), meta.resource_version_of(model), seen, options, foreign_routes))


def _invalid(model: Object, rendered: Rendered) -> PassResult:
    problems = tuple(
        Problem(_kind_of(model), meta.name_of(model), finding.path, finding.message, reason=finding.reason)
        for finding in rendered.blocking
    )
    return PassResult(problems=problems, applied=False, valid=False)


def _abnormal(model: Object, error: Exception) -> PassResult:
    """The class of an error of our own, and the id under which the log has the rest."""
    words = f"internal error, logged with reconcileID {structlog.contextvars.get_contextvars().get('reconcileID')}"
    code, name = type(error).__name__, meta.name_of(model)
    problem = Problem(_kind_of(model), name, "reconcile", words, reason=ABNORMAL.reason, code=code)
    return PassResult(problems=(problem,), applied=False, valid=False)


def _unknown_dialect(model: Object, error: UnknownDialect) -> PassResult:
    path = f"metadata.annotations[{DIALECT}]"
    problem = Problem(_kind_of(model), meta.name_of(model), path, str(error), reason=INVALID_SPEC.reason)
    return PassResult(problems=(problem,), applied=False, valid=False)


def _not_installed(model: Object, missing: Mapping[str, tuple[Resource, ...]]) -> PassResult:
    """One problem a dialect: any of them would do."""
    kind, name = _kind_of(model), meta.name_of(model)
    words = "not installed in this cluster, or not readable by the controller"
    lacking = {dialect: ", ".join(f"CRD {each.key}" for each in kinds) for dialect, kinds in missing.items()}
    problems = (Problem(kind, name, f"dialect {dialect}", f"{words}: {crds}") for dialect, crds in lacking.items())
    return PassResult(problems=tuple(problems), applied=False, valid=False)


def _kind_of(model: Object) -> str:
    return str(model.get("kind") or MODEL.kind)
