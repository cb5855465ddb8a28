"""The embedded API server: real HTTP on loopback over the storage, one asyncio task per request.

It admits everybody. docs/envtest.md lists what it does not do; such requests are refused, with 501 where Kubernetes would serve them.
"""

import asyncio
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

from aiohttp import web

from controller import meta
from controller.envtest.embedded import aggregation, persistence
from controller.envtest.embedded.bodies import MAX_BODY
from controller.envtest.embedded.builtin import bootstrap
from controller.envtest.embedded.builtin.kinds import built_in
from controller.envtest.embedded.collector import Collector
from controller.envtest.embedded.crds import established, types_of
from controller.envtest.embedded.faults import Faults
from controller.envtest.embedded.handlers import Handlers
from controller.envtest.embedded.registry import Registry
from controller.envtest.embedded.resources import CLUSTER_ROLES, CRDS, NAMESPACES, SERVICES, ServedTypes
from controller.envtest.embedded.storage import Entry, ResourceKey, Storage
from controller.envtest.embedded.watches import Watchers
from controller.envtest.embedded.writes import Body, WriteOptions
from controller.meta import Object

_SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class EmbeddedServer:
    """An API server in this process. ``crds`` are installed before it serves; a ``port`` of 0 picks a free one.

    With ``skip_rules`` the CEL rules of CRDs are stored and not evaluated. What is stored is loaded from the file ``persist`` and saved to
    it. Raises StatusError for a CRD that is refused, and PersistenceError for a file that cannot be read.
    """

    def __init__(
        self, crds: Iterable[Object] = (), port: int = 0, *, skip_rules: bool = False, persist: Path | None = None
    ) -> None:
        self.storage = Storage()
        types = ServedTypes(built_in())
        self.registry = Registry(self.storage, time.time, lambda: str(uuid.uuid4()), types, skip_rules)
        self.watchers = Watchers(self.storage)
        self.url = ""
        self._port = port
        self._collector = Collector(self.registry, self.publish)
        self.faults = Faults(self.storage.compact)
        self._handlers = Handlers(self.registry, self.watchers, self.publish, self.faults)
        self._persist = persist
        self._runner: web.AppRunner | None = None
        self._tasks: list[asyncio.Task[None]] = []
        if persist is not None and persistence.load(persist, self.storage):
            self._take_up()
        self._bootstrap()
        for crd in crds:
            self._create(CRDS, crd)

    def _take_up(self) -> None:
        """Serves what was loaded, and goes on with deletions that were under way."""
        for crd in self.storage.list(CRDS):
            for info in types_of(crd):
                self.registry.types.add(info)
        for resource in self.storage.resources():
            for obj in self.storage.list(resource):
                self._collector.saw(Entry(0, resource, meta.key_of(obj), None, obj, obj))

    def _bootstrap(self) -> None:
        """Makes what every cluster begins with, as far as it is not there."""
        for name in _SYSTEM_NAMESPACES:
            self._create(NAMESPACES, {"metadata": {"name": name}})
        self._create(SERVICES, bootstrap.KUBERNETES_SERVICE)
        for info, obj in bootstrap.objects(self.registry.types):
            if self.storage.get(info.key, meta.key_of(obj)) is None:
                own = {"uid": str(uuid.uuid4()), "creationTimestamp": meta.format_time(time.time())}
                stored = {**obj, "metadata": {**obj["metadata"], **own}}
                self.storage.put(info.key, meta.key_of(obj), stored)
        self._aggregate()

    def _aggregate(self) -> None:
        """Gives every cluster role with an aggregation rule the rules of the roles that it selects."""
        while (changed := aggregation.next_change(self.storage.list(CLUSTER_ROLES))) is not None:
            self.publish(self.storage.put(CLUSTER_ROLES, meta.key_of(changed), changed))

    def _create(self, key: ResourceKey, obj: Object) -> None:
        info = self.registry.types.by_key(key)
        assert info is not None, f"{key} is not built in"
        if self.storage.get(key, meta.key_of(obj)) is not None:
            return
        self.publish(
            self.registry.create(info, meta.namespace_of(obj), Body(dict(obj)), WriteOptions(manager="apiserver")).entry
        )

    async def start(self) -> None:
        """Serves until ``stop``; nobody can watch from before the start. Raises OSError when the port is taken."""
        self.storage.compact()
        application = web.Application(
            client_max_size=MAX_BODY, middlewares=[self.faults.middleware, self._handlers.errors]
        )
        application.router.add_route("*", "/{path:.*}", self._handlers.handle)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        self._tasks = [asyncio.create_task(self._collector.run())]
        if self._persist is not None:
            self._tasks.append(asyncio.create_task(persistence.keep_saving(self._persist, self.storage)))

    async def stop(self) -> None:
        """Ends all watches and closes the port."""
        self.watchers.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._persist is not None:
            persistence.save(self._persist, self.storage)
        if self._runner is not None:
            await self._runner.cleanup()

    def publish(self, entry: Entry | None) -> None:
        """Sends the event to every watcher of the resource, and does what the change asks of the server itself."""
        if entry is None:
            return
        self.watchers.publish(entry)
        if entry.resource == CRDS:
            self._follow_crd(entry)
        elif entry.resource == CLUSTER_ROLES:
            self._aggregate()
        self._collector.saw(entry)

    def _follow_crd(self, entry: Entry) -> None:
        before = types_of(entry.before) if entry.before is not None else []
        after = types_of(entry.after) if entry.after is not None else []
        if before == after:
            return
        types = self.registry.types
        for info in before:
            types.remove(info)
        for info in after:
            types.add(info)
        resources = {info.key for info in (*before, *after)}
        if entry.after is None:
            for resource in resources:
                for obj in self.storage.list(resource):
                    self.publish(self.storage.remove(resource, meta.key_of(obj)))
        for resource in resources:
            self.watchers.close(resource)
            self.storage.begin(resource)
        if entry.after is not None and not meta.conditions_of(entry.after):
            status = established(entry.after, meta.format_time(time.time()))
            self.publish(self.storage.put(CRDS, entry.key, {**entry.after, "status": status}))
