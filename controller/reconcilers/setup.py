"""Wires the Model's reconciler to a manager: what is watched, which Models a change reconciles, how failures back off."""

import random
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from controller import meta
from controller.api.kinds import (
    ALL_CHILDREN,
    AUTOSCALING_POLICY_BINDING,
    CONFIG_MAP,
    MODEL,
    MODEL_INFER,
    MODEL_ROUTE,
    POD,
)
from controller.dialects import E4FB6663, Dialect
from controller.informers import CacheOptions, Delta, Lister, SharedInformer
from controller.lora import AdapterSync
from controller.meta import Object, Resource, Shard
from controller.reconcilers.apply import Applier
from controller.reconcilers.children import Role, answered_names, resources_of, scaled_workloads
from controller.reconcilers.events import EventReporter
from controller.reconcilers.metrics import ModelMetrics
from controller.reconcilers.observe import BY_ANSWERED_NAME, Observer, indexers
from controller.reconcilers.pods import BY_WORKLOAD, reconcile_relevant, slim, workload_of_pod
from controller.reconcilers.reconciler import ModelReconciler
from controller.reconcilers.rendered import Renderer
from controller.reconcilers.settings import CONFIG_MAP_NAME, render_options
from controller.reconcilers.sharding import ShardFilter
from controller.reconcilers.status_writer import StatusWriter
from controller.render import RenderOptions
from controller.render.names import INFER_NAME, MANAGED_BY, MANAGER, MODEL_NAME
from controller.runtime import ControllerBuilder, Manager, Predicate, Request, changed, enqueue_mapped
from controller.validation import ValidationOptions
from controller.workqueue import ItemExponentialFailure

_FIRST_RETRY = 1.0
_LONGEST_RETRY = 300.0
_MANAGED = f"{MANAGED_BY}={MANAGER}"
_CACHES = {
    MODEL: CacheOptions(compact=True),
    AUTOSCALING_POLICY_BINDING: CacheOptions(compact=True),
    POD: CacheOptions(label_selector=INFER_NAME, transform=slim, compact=True),
}
"""What differs from "what we manage, compact": foreign bindings too, because they decide who owns replicas."""
_UNDIVIDED = (MODEL_ROUTE, AUTOSCALING_POLICY_BINDING)
"""What every shard holds whole: routes show which names other Models answer, bindings which workloads others scale."""


@dataclass(frozen=True, slots=True)
class ModelControllerOptions:
    """The operator's choices. Images given here win over the ConfigMap, which wins over the defaults.

    ``namespace`` is the controller's own, where the ConfigMap lies; without one there is no ConfigMap. With a ``shard``, only the Models
    of that part are reconciled.
    """

    downloader_image: str | None = None
    runtime_image: str | None = None
    hostpath_prefixes: tuple[str, ...] = ()
    namespace: str | None = None
    config_map: str = CONFIG_MAP_NAME
    workers: int = 16
    shard: Shard | None = None
    dialect: Dialect = E4FB6663


def setup(manager: Manager, options: ModelControllerOptions) -> None:
    """Adds the Model controller to a manager."""
    keep = None if options.shard is None else ShardFilter(options.shard)
    models, pods = _informer(manager, MODEL, keep), _informer(manager, POD, keep)
    children = {resource: _informer(manager, resource, keep) for resource in ALL_CHILDREN}
    for resource, informer in children.items():
        for name, function in indexers(resource).items():
            informer.add_indexer(name, function)
    pods.add_indexer(BY_WORKLOAD, workload_of_pod)
    infers = children[MODEL_INFER].lister
    builder = ControllerBuilder(manager).for_(models, _concerns_us)
    for child in children.values():
        builder.owns(child, *(() if keep is None else (_of_shard(keep),)))
    targets = enqueue_mapped(lambda binding: _owners_of_targets(binding, infers))
    builder.watches(children[AUTOSCALING_POLICY_BINDING], targets)
    for resource in resources_of(Role.ROUTE):
        routes = children[resource].lister
        builder.watches(children[resource], enqueue_mapped(partial(_owners_of_rivals, routes)))
    builder.watches(pods, enqueue_mapped(lambda pod: _owners_of_pod(pod, infers)), changed(reconcile_relevant))
    settings = _Settings(options, None, "")
    if (namespace := options.namespace) is not None:
        one = CacheOptions(namespaces=(namespace,), field_selector=f"metadata.name={options.config_map}")
        config_maps = manager.informer(CONFIG_MAP, one)
        settings = _Settings(options, config_maps.lister, namespace)
        builder.watches(config_maps, enqueue_mapped(lambda _: models.lister.keys()))
    metrics = ModelMetrics(manager.metrics.registry, models.lister)
    adapters = AdapterSync(manager.client, manager.guard, metrics)
    manager.add_runnable("adapters", adapters)
    reconciler = ModelReconciler(
        models=models.lister,
        options=settings.current,
        renderer=Renderer(ValidationOptions(hostpath_prefixes=options.hostpath_prefixes)),
        observer=Observer({resource: informer.lister for resource, informer in children.items()}, pods.lister),
        applier=Applier(manager.client, children),
        adapters=adapters,
        status=StatusWriter(manager.client, time.time),
        events=EventReporter(manager.recorder("model-controller")),
        metrics=metrics,
        now=time.time,
    )
    limiter = ItemExponentialFailure[Request](_FIRST_RETRY, _LONGEST_RETRY, jitter=0.2, random=random.random)
    controller = builder.with_options(concurrency=options.workers, rate_limiter=limiter).complete(reconciler)
    adapters.add_handler(controller.queue.add)


def _informer(manager: Manager, resource: Resource, keep: ShardFilter | None) -> SharedInformer:
    options = _CACHES.get(resource, CacheOptions(label_selector=_MANAGED, compact=True))
    return manager.informer(resource, options if resource in _UNDIVIDED else replace(options, keep=keep))


def _of_shard(keep: ShardFilter) -> Predicate:
    """Lets through what belongs to the shard after a change or belonged to it before."""

    def concerns(obj: Object | None) -> bool:
        return obj is not None and keep(obj)

    return lambda delta: concerns(delta.new) or concerns(delta.old)


def _owners_of_pod(pod: Object, infers: Lister) -> Iterable[Request]:
    """The Model that a pod's label names; a Ray worker has none, so there it is the owner of its ModelInfer."""
    if name := meta.labels_of(pod).get(MODEL_NAME):
        yield Request(meta.namespace_of(pod), name)
        return
    for infer_name in workload_of_pod(pod):
        yield from _owner_of_infer(infer_name, infers)


def _owner_of_infer(infer_name: str, infers: Lister) -> Iterable[Request]:
    namespace, _, name = infer_name.partition("/")
    infer = infers.get(name, namespace)
    owner = meta.controller_of(infer) if infer is not None else None
    if owner is not None and owner.get("kind") == MODEL.kind:
        yield Request(namespace, str(owner.get("name")))


def _owners_of_targets(binding: Object, infers: Lister) -> Iterable[Request]:
    for name in scaled_workloads(binding):
        yield from _owner_of_infer(f"{meta.namespace_of(binding)}/{name}", infers)


def _owners_of_rivals(routes: Lister, route: Object) -> Iterable[Request]:
    """The Models whose routes answer a name that this route answers too: each of them says so in its status."""
    for name in answered_names(route):
        for key in routes.versions(BY_ANSWERED_NAME, name).keys() - {meta.key_of(route)}:
            owner = meta.controller_of(routes.get(key.name, key.namespace) or {})
            if owner is not None and owner.get("kind") == MODEL.kind:
                yield Request(key.namespace, str(owner.get("name")))


def _concerns_us(delta: Delta) -> bool:
    """Every addition and deletion; a change unless it is the echo of a status write of our own."""
    if delta.old is None or delta.new is None:
        return True
    old, new = delta.old, delta.new
    return (
        meta.generation_of(old) != meta.generation_of(new)
        or meta.is_deleting(old) != meta.is_deleting(new)
        or meta.labels_of(old) != meta.labels_of(new)
        or meta.annotations_of(old) != meta.annotations_of(new)
        or meta.status_of(old) != meta.status_of(new)
    )


class _Settings:
    """The images in force: flag, else ConfigMap, else default."""

    def __init__(self, options: ModelControllerOptions, config_maps: Lister | None, namespace: str) -> None:
        self._options = options
        self._config_maps = config_maps
        self._namespace = namespace

    def current(self) -> RenderOptions:
        """Read each time, so that a changed ConfigMap takes effect."""
        found = self._config_maps.get(self._options.config_map, self._namespace) if self._config_maps else None
        options = self._options
        return render_options(options.dialect, found, options.downloader_image, options.runtime_image)
