"""Leader election on a Lease: a pure machine, and the elector that obeys it.

A write may be sent only while the last renewal covers it (``LeaderElector.guard``); between the renew deadline and the end of the lease lies
the margin in which nothing of ours is written any more and nobody else writes yet.
"""

from controller.leaderelection.elector import LeaderElector as LeaderElector
from controller.leaderelection.elector import NotLeader as NotLeader
from controller.leaderelection.machine import ElectionConfigError as ElectionConfigError
from controller.leaderelection.machine import LeaderElectionConfig as LeaderElectionConfig
from controller.leaderelection.record import LEASE as LEASE
from controller.leaderelection.record import LeaseRecord as LeaseRecord
