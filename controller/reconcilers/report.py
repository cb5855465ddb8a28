"""Writes a Model's status: one patch, only when something differs."""

from collections.abc import Callable

from controller import meta
from controller.api.kinds import MODEL
from controller.client import Client
from controller.informers import SharedInformer
from controller.meta import NamespacedName, Object
from controller.meta.errors import ApiError, Conflict, NotFound
from controller.reconcilers.announce import Announcer
from controller.reconcilers.status import Findings, status_patch, summarize


class StatusReporter:
    """Tells findings in the status and as Events. ``now`` gives seconds since the epoch."""

    def __init__(self, client: Client, models: SharedInformer, announcer: Announcer, now: Callable[[], float]) -> None:
        self._client = client
        self._models = models
        self._announcer = announcer
        self._now = now
        self._declined: dict[NamespacedName, Object] = {}

    async def report(self, model: Object, findings: Findings) -> Object | None:
        """Writes the status if it differs, in one patch that cannot land on another version of the Model.

        Returns the Model as it then is, None when somebody else changed or removed it meanwhile. What was found for a generation is told
        of that generation.
        """
        generation = meta.generation_of(model)
        for attempt in (0, 1):
            wanted = summarize(model, findings, meta.format_time(self._now()), generation)
            patch = status_patch(model, wanted)
            written: Object = model
            if patch is not None and patch["status"] != self._declined.get(meta.key_of(model)):
                try:
                    written = await self._client.patch(
                        MODEL, meta.name_of(model), patch, namespace=meta.namespace_of(model), subresource="status"
                    )
                except NotFound:
                    return None
                except Conflict:
                    if attempt or (fresh := await self._same(model)) is None:
                        raise
                    model = fresh
                    continue
                self._models.record(written)
                self._note_declined(written, wanted)
            self._announcer.tell(model, written)
            return written if attempt == 0 else None
        return None

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._declined.pop(model, None)

    def _note_declined(self, written: Object, wanted: Object) -> None:
        """Remembers what the server did not take over, such as a field its CRD does not have: sending it again would help nobody."""
        left = status_patch(written, wanted)
        if left is None:
            self._declined.pop(meta.key_of(written), None)
        else:
            self._declined[meta.key_of(written)] = left["status"]

    async def _same(self, model: Object) -> Object | None:
        """The Model as it is now, if it is still this one."""
        try:
            fresh = await self._client.get(MODEL, meta.name_of(model), meta.namespace_of(model))
        except ApiError:
            return None
        return fresh if meta.uid_of(fresh) == meta.uid_of(model) and not meta.is_deleting(fresh) else None
