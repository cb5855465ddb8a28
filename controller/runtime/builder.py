"""``ControllerBuilder``: says in a few lines which objects a controller is for, which it owns, and what else it watches."""

from typing import Any, Protocol, Self

from controller.informers import SharedInformer
from controller.meta import Resource
from controller.metrics import Metrics
from controller.runtime.controller import Controller, ControllerOptions
from controller.runtime.handlers import Handler, enqueue_object, enqueue_owner
from controller.runtime.predicates import Predicate
from controller.runtime.reconcile import Reconciler, Request
from controller.runtime.source import Source
from controller.workqueue import RateLimiter, RateLimitingQueue

Watched = Resource | SharedInformer


class Host(Protocol):
    """What a builder needs of a manager."""

    @property
    def metrics(self) -> Metrics:
        """Where the controller's metrics go."""

    def informer(self, resource: Resource) -> SharedInformer:
        """The shared informer of this resource; created if there is none."""

    def add_controller(self, controller: Controller) -> None:
        """Run it while leading."""


class ControllerBuilder:
    """Collects a controller's watches and options; ``complete`` makes the controller and hands it to the manager.

    ``for_``, ``owns`` and ``watches`` take the informer of what they watch, or a Resource for ``manager.informer(resource)``. Who wants a
    selector, a transform or a compact cache makes the informer with ``manager.informer(resource, CacheOptions(…))`` and passes it on.
    """

    def __init__(self, manager: Host) -> None:
        self._manager = manager
        self._name = ""
        self._primary: Resource | None = None
        self._sources: list[Source] = []
        self._owned: list[tuple[Watched, tuple[Predicate, ...]]] = []
        self._options: dict[str, Any] = {}
        self._rate_limiter: RateLimiter[Request] | None = None

    def named(self, name: str) -> Self:
        """Name in metrics and logs; unique in the process. The lower-case kind by default."""
        self._name = name
        return self

    def for_(self, watched: Watched, *predicates: Predicate) -> Self:
        """The objects this controller is for: each change enqueues the object itself. Exactly once."""
        if self._primary is not None:
            raise ValueError(f"the controller is already for {self._primary.key}")
        self._primary = watched if isinstance(watched, Resource) else watched.resource
        return self.watches(watched, enqueue_object, *predicates)

    def owns(self, watched: Watched, *predicates: Predicate) -> Self:
        """Objects this controller creates: each change enqueues the controlling object of the ``for_`` kind."""
        self._owned.append((watched, predicates))
        return self

    def watches(self, watched: Watched, handler: Handler, *predicates: Predicate) -> Self:
        """Any other objects: each change enqueues what the handler says."""
        informer = self._manager.informer(watched) if isinstance(watched, Resource) else watched
        self._sources.append(Source(informer, handler, predicates))
        return self

    def with_options(
        self,
        *,
        concurrency: int = 1,
        rate_limiter: RateLimiter[Request] | None = None,
        reconcile_timeout: float | None = None,
    ) -> Self:
        """Keys worked on at the same time, the back-off of failing ones, and the seconds one pass may take."""
        self._options = {"concurrency": concurrency, "reconcile_timeout": reconcile_timeout}
        self._rate_limiter = rate_limiter
        return self

    def complete(self, reconciler: Reconciler) -> Controller:
        """The controller, already known to the manager. Raises ValueError if it is for nothing."""
        if self._primary is None:
            raise ValueError("say what the controller is for")
        for watched, predicates in self._owned:
            self.watches(watched, enqueue_owner(self._primary), *predicates)
        name = self._name or self._primary.kind.lower()
        options = ControllerOptions(**self._options)
        metrics = self._manager.metrics
        queue = RateLimitingQueue[Request](
            name, rate_limiter=self._rate_limiter, metrics=metrics.workqueue.for_queue(name)
        )
        controller = Controller(
            name,
            reconciler,
            queue=queue,
            metrics=metrics.reconcile.for_controller(name, options.concurrency),
            sources=tuple(self._sources),
            options=options,
        )
        self._manager.add_controller(controller)
        return controller
