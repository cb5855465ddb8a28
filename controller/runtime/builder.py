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


class Host(Protocol):
    """What a builder needs of a manager."""

    @property
    def metrics(self) -> Metrics:
        """Where the controller's metrics go."""

    def informer(self, resource: Resource, **options: Any) -> SharedInformer:
        """The shared informer of these objects; created if there is none with the same options."""

    def add_controller(self, controller: Controller) -> None:
        """Run it while leading."""


class ControllerBuilder:
    """Collects a controller's watches and options; ``complete`` makes the controller and hands it to the manager.

    Options after the predicates (``label_selector``, ``transform``, …) go to the informer as they are.
    """

    def __init__(self, manager: Host) -> None:
        self._manager = manager
        self._name = ""
        self._primary: Resource | None = None
        self._sources: list[Source] = []
        self._owned: list[tuple[Resource, tuple[Predicate, ...], dict[str, Any]]] = []
        self._options: dict[str, Any] = {}
        self._rate_limiter: RateLimiter[Request] | None = None

    def named(self, name: str) -> Self:
        """Name in metrics and logs; unique in the process. The lower-case kind by default."""
        self._name = name
        return self

    def for_(self, resource: Resource, *predicates: Predicate, **informer_options: Any) -> Self:
        """The objects this controller is for: each change enqueues the object itself. Exactly once."""
        if self._primary is not None:
            raise ValueError(f"the controller is already for {self._primary.key}")
        self._primary = resource
        return self.watches(resource, enqueue_object, *predicates, **informer_options)

    def owns(self, resource: Resource, *predicates: Predicate, **informer_options: Any) -> Self:
        """Objects this controller creates: each change enqueues the controlling object of the ``for_`` kind."""
        self._owned.append((resource, predicates, informer_options))
        return self

    def watches(self, resource: Resource, handler: Handler, *predicates: Predicate, **informer_options: Any) -> Self:
        """Any other objects: each change enqueues what the handler says."""
        self._sources.append(Source(self._manager.informer(resource, **informer_options), handler, predicates))
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
        for resource, predicates, informer_options in self._owned:
            self.watches(resource, enqueue_owner(self._primary), *predicates, **informer_options)
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
