"""The Model controller: observe, plan, apply, status.

1. ``observe``: one snapshot from the caches. 2. ``plan``: what to do about each child, as values, decided before anything is written.
3. ``apply``: obeys the plan. 4. ``status``: conditions, Events and metrics, composed from the results at the end.
No state has to survive a restart of the process.
"""

from controller.reconcilers.setup import ModelControllerOptions as ModelControllerOptions
from controller.reconcilers.setup import setup as setup
from controller.reconcilers.setup import setup_installed as setup_installed
from controller.reconcilers.sharding import rivals_of as rivals_of
from controller.reconcilers.sharding import shard_lease as shard_lease
