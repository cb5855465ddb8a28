"""Leases that must not be held at the same time as one's own: those of another division of the same work."""

from controller.client import Client
from controller.leaderelection.machine import LeaderElectionConfig, LeaseMachine
from controller.leaderelection.record import LEASE, LeaseRecord
from controller.meta import name_of


class Rivals:
    """Watches over the Leases of a namespace for which ``config.is_rival`` is true.

    A candidate asks before it acquires its own lease, and once more after that, before it leads: of two candidates that acquire at the
    same moment, at least one sees the other.
    """

    def __init__(self, client: Client, config: LeaderElectionConfig) -> None:
        self._client = client
        self._config = config
        self._machines: dict[str, LeaseMachine] = {}

    async def held(self, now: float) -> str | None:
        """The name of a rival Lease that somebody holds; None if there is none. A holder is gone once its record stops changing.

        ``now`` is seconds of the clock that the election runs by. Raises ApiError.
        """
        if self._config.is_rival is None:
            return None
        leases = {name_of(lease): lease for lease in (await self._client.list(LEASE, self._config.namespace)).items}
        rivals = {name: lease for name, lease in leases.items() if self._config.is_rival(name)}
        self._machines = {name: self._machines.get(name) or LeaseMachine(self._config) for name in rivals}
        for name, lease in rivals.items():
            self._machines[name].observe(LeaseRecord.from_object(lease), now)
        return next((name for name, machine in self._machines.items() if not machine.is_free(now)), None)
