"""The seam between informers and workqueue: an informer, what is let through, and whom it concerns."""

from collections.abc import Sequence
from dataclasses import dataclass

from controller.informers import Delta, SharedInformer
from controller.runtime.handlers import Handler
from controller.runtime.predicates import Predicate, is_resync
from controller.runtime.reconcile import Request
from controller.workqueue import LOW_PRIORITY, RateLimitingQueue


@dataclass(frozen=True, slots=True)
class Source:
    """Feeds a queue from an informer.

    What an initial list or a resync brings is queued at low priority: a change made just now goes first.
    """

    informer: SharedInformer
    handler: Handler
    predicates: Sequence[Predicate] = ()

    def feed(self, queue: RateLimitingQueue[Request]) -> None:
        """From now on, and for what the informer already holds, add the requests to the queue."""

        def enqueue(delta: Delta) -> None:
            if not all(predicate(delta) for predicate in self.predicates):
                return
            priority = LOW_PRIORITY if delta.in_initial_list or is_resync(delta) else 0
            for request in self.handler(delta):
                queue.add(request, priority=priority)

        self.informer.add_handler(enqueue)
