"""Shared informers: list and watch as a pure machine, the shell that obeys it, the indexed store, listers and handlers.

An event goes straight from the wire into the store and then to every handler, in order; there is no queue between. A handler that wants
to do work puts a key into a work queue.
"""

from controller.informers.delta import Delta as Delta
from controller.informers.delta import DeltaType as DeltaType
from controller.informers.dispatcher import Registration as Registration
from controller.informers.factory import SharedInformerFactory as SharedInformerFactory
from controller.informers.lister import Lister as Lister
from controller.informers.metrics import InformerMetrics as InformerMetrics
from controller.informers.metrics import ReflectorMetrics as ReflectorMetrics
from controller.informers.mutation import CacheMutated as CacheMutated
from controller.informers.options import CacheOptions as CacheOptions
from controller.informers.options import ReflectorOptions as ReflectorOptions
from controller.informers.reader import CacheReader as CacheReader
from controller.informers.shared_informer import SharedInformer as SharedInformer
from controller.informers.table import BY_NAMESPACE as BY_NAMESPACE
from controller.informers.table import BY_OWNER as BY_OWNER
from controller.informers.table import IndexFunction as IndexFunction
