"""The client: one coroutine a verb, plain JSON in and out."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Protocol, Self

from controller.client import requests
from controller.client.config import ClientConfig
from controller.client.pages import Pages
from controller.client.requests import APPLY_PATCH, MERGE_PATCH
from controller.client.transport import REQUEST_SECONDS, RequestMetrics, Sending, Transport
from controller.client.wire import ListPage, RawPage, WatchEvent, decode_event, decode_object, split_list
from controller.meta import NamespacedName, Object, Resource, name_of, namespace_of

Guard = Callable[[], None]


class WriteRecorder(Protocol):
    """Receives every successful write right after its answer arrives, so that caches are current at the next read."""

    def written(self, resource: Resource, obj: Object) -> None:
        """The server stored this object."""

    def deleted(self, resource: Resource, key: NamespacedName, answer: Object) -> None:
        """The server accepted a deletion; ``answer`` is the object, which may wait for finalizers, or a Status."""


@dataclass(frozen=True, slots=True)
class _Manner:
    """The settings of requests. Derived clients differ in nothing else."""

    guard: Guard | None = None
    request_timeout: float = REQUEST_SECONDS
    limited: bool = True
    recorder: WriteRecorder | None = None


class Client:
    """Talks to one API server: one coroutine a verb, plain JSON in and out.

    Errors. Every method raises ``StatusError`` (or a subclass that says which) when the server refuses, ``TransportError`` when there
    was no answer, and ``DecodeError`` when the answer could not be read. An object that is nested too deeply to be decoded keeps its
    metadata and carries ``meta.UNDECODABLE``. An empty name, a missing namespace and a name that is a path raise ``InvalidRequest``
    before anything is sent.

    Repetition. What is safe to repeat is repeated up to three times: requests that never reached the server, requests answered by 429,
    and others only where the server says when (Retry-After) or no answer came and a second execution does no harm (reads, patches,
    writes with a resourceVersion, deletions with a uid). Nothing below this class sends a request twice.

    Time. ``with_timeout`` bounds the time until the answer begins and each silence in it; a large answer over a slow link may take
    longer in all, as long as it makes progress.

    Derived clients (``with_guard``, ``with_timeout``, ``without_limit``, ``recording``) share connections and credentials; closing one
    closes all.

    Not promised: the order of concurrent requests, and that the server did not act when TransportError is raised.
    """

    def __init__(
        self, transport: Transport, *, field_manager: str = "model-controller", manner: _Manner | None = None
    ) -> None:
        self.field_manager = field_manager
        self._transport = transport
        self._manner = manner if manner is not None else _Manner()

    @classmethod
    async def connect(cls, config: ClientConfig, *, metrics: RequestMetrics | None = None) -> Self:
        """A client for this configuration. Nothing is sent yet."""
        return cls(Transport(config, metrics=metrics))

    @property
    def config(self) -> ClientConfig:
        """The configuration it was made from."""
        return self._transport.config

    def use_metrics(self, metrics: RequestMetrics) -> None:
        """From now on, ``metrics`` receives every request of this client and of clients derived from it."""
        self._transport.metrics = metrics

    def with_guard(self, guard: Guard) -> "Client":
        """The same connections; ``guard`` is called right before every mutating request is sent, and may raise instead."""
        return self._derived(guard=guard)

    def with_timeout(self, seconds: float) -> "Client":
        """The same connections; a request is given up when nothing came for ``seconds``."""
        return self._derived(request_timeout=seconds)

    def without_limit(self) -> "Client":
        """The same connections, but no waiting for the client's own rate limit: for what must not queue, like a lease renewal."""
        return self._derived(limited=False)

    def recording(self, recorder: WriteRecorder) -> "Client":
        """The same connections; ``recorder`` receives every successful write."""
        return self._derived(recorder=recorder)

    def _derived(self, **changes: Any) -> "Client":
        return Client(self._transport, field_manager=self.field_manager, manner=replace(self._manner, **changes))

    async def close(self) -> None:
        """Closes the connections, also those of clients derived from this one."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, request: requests.HttpRequest, progress: Callable[[], None] | None = None) -> bytes:
        manner = self._manner
        guard = manner.guard if request.mutating else None
        sending = Sending(guard, manner.request_timeout, limited=manner.limited, progress=progress)
        return await self._transport.send(request, sending)

    async def _write(self, resource: Resource, request: requests.HttpRequest) -> dict[str, Any]:
        answer = decode_object(await self._send(request))
        same_kind = answer.get("kind") == resource.kind and answer.get("apiVersion") == resource.api_version
        if self._manner.recorder is not None and same_kind:
            self._manner.recorder.written(resource, answer)
        return answer

    async def get(
        self, resource: Resource, name: str, namespace: str | None = None, *, metadata_only: bool = False
    ) -> dict[str, Any]:
        """The object of this name."""
        return decode_object(await self._send(requests.get(resource, name, namespace, metadata_only=metadata_only)))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
        limit: int = 0,
        continue_: str = "",
        metadata_only: bool = False,
    ) -> ListPage:
        """One page of a collection; across namespaces without ``namespace``, everything in one page without ``limit``."""
        page = await self.list_raw(
            resource,
            namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            resource_version=resource_version,
            resource_version_match=resource_version_match,
            limit=limit,
            continue_=continue_,
            metadata_only=metadata_only,
        )
        return ListPage(tuple(page.items()), page.resource_version, page.continue_)

    async def list_raw(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        resource_version: str = "",
        resource_version_match: str = "",
        limit: int = 0,
        continue_: str = "",
        metadata_only: bool = False,
        progress: Callable[[], None] | None = None,
    ) -> RawPage:
        """As ``list``, with items that are decoded one by one: a caller can let others run in between.

        ``progress`` is called for each part of the answer that comes in.
        """
        request = requests.list_(
            resource,
            namespace,
            metadata_only=metadata_only,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            resourceVersion=resource_version,
            resourceVersionMatch=resource_version_match,
            limit=limit,
            **{"continue": continue_},
        )
        return split_list(await self._send(request, progress), resource.api_version, resource.kind)

    async def list_all(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        page_size: int = 500,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
    ) -> ListPage:
        """The whole collection, read by pages; see ``Pages`` for a snapshot that expires meanwhile."""

        async def fetch(version: str, limit: int, token: str) -> RawPage:
            return await self.list_raw(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                resource_version=version,
                limit=limit,
                continue_=token,
                metadata_only=metadata_only,
            )

        pages, items = Pages(fetch, page_size=page_size), list[dict[str, Any]]()
        async for page in pages:
            if page is None:
                items.clear()
            else:
                items += page
        return ListPage(tuple(items), pages.resource_version)

    @asynccontextmanager
    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        timeout_seconds: float,
        idle_timeout: float,
        label_selector: str = "",
        field_selector: str = "",
        send_initial_events: bool = False,
        metadata_only: bool = False,
    ) -> AsyncIterator[AsyncIterator[WatchEvent]]:
        """The changes since ``resource_version``, for about ``timeout_seconds``; bookmarks and ERROR events are passed on.

        A silence of ``idle_timeout`` seconds raises TransportError.
        """
        request = requests.watch(
            resource,
            namespace,
            metadata_only=metadata_only,
            resourceVersion=resource_version,
            timeoutSeconds=max(1, int(timeout_seconds)),
            labelSelector=label_selector,
            fieldSelector=field_selector,
            sendInitialEvents=send_initial_events,
            resourceVersionMatch="NotOlderThan" if send_initial_events else "",
        )
        async with self._transport.stream(request, idle_timeout) as lines:

            async def events() -> AsyncGenerator[WatchEvent, None]:
                async for line in lines:
                    yield decode_event(line)

            async with aclosing(events()) as decoded:
                yield decoded

    async def create(self, resource: Resource, obj: Object, *, namespace: str | None = None) -> dict[str, Any]:
        """Creates the object. Raises AlreadyExists when the name is taken."""
        where = namespace or namespace_of(obj)
        return await self._write(resource, requests.create(resource, obj, where, self.field_manager))

    async def replace(self, resource: Resource, obj: Object, *, subresource: str = "") -> dict[str, Any]:
        """Replaces the object whole. Raises Conflict when it carries a resourceVersion that is not the current one."""
        request = requests.replace(resource, obj, namespace_of(obj), subresource, self.field_manager)
        return await self._write(resource, request)

    async def patch(
        self,
        resource: Resource,
        name: str,
        body: Any,
        *,
        namespace: str | None = None,
        subresource: str = "",
        content_type: str = MERGE_PATCH,
    ) -> dict[str, Any]:
        """Changes the object by a patch, a JSON merge patch unless ``content_type`` says otherwise."""
        request = requests.patch(
            resource,
            name,
            body,
            namespace=namespace,
            subresource=subresource,
            content_type=content_type,
            field_manager=self.field_manager,
        )
        return await self._write(resource, request)

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str | None = None,
        force: bool = True,
        subresource: str = "",
    ) -> dict[str, Any]:
        """Server-side apply: ``obj`` holds every field that ``field_manager`` owns, and nothing else."""
        request = requests.patch(
            resource,
            name_of(obj),
            obj,
            namespace=namespace_of(obj),
            subresource=subresource,
            content_type=APPLY_PATCH,
            field_manager=field_manager or self.field_manager,
            force=force,
        )
        return await self._write(resource, request)

    async def delete(
        self,
        resource: Resource,
        name: str,
        *,
        namespace: str | None = None,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: str | None = None,
    ) -> dict[str, Any]:
        """Deletes the object if its uid and resourceVersion are these; returns the object or the server's Status."""
        request = requests.delete(
            resource, name, namespace, uid=uid, resource_version=resource_version, propagation=propagation
        )
        answer = decode_object(await self._send(request))
        if self._manner.recorder is not None:
            self._manner.recorder.deleted(resource, NamespacedName(namespace or "", name), answer)
        return answer

    async def raw(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        content_type: str | None = None,
        query: dict[str, str] | None = None,
    ) -> bytes:
        """Sends anything else; returns the body of the answer."""
        return await self._send(requests.raw(method, path, body, content_type, query or {}))
