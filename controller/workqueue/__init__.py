"""The queue between events and workers: one worker per key, no lost add, many adds make one run.

Read in this order: ``queue`` (dirty and processing items), ``delaying`` (items that become due later), ``rate_limiters`` (how long a
retry waits), ``rate_limiting`` (the three together, and the only module that awaits), ``metrics`` (what a queue reports).
"""

from controller.workqueue.delaying import DelayingQueue as DelayingQueue
from controller.workqueue.metrics import NoQueueMetrics as NoQueueMetrics
from controller.workqueue.metrics import QueueMetrics as QueueMetrics
from controller.workqueue.metrics import QueueState as QueueState
from controller.workqueue.queue import LOW_PRIORITY as LOW_PRIORITY
from controller.workqueue.queue import Queue as Queue
from controller.workqueue.queue import Taken as Taken
from controller.workqueue.rate_limiters import ItemExponentialFailure as ItemExponentialFailure
from controller.workqueue.rate_limiters import MaxOf as MaxOf
from controller.workqueue.rate_limiters import RateLimiter as RateLimiter
from controller.workqueue.rate_limiters import TokenBucket as TokenBucket
from controller.workqueue.rate_limiting import RateLimitingQueue as RateLimitingQueue
from controller.workqueue.rate_limiting import ShutDown as ShutDown
from controller.workqueue.rate_limiting import default_rate_limiter as default_rate_limiter
