"""Wires the Models' reconcilers to a manager: what is watched, which Models a change reconciles, how failures back off."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from controller import meta
from controller.api.kinds import CONFIG_MAP, POD
from controller.dialects import DIALECTS, ChildKind, Dialect, Role
from controller.dialects.routes import answered_names
from controller.fronts import MODEL_FRONT, Front
from controller.informers import CacheOptions, Delta, Lister, SharedInformer
from controller.lora import AdapterSync
from controller.meta import Object, Resource, Shard
from controller.reconcilers.apply import Applier
from controller.reconcilers.discovery import Discovery, fronts_of
from controller.reconcilers.events import EventReporter
from controller.reconcilers.families import Families, Family
from controller.reconcilers.metrics import ModelMetrics
from controller.reconcilers.observe import BY_ANSWERED_NAME, Observer, indexers
from controller.reconcilers.pods import BY_WORKLOAD, reconcile_relevant, slim, workload_of_pod
from controller.reconcilers.reconciler import ModelReconciler
from controller.reconcilers.rendered import Renderer
from controller.reconcilers.scaling import only_scale_entries
from controller.reconcilers.settings import CONFIG_MAP_NAME, render_options
from controller.reconcilers.sharding import ShardFilter
from controller.reconcilers.status_writer import StatusWriter
from controller.render import RenderOptions
from controller.runtime import (
    Controller,
    ControllerBuilder,
    Handler,
    InformerSource,
    Manager,
    Predicate,
    Request,
    Source,
    changed,
    enqueue_mapped,
    enqueue_owner,
)
from controller.workqueue import ItemExponentialFailure

_FIRST_RETRY = 1.0
_LONGEST_RETRY = 300.0
_UNDIVIDED = (Role.ROUTE, Role.SCALER)
"""What every shard holds whole: routes show which names other Models answer, scalers which workloads others scale."""


@dataclass(frozen=True, slots=True)
class ModelControllerOptions:
    """The operator's choices. Images given here win over the ConfigMap, which wins over the dialect's own.

    ``namespace`` is the controller's own, where the ConfigMap lies; without one there is no ConfigMap. With a ``shard``, only the Models
    of that part are reconciled. ``families`` are the names of the dialects to serve, each once the cluster has its kinds; None for every dialect.
    """

    downloader_image: str | None = None
    runtime_image: str | None = None
    hostpath_prefixes: tuple[str, ...] = ()
    namespace: str | None = None
    config_map: str = CONFIG_MAP_NAME
    workers: int = 16
    shard: Shard | None = None
    families: tuple[str, ...] | None = None


def setup(manager: Manager, options: ModelControllerOptions) -> None:
    """Adds the controllers of Models, and of ModelBoosters where there may be such, to a manager."""
    controllers = ModelControllers(manager, options)
    dialects = [DIALECTS[name] for name in options.families or DIALECTS]
    discovery = Discovery(manager.client, controllers, dialects, manager.options.namespaces)
    manager.add_preparation(discovery.prepare)
    manager.add_runnable("discovery", discovery, leader_only=False)
    manager.add_readyz_check("families", discovery.missing)


def setup_installed(manager: Manager, options: ModelControllerOptions, dialect: Dialect) -> None:
    """The same for one dialect whose kinds the cluster is known to have, with its fronts: nothing is looked for."""
    controllers = ModelControllers(manager, options)
    controllers.start_family(dialect)
    for front in fronts_of([dialect]):
        controllers.start_front(front)


class ModelControllers:
    """One controller for each front, over the caches of every family. Families and fronts may start at any time, in any order."""

    def __init__(self, manager: Manager, options: ModelControllerOptions) -> None:
        self._manager = manager
        self._options = options
        self._keep = None if options.shard is None else ShardFilter(options.shard)
        self._families = Families()
        self._kubernetes: tuple[int, int] | None = None
        self._fronts: dict[Resource, tuple[SharedInformer, Controller]] = {}
        self._settings = _Settings(options, self._config_maps())
        self._metrics = ModelMetrics(manager.metrics.registry, self._models, DIALECTS.values())
        self._adapters = AdapterSync(manager.client, manager.guard, self._metrics)
        manager.add_runnable("adapters", self._adapters)

    def _config_maps(self) -> SharedInformer | None:
        if (namespace := self._options.namespace) is None:
            return None
        one = CacheOptions(namespaces=(namespace,), field_selector=f"metadata.name={self._options.config_map}")
        return self._manager.informer(CONFIG_MAP, one)

    def _models(self) -> list[Lister]:
        return [models.lister for models, _ in self._fronts.values()]

    def start_family(self, dialect: Dialect) -> Family:
        """Caches a dialect's children and their pods, and reconciles what they belong to."""
        children = {
            kind.resource: self._manager.informer(kind.resource, _cache(kind, dialect, self._keep))
            for kind in dialect.kinds
        }
        for resource, informer in children.items():
            for name, function in indexers(resource, dialect).items():
                informer.add_indexer(name, function)
        selector = dialect.pod_keys.name
        labelled = CacheOptions(label_selector=selector, transform=slim, compact=True, keep=self._keep)
        pods = self._manager.informer(POD, labelled)
        pods.add_indexer(BY_WORKLOAD, workload_of_pod(dialect))
        listers = {resource: informer.lister for resource, informer in children.items()}
        observer = Observer(dialect, listers, pods.lister, self._families.routes)
        family = Family(dialect, children, pods, observer, Applier(self._manager.client, children, dialect))
        self._families.add(family)
        for resource, (_, controller) in self._fronts.items():
            for source in _sources(family, resource, self._manager.sync_period, self._keep, self._families.routes):
                controller.watch(source)
        return family

    def start_front(self, front: Front) -> None:
        """Reconciles the objects of a front."""
        models = self._manager.informer(front.resource, CacheOptions(compact=True, keep=self._keep))
        builder = ControllerBuilder(self._manager).for_(models, _concerns_us)
        for family in self._families:
            for source in _sources(
                family, front.resource, self._manager.sync_period, self._keep, self._families.routes
            ):
                builder.watches_source(source)
        if self._settings.config_maps is not None:
            builder.watches(self._settings.config_maps, enqueue_mapped(lambda _: models.lister.keys()))
        reconciler = ModelReconciler(
            front=front,
            models=models.lister,
            client=self._manager.client,
            options=self._settings.current,
            families=self._families,
            renderer=Renderer(front, self._options.hostpath_prefixes, self._kubernetes),
            adapters=self._adapters,
            status=StatusWriter(self._manager.client, time.time, front),
            events=EventReporter(self._manager.recorder("model-controller")),
            metrics=self._metrics,
            now=time.time,
        )
        limiter = ItemExponentialFailure[Request](_FIRST_RETRY, _LONGEST_RETRY, jitter=0.2, random=random.random)
        controller = builder.with_options(concurrency=self._options.workers, rate_limiter=limiter).complete(reconciler)
        self._fronts[front.resource] = (models, controller)
        if front is MODEL_FRONT:
            self._adapters.add_handler(controller.queue.add)

    def note_version(self, version: tuple[int, int] | None) -> None:
        """Fronts that start from now on warn of what this version does not have."""
        self._kubernetes = version

    def note_missing(self, dialect: Dialect, resources: tuple[Resource, ...]) -> None:
        """These kinds of a dialect do not exist or may not be read: the Models that need it say so."""
        self._families.note_missing(dialect, resources)
        self.reconcile_all()

    def reconcile_all(self) -> None:
        """Every Model may be concerned: a family became ready, or another kind is missing."""
        for models, controller in self._fronts.values():
            for key in models.lister.keys():  # noqa: SIM118 - a Lister is not a mapping
                controller.queue.add(key)


def _cache(kind: ChildKind, dialect: Dialect, keep: ShardFilter | None) -> CacheOptions:
    """The cache of our own children; of scalers also those of others, because they decide who owns replicas."""
    managed = f"{dialect.keys.managed_by}={dialect.manager}"
    selector = "" if kind.role is Role.SCALER else managed
    scaled = kind.role is Role.WORKLOAD and dialect.scale is not None
    transform = only_scale_entries if scaled else None
    options = CacheOptions(label_selector=selector, transform=transform, compact=True, managed_fields=scaled)
    return options if kind.role in _UNDIVIDED else replace(options, keep=keep)


def _of_shard(keep: ShardFilter) -> Predicate:
    """Lets through what belongs to the shard after a change or belonged to it before."""

    def concerns(obj: Object | None) -> bool:
        return obj is not None and keep(obj)

    return lambda delta: concerns(delta.new) or concerns(delta.old)


def _sources(
    family: Family,
    front: Resource,
    sync_period: float | None,
    keep: ShardFilter | None,
    routes: Callable[[], Iterable[Lister]],
) -> Iterator[Source]:
    """The changes in a family that reconcile objects of a front."""
    dialect = family.dialect
    workloads = family.children[dialect.workload].lister
    ours = () if keep is None else (_of_shard(keep),)
    for informer in family.children.values():
        yield InformerSource(informer, enqueue_owner(front), ours, sync_period)
    for scaler in dialect.resources(Role.SCALER):
        scales = dialect.kind(scaler.kind).scales

        def targets(obj: Object, scales: Callable[[Object], Any] = scales) -> Iterable[Request]:
            for name in dict.fromkeys(each.workload for each in scales(obj)):
                yield from _owner(workloads, name, meta.namespace_of(obj), front)

        yield InformerSource(family.children[scaler], enqueue_mapped(targets), (), sync_period)
    rivals = enqueue_mapped(partial(_owners_of_rivals, routes, front))
    yield InformerSource(family.children[dialect.route], rivals, (), sync_period)
    yield InformerSource(family.pods, *_pod_changes(family, front), sync_period)


def _owners_of_rivals(routes: Callable[[], Iterable[Lister]], front: Resource, route: Object) -> Iterable[Request]:
    """The Models whose routes answer a name that this route answers too: each of them says so in its status."""
    for name in answered_names(route):
        for lister in routes():
            for key in lister.versions(BY_ANSWERED_NAME, name).keys() - {meta.key_of(route)}:
                owner = meta.controller_of(lister.get(key.name, key.namespace) or {})
                if owner is not None and owner.get("kind") == front.kind:
                    yield Request(key.namespace, str(owner.get("name")))


def _pod_changes(family: Family, front: Resource) -> tuple[Handler, tuple[Predicate, ...]]:
    """A pod concerns the Model that its label names; a Ray worker has none, so there it is the owner of its workload."""
    dialect = family.dialect
    workload_of = workload_of_pod(dialect)
    workloads = family.children[dialect.workload].lister

    def owners(pod: Object) -> Iterable[Request]:
        if name := meta.labels_of(pod).get(dialect.keys.model_name):
            yield Request(meta.namespace_of(pod), name)
            return
        for workload in workload_of(pod):
            yield from _owner(workloads, workload.partition("/")[2], meta.namespace_of(pod), front)

    return enqueue_mapped(owners), (changed(reconcile_relevant),)


def _owner(workloads: Lister, name: str, namespace: str, front: Resource) -> Iterable[Request]:
    workload = workloads.get(name, namespace)
    owner = meta.controller_of(workload) if workload is not None else None
    if owner is not None and owner.get("kind") == front.kind:
        yield Request(namespace, str(owner.get("name")))


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
    """The images in force: flag, else ConfigMap, else the dialect's own."""

    def __init__(self, options: ModelControllerOptions, config_maps: SharedInformer | None) -> None:
        self._options = options
        self.config_maps = config_maps

    def current(self, dialect: Dialect) -> RenderOptions:
        """Read each time, so that a changed ConfigMap takes effect."""
        found = None
        if self.config_maps is not None and self._options.namespace is not None:
            found = self.config_maps.lister.get(self._options.config_map, self._options.namespace)
        return render_options(dialect, found, self._options.downloader_image, self._options.runtime_image)
