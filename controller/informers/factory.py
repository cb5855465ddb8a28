"""The factory owns a process's caches: one informer for each selection of objects."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from controller import meta
from controller.client import Client
from controller.informers.metrics import InformerMetrics, NoInformerMetrics
from controller.informers.options import CacheOptions, ReflectorOptions
from controller.informers.shared_informer import SharedInformer
from controller.meta import NamespacedName, Object, Resource

_Key = tuple[Resource, CacheOptions]


class SharedInformerFactory:
    """Makes, shares and runs informers; limits them to ``namespaces`` unless their options name others.

    There is one informer for each resource and scope (namespaces, selectors, metadata only). Promises:

    - ``informer(resource)`` without options is the informer of that resource, whatever options it was made with;
    - the same scope in another form, or a first mention of options after an informer without was handed out, raises ValueError
      instead of starting a second watch of the same objects;
    - several informers of one resource exist only if each was asked for with options of its own; then a call without options raises
      ValueError, because it does not say which one it means.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespaces: Sequence[str] = (),
        options: ReflectorOptions | None = None,
        metrics: InformerMetrics | None = None,
    ) -> None:
        self._client = client
        self._namespaces = tuple(namespaces)
        self._options = options if options is not None else ReflectorOptions()
        self._metrics: InformerMetrics = metrics if metrics is not None else NoInformerMetrics()
        self._informers: dict[_Key, SharedInformer] = {}
        self._unspecified: set[Resource] = set()
        self._group: asyncio.TaskGroup | None = None
        self._tasks: dict[SharedInformer, asyncio.Task[None]] = {}

    def __iter__(self) -> Iterator[SharedInformer]:
        return iter(tuple(self._informers.values()))

    def informer(self, resource: Resource, options: CacheOptions | None = None) -> SharedInformer:
        """The informer of these objects; a new one, if there is none, which starts at once when the factory runs.

        Raises ValueError as the class says.
        """
        present = self._of(resource)
        if options is None:
            return self._only(resource, present)
        options = options.in_namespaces(self._namespaces if resource.namespaced else ())
        found = self._informers.get((resource, options.scope))
        if found is None:
            if resource in self._unspecified:
                raise ValueError(f"{resource.key} is cached already without options: give the options first")
            return self._start(resource, options)
        if found.options != options:
            raise ValueError(f"{resource.key} is cached already with another transform or another compact")
        return found

    def _only(self, resource: Resource, present: Sequence[SharedInformer]) -> SharedInformer:
        if len(present) > 1:
            raise ValueError(f"there are {len(present)} caches of {resource.key}: name the options of one of them")
        if present:
            return present[0]
        self._unspecified.add(resource)
        return self._start(resource, CacheOptions(namespaces=self._namespaces if resource.namespaced else ()))

    def _start(self, resource: Resource, options: CacheOptions) -> SharedInformer:
        informer = SharedInformer(self._client, resource, options, reflector=self._options, metrics=self._metrics)
        self._informers[resource, options.scope] = informer
        if self._group is not None:
            self._tasks[informer] = self._group.create_task(informer.run())
        return informer

    async def stop(self, informer: SharedInformer) -> None:
        """Ends the informer's lists and watches and forgets it; asked for again, a new one is made.

        Its lister keeps what it holds, and its handlers receive nothing more. Does nothing for an informer that is not of this
        factory.
        """
        key = (informer.resource, informer.options.scope)
        if self._informers.get(key) is not informer:
            return
        del self._informers[key]
        if not self._of(informer.resource):
            self._unspecified.discard(informer.resource)
        if (task := self._tasks.pop(informer, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def written(self, resource: Resource, obj: Object) -> None:
        """Takes the answer to a write of this process into the caches of its resource; see ``Client.recording``."""
        for informer in self._of(resource):
            informer.record(obj)

    def deleted(self, resource: Resource, key: NamespacedName, answer: Object) -> None:
        """Takes the answer to a deletion into the caches: the object goes, or shows that it waits for its finalizers or grace period.

        A Status without the uid of what was deleted changes nothing: the watch will tell.
        """
        if answer.get("kind") != "Status":
            record = SharedInformer.record if is_still_there(answer) else SharedInformer.record_deletion
            for informer in self._of(resource):
                record(informer, answer)
            return
        details = answer.get("details")
        if isinstance(details, Mapping) and (uid := details.get("uid")):
            gone = {"metadata": {"namespace": key.namespace, "name": key.name, "uid": uid}}
            for informer in self._of(resource):
                informer.record_deletion(gone)

    def _of(self, resource: Resource) -> list[SharedInformer]:
        return [informer for informer in self if informer.resource == resource]

    async def run(self) -> None:
        """Runs all informers until cancelled. Raises when one of them dies."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for informer in self:
                self._tasks[informer] = group.create_task(informer.run())
            await asyncio.Event().wait()

    async def wait_for_sync(self) -> None:
        """Returns once every informer has synced."""
        while waiting := [informer for informer in self if not informer.has_synced]:
            await asyncio.gather(*(informer.wait_for_sync() for informer in waiting))

    def verify(self) -> None:
        """Raises CacheMutated when a cached object was changed in place, if the environment asks for that to be found out."""
        for informer in self:
            informer.verify()

    def unsynced(self) -> list[str]:
        """The informers that have not synced, with the reason."""
        return [f"{informer.resource.key} ({informer.problem})" for informer in self if not informer.has_synced]

    def overdue(self) -> str | None:
        """For a health probe: what is wrong when a list or watch has not shown a sign of life for too long.

        A server that does not answer or refuses does not count: the informer waits and tries again.
        """
        problems = [informer.overdue() for informer in self]
        return "; ".join(problem for problem in problems if problem) or None


def is_still_there(answer: Object) -> bool:
    """Whether the object in the answer to a deletion still exists: it waits for finalizers, or for the end of its grace period."""
    metadata = meta.metadata_of(answer)
    waits = bool(metadata.get("finalizers")) or bool(metadata.get("deletionGracePeriodSeconds"))
    return meta.is_deleting(answer) and waits
