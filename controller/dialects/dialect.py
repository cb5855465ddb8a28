"""The dialect, and the neutral values that it writes and reads."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, NamedTuple, Self

from controller.dialects.kinds import ChildKind, Role
from controller.meta import Object, Resource

Spec = dict[str, Any]
"""The ``spec`` of an object, as JSON."""


class Recovery(StrEnum):
    """The part that is built again after a pod failed: the whole group, only the pods of its role, or nothing."""

    GROUP = "group"
    ROLE = "role"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Workload:
    """The workload of one backend, before a dialect spells it.

    ``roles`` are complete: name, replicas, entryTemplate, workerReplicas and perhaps workerTemplate. ``one_per_node`` asks that no two
    groups share a node. ``max_unavailable`` and ``partition`` bound a rollout, as a number or a percentage of the groups. ``gang`` asks that
    the pods of a group start together, each role at least so many instances; empty means all. ``topology`` says how close they must be.
    """

    name: str
    replicas: int
    scheduler_name: str
    roles: tuple[Spec, ...]
    one_per_node: bool = False
    recovery: Recovery = Recovery.GROUP
    max_unavailable: int | str | None = None
    partition: int | str | None = None
    gang: Mapping[str, int] | None = None
    topology: Mapping[str, Any] | None = None
    grace_seconds: int = 60


@dataclass(frozen=True, slots=True)
class ScalingTarget:
    """A workload that an autoscaler may scale between two bounds. ``role`` and ``port`` say which pods are scraped, and where.

    With ``roles``, the (minimum, maximum) of each, the instances of these roles scale instead of the groups.
    """

    workload: str
    minimum: int
    maximum: int
    cost: int
    role: str
    port: int
    roles: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Autoscaling:
    """A policy and what it scales: one backend's workload, or with an ``expansion_rate`` (in percent) all of a Model's by cost.

    ``policy`` is the user's, in the words of the Model and with every default filled in. ``backend`` is empty for a Model's policy.
    """

    name: str
    backend: str
    policy: Mapping[str, Any]
    targets: tuple[ScalingTarget, ...]
    expansion_rate: int | None = None


class ScalingObjects(NamedTuple):
    """Objects that together scale something, and what they say."""

    autoscaling: Autoscaling
    objects: tuple[Object, ...]


class _Keys:
    """Names of labels or annotations that lie under one prefix."""

    __slots__ = ()

    @classmethod
    def under(cls, prefix: str) -> Self:
        """The keys ``PREFIX/FIELD-NAME``."""
        return cls(**{field.name: f"{prefix}/{field.name.replace('_', '-')}" for field in fields(cls)})  # type: ignore[arg-type] # every subclass is a dataclass of strings


@dataclass(frozen=True, slots=True)
class ChildKeys(_Keys):
    """The labels of children, and the annotations of workloads."""

    model_name: str
    backend_name: str
    managed_by: str
    model_uid: str
    revision: str
    template_inputs: str
    held_revision: str
    clamped_generation: str
    carried_over: str
    owned_fields: str
    replicas_owner: str


@dataclass(frozen=True, slots=True)
class PodKeys(_Keys):
    """The labels that the controller of the workloads puts on pods."""

    name: str
    role: str
    role_id: str
    entry: str
    group_name: str
    revision: str


@dataclass(frozen=True, slots=True)
class Images:
    """One text for each of the two images that pods need besides the engine's."""

    downloader: str
    runtime: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dialect:
    """Everything that differs between two families of the API. Each is one constant, equal only to itself.

    ``kinds`` are the kinds of children, in the order in which they are written. ``manager`` is the value of the label ``managed_by``. ``server_labels`` are labels that a ModelServer asks for besides the Model's uid and
    the backend's name. ``scaling`` holds the kinds that express autoscaling, in the order in which they are printed, and how each is spelt. ``scaled_role`` is
    the only role whose pods the autoscaler finds, None for any.
    ``images`` are the downloader's and the sidecar's where the operator names none, ``image_keys`` their keys in the operator's ConfigMap.
    ``read_workload`` and ``read_scaling`` are the ways back, from objects to neutral values; what they do not read is not in those values.
    ``schemas`` makes small schemas of the workload and the scaling kinds, ``scale`` says what the workload's scale subresource shows.
    ``scales_roles`` says whether single roles of a workload can have bounds, ``annotates_pods`` whether the controller of the workloads takes
    annotations of pod templates, ``nameless_metrics`` whether a policy may have metrics without a name.
    """

    name: str
    kinds: tuple[ChildKind, ...]
    manager: str
    keys: ChildKeys
    pod_keys: PodKeys
    workload_spec: Callable[[Workload], Spec]
    scaling: Mapping[Resource, Callable[[Autoscaling], Spec]]
    read_workload: Callable[[Object], Workload]
    read_scaling: Callable[[Sequence[Object]], Iterator[ScalingObjects]]
    schemas: Callable[[], dict[Resource, Spec]]
    images: Images
    image_keys: Images
    scaled_role: str | None = None
    server_labels: Mapping[str, str] = field(default_factory=dict)
    scale: Mapping[str, str] | None = None
    scales_roles: bool = False
    annotates_pods: bool = True
    nameless_metrics: bool = False

    def __repr__(self) -> str:
        return f"<Dialect {self.name}>"

    @property
    def children(self) -> tuple[Resource, ...]:
        """The kinds of children, in the order in which they are printed."""
        return (self.server, self.workload, *self.scaling, self.route)

    @property
    def server(self) -> Resource:
        """The kind that selects pods."""
        return self._only(Role.SERVER)

    @property
    def workload(self) -> Resource:
        """The kind that runs pods."""
        return self._only(Role.WORKLOAD)

    @property
    def route(self) -> Resource:
        """The kind that sends requests to servers."""
        return self._only(Role.ROUTE)

    def _only(self, role: Role) -> Resource:
        (found,) = self.resources(role)
        return found

    def resources(self, role: Role) -> tuple[Resource, ...]:
        """The resources that play this role."""
        return _by_role(self)[role]

    def kind(self, name: str) -> ChildKind:
        """The row of a ``kind``. Raises KeyError for a kind that is not a child's."""
        return _by_name(self)[name]


@functools.cache
def _by_role(dialect: Dialect) -> Mapping[Role, tuple[Resource, ...]]:
    return {role: tuple(kind.resource for kind in dialect.kinds if kind.role is role) for role in Role}


@functools.cache
def _by_name(dialect: Dialect) -> Mapping[str, ChildKind]:
    return {kind.resource.kind: kind for kind in dialect.kinds}


def at(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where something on the way is missing or no object."""
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def present(**fields: Any) -> Spec:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}
