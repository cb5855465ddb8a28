"""The Model's reconciler: observe, validate and render, diff and apply, summarize."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from cachetools import LRUCache

from controller import meta
from controller.api.kinds import MODEL, MODEL_INFER, MODEL_ROUTE
from controller.api.model import Backend, Model
from controller.api.validation import Finding, ValidationOptions, validate
from controller.client import Client
from controller.meta import Object
from controller.meta.errors import ApiError, Conflict, NotFound
from controller.reconcilers.adapters import AdapterReport, AdapterSync
from controller.reconcilers.announce import Announcer
from controller.reconcilers.apply import Applier
from controller.reconcilers.hot import hot_pods, postponed
from controller.reconcilers.observe import Observed, Observer
from controller.reconcilers.outcome import Outcome, Problem
from controller.reconcilers.scaling import scalings
from controller.reconcilers.status import BackendView, Findings, backend_view, status_patch, summarize
from controller.render import RenderOptions, render
from controller.render.names import REFRESH, child_name
from controller.runtime import ReconcileError, Request, Result

_log = structlog.get_logger("controller.model")

PAUSED = "registry.volcano.sh/paused"
_PATIENCE = 3
_BURST = 128

Desired = tuple[tuple[Finding, ...], tuple[dict[str, Any], ...]]


class ModelReconciler:
    """Makes a Model's children what its spec says, and its status what is true.

    ``now`` gives seconds since the epoch.
    """

    def __init__(
        self,
        client: Client,
        observer: Observer,
        applier: Applier,
        adapters: AdapterSync,
        announcer: Announcer,
        *,
        validation: ValidationOptions,
        now: Callable[[], float],
    ) -> None:
        self._client = client
        self._observer = observer
        self._applier = applier
        self._adapters = adapters
        self._announcer = announcer
        self._validation = validation
        self._now = now
        self._failures: dict[Request, int] = {}
        self._declined: dict[Request, Object] = {}
        self._at_rest: dict[Request, int] = {}
        self._ended: dict[Request, str] = {}
        self._rendered: LRUCache[object, Desired] = LRUCache(_BURST)

    async def reconcile(self, request: Request) -> Result:
        """One pass. Nothing is written for a Model that is gone or being deleted, or whose namespace is."""
        model = self._observer.model(request.name, request.namespace)
        if model is None or meta.is_deleting(model) or self._ended.get(request) == meta.uid_of(model):
            self._forget(request)
            if model is None:
                self._ended.pop(request, None)
            return Result()
        versions, options = self._observer.versions(model), self._observer.options()
        if self._at_rest.get(request) == _state(model, versions, options):
            return Result()
        self._at_rest.pop(request, None)
        findings, wanted = self._desired(model, options)
        if blocking := tuple(finding for finding in findings if finding.terminal):
            await self._report(model, _invalid(model, blocking))
            return Result()
        parsed = Model.from_object(model)
        observed = self._observer.observe(model, wanted)
        paused = parsed.annotations.get(PAUSED) == "true"
        pods = hot_pods(parsed, observed)
        outcome, adapters = Outcome(), AdapterReport(unknown=frozenset(pod.name for pod in pods), counted=not pods)
        if paused:
            self._adapters.forget(request)
        else:
            adapters = self._adapters.sync(request, pods)
            self._announcer.moved(model, adapters)
            outcome = await self._apply(request, parsed, wanted, observed, adapters)
            self._announcer.wrote(model, outcome)
        if outcome.namespace_ends:
            self._ended |= {
                meta.key_of(m): meta.uid_of(m) for m in self._observer.models.lister.list(request.namespace)
            }
            self._forget(request)
            return Result()
        written = await self._report(model, self._findings(request, parsed, outcome, adapters, paused=paused))
        self._announcer.warn(model, parsed, findings, observed)
        if outcome.problems:
            raise ReconcileError("; ".join(problem.line for problem in outcome.problems))
        self._failures.pop(request, None)
        if outcome.complete and adapters.next_look is None and written is not None:
            self._at_rest[request] = _state(written, versions | outcome.versions, options)
        return Result(requeue_after=adapters.next_look)

    def _desired(self, model: Object, options: RenderOptions) -> Desired:
        """The findings and, without terminal ones, the children; kept for as long as a burst of passes for one generation lasts."""
        key = (meta.uid_of(model), meta.generation_of(model), meta.annotations_of(model).get(REFRESH), options)
        found: Desired | None = self._rendered.get(key)
        if found is None:
            findings = tuple(validate(model, self._validation))
            invalid = any(finding.terminal for finding in findings)
            found = findings, () if invalid else tuple(render(Model.from_object(model), options))
            self._rendered[key] = found
        return found

    def _forget(self, request: Request) -> None:
        for memory in (self._failures, self._declined, self._at_rest):
            memory.pop(request, None)
        self._adapters.forget(request)
        self._announcer.forget(request)

    async def _apply(
        self,
        request: Request,
        model: Model,
        wanted: Sequence[dict[str, Any]],
        observed: Observed,
        adapters: AdapterReport,
    ) -> Outcome:
        """Loads come before the route that names them, unloads after the route that does not."""
        waiting = postponed(wanted, observed, adapters)
        outcome = await self._applier.apply(wanted, observed, scalings(model, observed), waiting)
        if outcome.settled(MODEL_ROUTE.kind):
            self._adapters.allow_unloads(request)
        return outcome

    def _findings(
        self, request: Request, model: Model, outcome: Outcome, adapters: AdapterReport, *, paused: bool
    ) -> Findings:
        """What the status is made of. Troubles that may pass by themselves count only when they have come three times in a row."""
        if outcome.problems:
            self._failures[request] = self._failures.get(request, 0) + 1
        lasting = self._failures.get(request, 0) >= _PATIENCE
        problems = tuple(problem for problem in outcome.problems if lasting or not problem.transient)
        views = tuple(self._view(model, backend, settled=_is_settled(model)) for backend in model.spec.backends)
        return Findings(
            views,
            problems + adapters.problems,
            applied=outcome.complete and not paused,
            paused=paused,
            unknown_pods=adapters.unknown,
            counted=adapters.counted,
        )

    def _view(self, model: Model, backend: Backend, *, settled: bool) -> BackendView:
        name = child_name(model, backend)
        infer = self._observer.children[MODEL_INFER].lister.get(name, model.namespace)
        if infer is not None and not meta.is_controlled_by(infer, model.uid):
            infer = None
        pods = () if infer is None else self._observer.pods_of(infer)
        return backend_view(backend.name, name, infer, pods, settled=settled)

    async def _report(self, model: Object, findings: Findings) -> Object | None:
        """Writes the status if it differs, in one patch that cannot land on another version of the Model.

        Returns the Model as it then is, None when somebody else changed or removed it meanwhile. What was found for a generation is told
        of that generation.
        """
        generation = meta.generation_of(model)
        for attempt in (0, 1):
            wanted = summarize(model, findings, meta.format_time(self._now()), generation)
            patch = status_patch(model, wanted)
            written: Object = model
            if patch is not None and patch["status"] != self._declined.get(meta.key_of(model)):
                try:
                    written = await self._client.patch(
                        MODEL, meta.name_of(model), patch, namespace=meta.namespace_of(model), subresource="status"
                    )
                except NotFound:
                    return None
                except Conflict:
                    if attempt or (fresh := await self._same(model)) is None:
                        raise
                    model = fresh
                    continue
                self._observer.models.record(written)
                self._note_declined(written, wanted)
            self._announcer.tell(model, written)
            return written if attempt == 0 else None
        return None

    def _note_declined(self, written: Object, wanted: Object) -> None:
        """Remembers what the server did not take over, such as a field its CRD does not have: sending it again would help nobody."""
        left = status_patch(written, wanted)
        if left is None:
            self._declined.pop(meta.key_of(written), None)
        else:
            self._declined[meta.key_of(written)] = left["status"]

    async def _same(self, model: Object) -> Object | None:
        """The Model as it is now, if it is still this one."""
        try:
            fresh = await self._client.get(MODEL, meta.name_of(model), meta.namespace_of(model))
        except ApiError:
            return None
        return fresh if meta.uid_of(fresh) == meta.uid_of(model) and not meta.is_deleting(fresh) else None


def _state(model: Object, versions: Mapping[tuple[str, str], str | None], options: RenderOptions) -> int:
    """Equal as long as nothing has changed that a pass depends on: a pass that left everything as desired need not be run again."""
    seen = frozenset(item for item in versions.items() if item[1] is not None)
    return hash((meta.uid_of(model), meta.resource_version_of(model), seen, options))


def _is_settled(model: Model) -> bool:
    active = meta.find_condition(meta.conditions_of(model.object), "Active") or {}
    return active.get("status") == "True" and active.get("observedGeneration") == model.generation


def _invalid(model: Object, blocking: tuple[Finding, ...]) -> Findings:
    problems = tuple(
        Problem("Model", meta.name_of(model), finding.path, finding.message, reason=finding.reason)
        for finding in blocking
    )
    return Findings((), problems, applied=False, valid=False)
