"""The Model's reconciler: observe, validate and render, diff and apply, summarize."""

from collections.abc import Mapping

from controller import meta
from controller.api.annotations import PAUSED
from controller.api.kinds import MODEL_ROUTE
from controller.api.model import Model
from controller.meta import Object
from controller.meta.errors import ApiError
from controller.reconcilers.adapter_state import AdapterReport
from controller.reconcilers.adapters import AdapterSync
from controller.reconcilers.announce import Announcer
from controller.reconcilers.apply import Applier
from controller.reconcilers.desired import Desired, Renderer
from controller.reconcilers.hot import hot_pods, postponed
from controller.reconcilers.observe import Observed, Observer
from controller.reconcilers.outcome import Outcome, Problem
from controller.reconcilers.reasons import ABNORMAL
from controller.reconcilers.report import StatusReporter
from controller.reconcilers.scaling import scalings
from controller.reconcilers.status import Findings
from controller.render import RenderOptions
from controller.runtime import ReconcileError, Request, Result
from controller.validation import Finding

_PATIENCE = 3


class ModelReconciler:
    """Makes a Model's children what its spec says, and its status what is true.

    What it remembers spares work and words; the next process does without: how often a Model failed in a row, what it depended on when it
    was last left as desired, and whose namespace was found to end.
    """

    def __init__(
        self,
        observer: Observer,
        renderer: Renderer,
        applier: Applier,
        adapters: AdapterSync,
        reporter: StatusReporter,
        announcer: Announcer,
    ) -> None:
        self._observer = observer
        self._renderer = renderer
        self._applier = applier
        self._adapters = adapters
        self._reporter = reporter
        self._announcer = announcer
        self._failures: dict[Request, int] = {}
        self._at_rest: dict[Request, int] = {}
        self._ended: dict[Request, str] = {}

    async def reconcile(self, request: Request) -> Result:
        """One pass. Nothing is written for a Model that is gone or being deleted, or whose namespace is."""
        model = self._observer.model(request.name, request.namespace)
        if model is None or meta.is_deleting(model) or self._ended.get(request) == meta.uid_of(model):
            self._forget(request)
            if model is None:
                self._ended.pop(request, None)
            return Result()
        try:
            return await self._pass(request, model)
        except (ApiError, ReconcileError):
            raise
        except Exception as error:
            await self._reporter.report(model, _abnormal(model, error))
            raise

    async def _pass(self, request: Request, model: Object) -> Result:
        versions, options = self._observer.versions(model), self._observer.options()
        if self._at_rest.get(request) == _state(model, versions, options):
            return Result()
        self._at_rest.pop(request, None)
        desired = self._renderer.desired(model, options)
        if desired.blocking:
            await self._reporter.report(model, _invalid(model, desired.blocking))
            return Result()
        parsed = Model.from_object(model)
        observed = self._observer.observe(model, desired.children)
        outcome, adapters = await self._apply(request, parsed, desired, observed)
        if outcome.namespace_ends:
            return self._give_up_namespace(request)
        written = await self._reporter.report(model, self._findings(request, parsed, outcome, adapters))
        self._announcer.warn(model, parsed, desired.findings, observed)
        if outcome.problems:
            raise ReconcileError("; ".join(problem.line for problem in outcome.problems))
        self._failures.pop(request, None)
        if outcome.complete and adapters.next_look is None and written is not None:
            self._at_rest[request] = _state(written, versions | outcome.versions, options)
        return Result(requeue_after=adapters.next_look)

    async def _apply(
        self, request: Request, model: Model, desired: Desired, observed: Observed
    ) -> tuple[Outcome, AdapterReport]:
        """Loads come before the route that names them, unloads after the route that does not. Nothing moves while the Model is paused."""
        pods = hot_pods(model, observed)
        if _is_paused(model):
            self._adapters.forget(request)
            return Outcome(), AdapterReport(unknown=frozenset(pod.name for pod in pods), counted=not pods)
        adapters = self._adapters.sync(request, pods)
        self._announcer.moved(model.object, adapters)
        waiting = postponed(desired.children, observed, adapters)
        outcome = await self._applier.apply(desired.children, observed, scalings(model, observed), waiting)
        if outcome.settled(MODEL_ROUTE.kind):
            self._adapters.allow_unloads(request)
        self._announcer.wrote(model.object, outcome)
        return outcome, adapters

    def _findings(self, request: Request, model: Model, outcome: Outcome, adapters: AdapterReport) -> Findings:
        """What the status is made of. Troubles that may pass by themselves count only when they have come three times in a row."""
        if outcome.problems:
            self._failures[request] = self._failures.get(request, 0) + 1
        lasting = self._failures.get(request, 0) >= _PATIENCE
        problems = tuple(problem for problem in outcome.problems if lasting or not problem.transient)
        return Findings(
            self._observer.backends(model),
            problems + adapters.problems,
            applied=outcome.complete and not _is_paused(model),
            paused=_is_paused(model),
            unknown_pods=adapters.unknown,
            counted=adapters.counted,
        )

    def _give_up_namespace(self, request: Request) -> Result:
        """Nothing can be created in it any more, so no other Model of it needs to try."""
        there = self._observer.models.lister.list(request.namespace)
        self._ended |= {meta.key_of(model): meta.uid_of(model) for model in there}
        self._forget(request)
        return Result()

    def _forget(self, request: Request) -> None:
        for memory in (self._failures, self._at_rest):
            memory.pop(request, None)
        for part in (self._adapters, self._reporter, self._announcer):
            part.forget(request)


def _is_paused(model: Model) -> bool:
    return model.annotations.get(PAUSED) == "true"


def _state(model: Object, versions: Mapping[tuple[str, str], str | None], options: RenderOptions) -> int:
    """Equal as long as nothing has changed that a pass depends on: a pass that left everything as desired need not be run again."""
    seen = frozenset(item for item in versions.items() if item[1] is not None)
    return hash((meta.uid_of(model), meta.resource_version_of(model), seen, options))


def _invalid(model: Object, blocking: tuple[Finding, ...]) -> Findings:
    problems = tuple(
        Problem("Model", meta.name_of(model), finding.path, finding.message, reason=finding.reason)
        for finding in blocking
    )
    return Findings((), problems, applied=False, valid=False)


def _abnormal(model: Object, error: Exception) -> Findings:
    problem = Problem("Model", meta.name_of(model), "reconcile", type(error).__name__, reason=ABNORMAL.reason)
    return Findings((), (problem,), applied=False, valid=False)
