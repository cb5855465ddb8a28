"""Writes a Model's status: one patch, only when something differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from controller import meta
from controller.client import Client
from controller.fronts import Front
from controller.meta import NamespacedName, Object
from controller.meta.errors import ApiError, Conflict, NotFound
from controller.reconcilers.conditions import Identity
from controller.reconcilers.result import PassResult
from controller.reconcilers.status import compose_status, status_patch


@dataclass(frozen=True, slots=True)
class Written:
    """The Model before and after its status was written. ``is_current``: ``before`` was still the live one."""

    before: Object
    after: Object
    is_current: bool = True


class StatusWriter:
    """Composes and writes the statuses of a front's objects. ``now`` gives seconds since the epoch."""

    def __init__(self, client: Client, now: Callable[[], float], front: Front) -> None:
        self._client = client
        self._now = now
        self._front = front
        self._declined: dict[NamespacedName, Object] = {}
        self._identities: dict[NamespacedName, Mapping[str, Identity]] = {}

    async def write(self, model: Object, result: PassResult) -> Written | None:
        """Writes what a pass over this Model found, for the generation it worked on; no request when nothing differs.

        The patch cannot land on another version of the Model: after a conflict it is computed once more from the live one. None when the
        Model was removed meanwhile. Raises ApiError.
        """
        generation = meta.generation_of(model)
        for attempt in (0, 1):
            key, now = meta.key_of(model), meta.format_time(self._now())
            composed = compose_status(model, result, now, self._identities.get(key), generation)
            self._identities[key] = composed.identities
            wanted = self._front.status(composed.status)
            patch = status_patch(model, wanted)
            if patch is None or patch["status"] == self._declined.get(key):
                return Written(model, model, is_current=attempt == 0)
            try:
                written = await self._patch(model, patch)
            except NotFound:
                return None
            except Conflict:
                if attempt or (fresh := await self._same(model)) is None:
                    raise
                model = fresh
                continue
            self._note_declined(written, wanted)
            return Written(model, written, is_current=attempt == 0)
        return None

    def forget(self, model: NamespacedName) -> None:
        """The Model is gone."""
        self._declined.pop(model, None)
        self._identities.pop(model, None)

    async def _patch(self, model: Object, patch: Mapping[str, object]) -> Object:
        name, namespace = meta.name_of(model), meta.namespace_of(model)
        return await self._client.patch(self._front.resource, name, patch, namespace=namespace, subresource="status")

    def _note_declined(self, written: Object, wanted: Object) -> None:
        """Remembers what the server dropped, such as a field that its CRD does not have, so that it is not sent in every pass."""
        left = None if meta.status_of(written) == wanted else status_patch(written, wanted)
        if left is None:
            self._declined.pop(meta.key_of(written), None)
        else:
            self._declined[meta.key_of(written)] = left["status"]

    async def _same(self, model: Object) -> Object | None:
        """The live Model, if it is still this one."""
        try:
            fresh = await self._client.get(self._front.resource, meta.name_of(model), meta.namespace_of(model))
        except ApiError:
            return None
        return fresh if meta.uid_of(fresh) == meta.uid_of(model) and not meta.is_deleting(fresh) else None
