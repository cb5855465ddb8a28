"""Leader election on a Lease: a pure machine, and the elector that obeys it.

A write may be sent only while the last renewal covers it (``LeaderElector.guard``). Between the renew deadline and the end of the lease
this process no longer writes and no other process writes yet:

1. A renews at 0 s; lease duration 15 s, renew deadline 10 s.
2. A loses its connection. From 10 s on, its guard refuses every write.
3. A request that A sent at 9.9 s may still arrive before about 15 s: its time-out is at most lease duration - renew deadline.
4. B saw A's record change at 0 s at the earliest, so it takes the lease at 15 s at the earliest.

There is no fencing token: a request that is delayed beyond its time-out can arrive late. Writes should carry a uid or a resourceVersion.
"""

from controller.leaderelection.elector import LeaderElector as LeaderElector
from controller.leaderelection.elector import LeaderMetrics as LeaderMetrics
from controller.leaderelection.elector import NotLeader as NotLeader
from controller.leaderelection.machine import ElectionConfigError as ElectionConfigError
from controller.leaderelection.machine import LeaderElectionConfig as LeaderElectionConfig
from controller.leaderelection.record import LEASE as LEASE
from controller.leaderelection.record import LeaseRecord as LeaseRecord
