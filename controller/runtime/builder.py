"""``ControllerBuilder``: declares what a controller is for, what it owns and what else it watches, in a few lines."""

from typing import Protocol, Self

from controller.informers import SharedInformer
from controller.meta import Resource
from controller.metrics import Metrics
from controller.runtime.controller import Controller, ControllerOptions
from controller.runtime.handlers import Handler, enqueue_object, enqueue_owner
from controller.runtime.predicates import Predicate
from controller.runtime.reconcile import Reconciler, Request
from controller.runtime.sources import InformerSource, Source
from controller.workqueue import RateLimiter, RateLimitingQueue

Watched = Resource | SharedInformer


class BuilderHost(Protocol):
    """The part of a manager that a builder uses."""

    @property
    def metrics(self) -> Metrics:
        """The families that the controller's metrics belong to."""

    @property
    def sync_period(self) -> float | None:
        """Seconds between two resyncs of a watched informer; None: never."""

    def informer(self, resource: Resource) -> SharedInformer:
        """The shared informer of this resource; created if there is none."""

    def add_controller(self, controller: Controller) -> None:
        """Run the controller while leading."""


class ControllerBuilder:
    """Collects a controller's watches and options; ``complete`` makes the controller and adds it to the manager.

    ``for_``, ``owns`` and ``watches`` take an informer, or a Resource for ``manager.informer(resource)``. For a selector, a transform or a
    compact cache, make the informer with ``manager.informer(resource, CacheOptions(…))`` and pass it.
    """

    def __init__(self, manager: BuilderHost) -> None:
        self._manager = manager
        self._name = ""
        self._primary: Resource | None = None
        self._watched: list[tuple[SharedInformer, Handler, tuple[Predicate, ...]]] = []
        self._owned: list[tuple[Watched, tuple[Predicate, ...]]] = []
        self._sources: list[Source] = []
        self._filters: tuple[Predicate, ...] = ()
        self._options = ControllerOptions()

    def named(self, name: str) -> Self:
        """The name in metrics and logs; unique in the process. Default: the lower-case kind."""
        self._name = name
        return self

    def for_(self, watched: Watched, *predicates: Predicate) -> Self:
        """The objects that this controller reconciles: each change enqueues the object itself. Exactly once."""
        if self._primary is not None:
            raise ValueError(f"the controller is already for {self._primary.key}")
        self._primary = watched if isinstance(watched, Resource) else watched.resource
        return self.watches(watched, enqueue_object, *predicates)

    def owns(self, watched: Watched, *predicates: Predicate) -> Self:
        """Objects that this controller creates: each change enqueues the controlling owner of the ``for_`` kind."""
        self._owned.append((watched, predicates))
        return self

    def watches(self, watched: Watched, handler: Handler, *predicates: Predicate) -> Self:
        """Any other objects: each change that passes all predicates enqueues what the handler returns."""
        informer = self._manager.informer(watched) if isinstance(watched, Resource) else watched
        self._watched.append((informer, handler, predicates))
        return self

    def watches_source(self, source: Source) -> Self:
        """Any other source: a PeriodicSource, a ChannelSource, or one of the author's own."""
        self._sources.append(source)
        return self

    def with_event_filter(self, *predicates: Predicate) -> Self:
        """Predicates for all informers of this controller, in addition to those of each watch."""
        self._filters += predicates
        return self

    def with_options(
        self,
        *,
        concurrency: int | None = None,
        rate_limiter: RateLimiter[Request] | None = None,
        reconcile_timeout: float | None = None,
        slow_reconcile: float | None = None,
    ) -> Self:
        """Change these fields of ControllerOptions; those that are not given keep their values."""
        before = self._options
        self._options = ControllerOptions(
            concurrency=before.concurrency if concurrency is None else concurrency,
            rate_limiter=before.rate_limiter if rate_limiter is None else rate_limiter,
            reconcile_timeout=before.reconcile_timeout if reconcile_timeout is None else reconcile_timeout,
            slow_reconcile=before.slow_reconcile if slow_reconcile is None else slow_reconcile,
        )
        return self

    def complete(self, reconciler: Reconciler) -> Controller:
        """The controller, added to the manager. Raises ValueError without ``for_``, or if the name is taken."""
        if self._primary is None:
            raise ValueError("for_ is missing: the builder does not know what the controller is for")
        for watched, predicates in self._owned:
            self.watches(watched, enqueue_owner(self._primary), *predicates)
        name, metrics = self._name or self._primary.kind.lower(), self._manager.metrics
        controller = Controller(
            name,
            reconciler,
            queue=RateLimitingQueue[Request](
                name, rate_limiter=self._options.rate_limiter, metrics=metrics.workqueue.for_queue(name)
            ),
            metrics=metrics.reconcile.for_controller(name, self._options.concurrency),
            sources=(*self._informer_sources(), *self._sources),
            options=self._options,
        )
        self._manager.add_controller(controller)
        return controller

    def _informer_sources(self) -> list[Source]:
        return [
            InformerSource(informer, handler, (*self._filters, *predicates), self._manager.sync_period)
            for informer, handler, predicates in self._watched
        ]
