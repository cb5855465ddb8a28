"""Reads and writes the Lease as the lease machine decides."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from controller import meta
from controller.client import Client
from controller.leaderelection.machine import LeaderElectionConfig, LeaseMachine
from controller.leaderelection.record import LEASE, LeaseRecord
from controller.leaderelection.rivals import Rivals
from controller.meta import Object
from controller.meta.errors import AlreadyExists, ApiError, Conflict, NotFound

_log = structlog.get_logger("controller.leaderelection")

_ACQUIRE_JITTER = 2.2
"""A candidate waits 1 to 2.2 retry periods between two attempts, so that candidates spread."""

_RENEW_JITTER = 1.2
"""The leader waits 1 to 1.2 retry periods between two renewals."""

_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds of a clock that cannot be set and that also counts while the machine is suspended."""
    return time.clock_gettime(_CLOCK)


class NotLeader(ApiError):
    """A write was refused before it was sent: this process does not lead, or its last renewal is too old."""


class LeaderMetrics(Protocol):
    """Observes an elector."""

    def leading(self, name: str, *, is_leader: bool) -> None:
        """Whether this process holds the lease ``name``."""

    def slowpath(self, name: str) -> None:
        """A renewal had to read the lease first."""

    def renewed(self, name: str, gap: float) -> None:
        """The lease was renewed, ``gap`` seconds after the previous renewal."""


class LeaderElector:
    """Acquires the lease when it is free, renews it, and reports at once when it is lost.

    ``on_started`` is called when leading begins; ``on_lost`` is called once when leading ends by anything but ``release``. Both are called
    on the event loop and must not block. Fields of the Lease that the elector does not own (``strategy``, ``preferredHolder``, labels, …)
    keep their values.
    """

    def __init__(
        self,
        client: Client,
        config: LeaderElectionConfig,
        *,
        on_started: Callable[[], None],
        on_lost: Callable[[], None],
        metrics: LeaderMetrics,
    ) -> None:
        self._client = client.without_limit().with_timeout(
            min(config.renew_deadline / 2, config.lease_duration - config.renew_deadline)
        )
        self._config = config
        self._machine = LeaseMachine(config)
        self._rivals = Rivals(self._client, config)
        self._on_started = on_started
        self._on_lost = on_lost
        self._metrics = metrics
        self._lease: Object | None = None
        self._leading = False
        self._rival: str | None = None
        self._last_renewal = 0.0
        metrics.leading(config.name, is_leader=False)

    @property
    def is_leader(self) -> bool:
        """Whether this process leads and its last renewal covers a write sent now."""
        return self._leading and self._machine.may_write(boot_time())

    def guard(self) -> None:
        """Raises NotLeader unless a write sent now is covered by the last renewal."""
        if not self.is_leader:
            raise NotLeader(
                f"the lease {self._config.namespace}/{self._config.name} has expired or is not held; write refused"
            )

    def check(self) -> str | None:
        """For a health probe: the problem, if this process leads and its renewal is overdue; else None."""
        overdue = boot_time() - self._last_renewal - self._config.lease_duration
        return (
            f"the lease was not renewed for {overdue:.0f} s beyond its duration"
            if self._leading and overdue > 0
            else None
        )

    async def run(self) -> None:
        """Acquires and renews the lease until cancelled; after a loss it only waits to be cancelled."""
        while not await self._acquire():
            await self._pause(_ACQUIRE_JITTER)
        self._leading = True
        self._metrics.leading(self._config.name, is_leader=True)
        _log.info("Leading", lease=self._config.name, identity=self._config.identity)
        self._on_started()
        while await self._renew():
            await self._pause(_RENEW_JITTER)
        self._machine.step_down()
        self._leading = False
        self._metrics.leading(self._config.name, is_leader=False)
        _log.error("Lost the lease", lease=self._config.name)
        self._on_lost()
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Releases the lease if this process holds it; another holder's lease stays as it is. Raises ApiError."""
        self._machine.step_down()
        self._leading = False
        self._metrics.leading(self._config.name, is_leader=False)
        while True:
            try:
                lease = await self._client.get(LEASE, self._config.name, self._config.namespace)
            except NotFound:
                return
            if LeaseRecord.from_object(lease).holder != self._config.identity:
                return
            try:
                await self._client.replace(LEASE, _with_record(lease, self._machine.released()))
            except Conflict:
                continue
            return

    async def _pause(self, longest: float) -> None:
        """Sleeps one to ``longest`` retry periods, by chance."""
        await asyncio.sleep(self._config.retry_period * random.uniform(1.0, longest))  # noqa: S311 - jitter, not a secret

    async def _acquire(self) -> bool:
        """Tries once. An attempt that takes as long as the renew deadline is abandoned: it would cover no write."""
        try:
            async with asyncio.timeout(self._config.renew_deadline):
                if await self._has_rival() or not await self._attempt():
                    return False
                if not await self._has_rival():
                    return True
            await self.release()
        except TimeoutError:
            pass
        except ApiError as error:
            _log.warning("The lease could not be released and will expire", lease=self._config.name, error=str(error))
        self._lease = None
        return False

    async def _has_rival(self) -> bool:
        """Whether a Lease that excludes this one is held; also true when that cannot be found out."""
        try:
            held = await self._rivals.held(boot_time())
        except ApiError as error:
            _log.warning("Cannot list the leases", namespace=self._config.namespace, error=str(error))
            return True
        if held is not None and held != self._rival:
            _log.info("Waiting for controllers with other shards to stop", lease=held)
        self._rival = held
        return held is not None

    async def _renew(self) -> bool:
        """Renews before the deadline; False if that failed."""
        deadline = self._last_renewal + self._config.renew_deadline
        while (left := deadline - boot_time()) > 0:
            try:
                async with asyncio.timeout(left):
                    if await self._attempt():
                        return True
            except TimeoutError:
                return False
            if not self._machine.holds():
                return False
            await asyncio.sleep(min(self._config.retry_period, max(0.0, deadline - boot_time())))
        return False

    async def _attempt(self) -> bool:
        """Tries once to acquire or renew the lease: with the known version if it is held, else after reading it."""
        try:
            if self._lease is not None and self._machine.holds():
                try:
                    return await self._write(self._lease)
                except ApiError:
                    self._metrics.slowpath(self._config.name)
            self._lease = await self._read()
            if not self._machine.is_free(boot_time()):
                return False
            return await self._write(self._lease)
        except (Conflict, AlreadyExists):
            return False
        except ApiError as error:
            _log.warning("Cannot reach the lease", lease=self._config.name, error=str(error))
            return False

    async def _read(self) -> Object | None:
        try:
            lease = await self._client.get(LEASE, self._config.name, self._config.namespace)
        except NotFound:
            return None
        self._machine.observe(LeaseRecord.from_object(lease), boot_time())
        return lease

    async def _write(self, lease: Object | None) -> bool:
        started = boot_time()
        record = self._machine.candidate(meta.format_micro_time(time.time()))
        if lease is None:
            body: dict[str, Any] = {
                "apiVersion": LEASE.api_version,
                "kind": LEASE.kind,
                "metadata": {"name": self._config.name, "namespace": self._config.namespace},
                "spec": record.to_spec(),
            }
            self._lease = await self._client.create(LEASE, body)
        else:
            self._lease = await self._client.replace(LEASE, _with_record(lease, record))
        self._machine.written(LeaseRecord.from_object(self._lease), started, boot_time())
        if self._leading:
            self._metrics.renewed(self._config.name, started - self._last_renewal)
        self._last_renewal = started
        return True


def _with_record(lease: Object, record: LeaseRecord) -> dict[str, Any]:
    """The lease with this record; all other fields keep their values."""
    return {**lease, "spec": {**meta.spec_of(lease), **record.to_spec()}}
