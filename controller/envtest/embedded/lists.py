"""Lists as of a revision, in pages. Pure."""

from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.envtest.embedded.queries import Continuation, ListOptions, Selection
from controller.envtest.embedded.storage import ResourceKey, Storage
from controller.meta import NamespacedName
from controller.meta.errors import Gone


@dataclass(frozen=True, slots=True)
class Page:
    """Stored objects and the metadata of their list."""

    objects: list[dict[str, Any]]
    metadata: dict[str, Any]


def page(storage: Storage, selection: Selection, options: ListOptions) -> Page:
    """The page that was asked for, in the order of namespace and name. Raises Gone for a revision whose history is forgotten."""
    after: NamespacedName | None = None
    revision, oldest = storage.revision, storage.oldest(selection.info.key)
    if options.continuation is not None:
        revision, after = options.continuation.revision, NamespacedName(*options.continuation.after)
        if revision < oldest:
            error = Gone("the provided continue parameter is too old", reason="Expired")
            rest = Continuation(storage.revision, options.continuation.after)
            error.status = {"metadata": {"continue": rest.token()}}
            raise error
    elif options.exact:
        revision = options.version
        if revision < oldest:
            raise Gone(f"the resourceVersion for the provided list is too old: {revision}", reason="Expired")
    objects = [obj for obj in _as_of(storage, selection.info.key, revision) if selection.matches(obj)]
    if after is not None:
        objects = [obj for obj in objects if meta.key_of(obj) > after]
    metadata: dict[str, Any] = {"resourceVersion": str(revision)}
    left = len(objects) - options.limit
    if options.limit and left > 0:
        objects = objects[: options.limit]
        metadata["continue"] = Continuation(revision, meta.key_of(objects[-1])).token()
        if not selection.is_partial:
            metadata["remainingItemCount"] = left
    return Page(objects, metadata)


def _as_of(storage: Storage, resource: ResourceKey, revision: int) -> list[dict[str, Any]]:
    if revision >= storage.revision:
        return storage.list(resource)
    state = {meta.key_of(obj): obj for obj in storage.list(resource)}
    for entry in reversed(list(storage.since(revision, resource))):
        if entry.before is None:
            state.pop(entry.key, None)
        else:
            state[entry.key] = entry.before
    return [state[key] for key in sorted(state)]
