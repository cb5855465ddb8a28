"""The framework's core, in the order in which a change travels: ``sources``, ``predicates``, ``handlers``, the workqueue, ``controller``,
``reconcile``. ``builder`` puts them together, ``manager`` runs them, ``events`` and ``logging`` report what happened.
"""

from controller.runtime.builder import ControllerBuilder as ControllerBuilder
from controller.runtime.controller import Controller as Controller
from controller.runtime.controller import ControllerOptions as ControllerOptions
from controller.runtime.controller import Watch as Watch
from controller.runtime.events import EventRecorder as EventRecorder
from controller.runtime.handlers import Handler as Handler
from controller.runtime.handlers import PrioritizedRequest as PrioritizedRequest
from controller.runtime.handlers import enqueue_mapped as enqueue_mapped
from controller.runtime.handlers import enqueue_object as enqueue_object
from controller.runtime.handlers import enqueue_owner as enqueue_owner
from controller.runtime.handlers import with_priority as with_priority
from controller.runtime.leadership import LostLease as LostLease
from controller.runtime.logging import configure_logging as configure_logging
from controller.runtime.logging import redact as redact
from controller.runtime.manager import GraceExceeded as GraceExceeded
from controller.runtime.manager import Manager as Manager
from controller.runtime.manager import Runnable as Runnable
from controller.runtime.options import ManagerOptions as ManagerOptions
from controller.runtime.predicates import Predicate as Predicate
from controller.runtime.predicates import all_of as all_of
from controller.runtime.predicates import annotations_changed as annotations_changed
from controller.runtime.predicates import any_of as any_of
from controller.runtime.predicates import changed as changed
from controller.runtime.predicates import deletion_started as deletion_started
from controller.runtime.predicates import generation_changed as generation_changed
from controller.runtime.predicates import is_resync as is_resync
from controller.runtime.predicates import labels_changed as labels_changed
from controller.runtime.predicates import not_ as not_
from controller.runtime.reconcile import ReconcileError as ReconcileError
from controller.runtime.reconcile import Reconciler as Reconciler
from controller.runtime.reconcile import Request as Request
from controller.runtime.reconcile import Result as Result
from controller.runtime.reconcile import TerminalError as TerminalError
from controller.runtime.runnables import RunnableFailed as RunnableFailed
from controller.runtime.sources import ChannelSource as ChannelSource
from controller.runtime.sources import InformerSource as InformerSource
from controller.runtime.sources import PeriodicSource as PeriodicSource
from controller.runtime.sources import RequestQueue as RequestQueue
from controller.runtime.sources import Source as Source
