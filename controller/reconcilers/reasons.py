"""Everything that a Model's conditions and Events can say, and when they say it: two tables, read by the code and by the reference page."""

from dataclasses import dataclass, replace
from typing import Literal

from controller.api.findings import INVALID, UNSUPPORTED

INITIALIZED = "Initialized"
ACTIVE = "Active"
FAILED = "Failed"
READY = "Ready"
STALLED = "Stalled"
CONDITION_TYPES = (INITIALIZED, ACTIVE, FAILED)
SUMMARY_TYPES = (READY, STALLED)
"""Made from the others, for tools that wait for objects."""


@dataclass(frozen=True, slots=True)
class ConditionState:
    """Something that a condition can say. ``when`` completes "it says so when"."""

    type: str
    status: str
    reason: str
    when: str


CREATING = ConditionState(
    INITIALIZED, "False", "ModelCreating", "children are still being created, and nothing has gone wrong"
)
CREATED = ConditionState(
    INITIALIZED, "True", "ModelCreating", "every child of this generation has been as desired at least once"
)

PROCESSING = ConditionState(ACTIVE, "False", "ModelProcessing", "the workload of some backend is not available")
AVAILABLE = ConditionState(
    ACTIVE, "True", "ModelAvailable", "every backend is available or scaled to zero, and at least one is available"
)
SCALED_TO_ZERO = ConditionState(ACTIVE, "False", "ScaledToZero", "every backend is scaled to zero")

HEALTHY = ConditionState(FAILED, "False", "ModelHealthy", "nothing is wrong")
UNSUPPORTED_BACKEND = ConditionState(FAILED, "True", UNSUPPORTED, "a backend's type cannot be rendered")
INVALID_SPEC = ConditionState(FAILED, "True", INVALID, "the spec breaks a rule")
CHILD_CONFLICT = ConditionState(FAILED, "True", "ChildConflict", "another owner's object already has a child's name")
RIVAL_CONTROLLER = ConditionState(
    FAILED,
    "True",
    "RivalController",
    "another controller keeps undoing what is written to a child, which is left to it",
)
CHILD_APPLY_FAILED = ConditionState(FAILED, "True", "ChildApplyFailed", "a child could not be written or removed")
LORA_SYNC_FAILED = ConditionState(
    FAILED, "True", "LoraSyncFailed", "an adapter could not be loaded into or unloaded from a running engine"
)

ABNORMAL = ConditionState(
    FAILED,
    "True",
    "ModelAbnormal",
    "an internal error occurred; the message names its class and the id under which the log has it",
)

FAILURES = (
    UNSUPPORTED_BACKEND,
    INVALID_SPEC,
    CHILD_CONFLICT,
    RIVAL_CONTROLLER,
    CHILD_APPLY_FAILED,
    LORA_SYNC_FAILED,
    ABNORMAL,
)
"""Of several the first gives the reason; the message lists all."""

BLOCKED = tuple(replace(failure, type=INITIALIZED, status="False") for failure in FAILURES)
"""What keeps children of this generation from being as desired is Initialized's reason too."""

READY_STATES = (
    replace(
        CREATED,
        type=READY,
        reason=AVAILABLE.reason,
        when="every child is as desired, `Active` is True and `Failed` is False",
    ),
    replace(SCALED_TO_ZERO, type=READY, status="True", when="the same, with every backend scaled to zero"),
    replace(CREATING, type=READY, when="not every child of this generation is as desired yet"),
    replace(PROCESSING, type=READY),
    *(replace(failure, type=READY, status="False") for failure in FAILURES),
)

TERMINAL = (UNSUPPORTED_BACKEND.reason, INVALID_SPEC.reason)
"""Reasons for which nothing goes on before the spec changes."""

STALLED_STATES = tuple(replace(failure, type=STALLED) for failure in FAILURES if failure.reason in TERMINAL)

CONDITION_STATES = (
    CREATING,
    CREATED,
    *BLOCKED,
    PROCESSING,
    AVAILABLE,
    SCALED_TO_ZERO,
    HEALTHY,
    *FAILURES,
    *READY_STATES,
    *STALLED_STATES,
)


@dataclass(frozen=True, slots=True)
class EventReason:
    """Something that an Event on a Model can say. ``when`` completes "it is recorded when"."""

    type: Literal["Normal", "Warning"]
    reason: str
    when: str


CHILDREN_CREATED = EventReason("Normal", "ChildrenCreated", "a pass created children; one Event names all")
CHILDREN_UPDATED = EventReason(
    "Normal", "ChildrenUpdated", "a pass changed children; one Event names all, with the fields"
)
CHILDREN_DELETED = EventReason("Normal", "ChildrenDeleted", "a pass removed children; one Event names all")
TEMPLATE_HELD = EventReason(
    "Normal", "TemplateHeld", "a pod template would be rendered differently today and is kept until the Model changes"
)
BECAME_ACTIVE = EventReason("Normal", "Active", "the Model became Active")
INACTIVE = EventReason("Warning", "Inactive", "the Model ceased to be Active without a change of its spec")
FAILURE = EventReason(
    "Warning", "Failed", "`Failed` became True or has another message, for a reason without an Event of its own"
)
CONFLICT = EventReason("Warning", "ChildConflict", "`Failed` became True for this reason, or has another message")
RIVAL = EventReason("Warning", "RivalController", "`Failed` became True for this reason, or has another message")
LORA_FAILURE = EventReason("Warning", "LoraSyncFailed", "`Failed` became True for this reason, or has another message")
RECOVERED = EventReason("Normal", "Recovered", "`Failed` became False")
BACKEND_POD_FAILURE = EventReason("Warning", "BackendPodFailure", "a pod of a backend is stuck; names the pod and why")
LORA_LOADED = EventReason("Normal", "LoraAdapterLoaded", "an adapter was loaded into a running engine")
LORA_UNLOADED = EventReason("Normal", "LoraAdapterUnloaded", "an adapter was unloaded from a running engine")
AUTOSCALING_INEFFECTIVE = EventReason(
    "Warning", "AutoscalingIneffective", "a policy is given for a backend that the autoscaler cannot scale"
)
MODEL_NAME_CONFLICT = EventReason(
    "Warning", "ModelNameConflict", "another route answers the same model or adapter name"
)
MISSING_CREDENTIALS = EventReason(
    "Warning", "MissingCredentials", "weights are fetched from a bucket without credentials"
)
SUSPICIOUS_CONFIG = EventReason(
    "Warning", "SuspiciousConfig", "the spec has something valid that is probably a mistake"
)

EVENT_REASONS = (
    CHILDREN_CREATED,
    CHILDREN_UPDATED,
    CHILDREN_DELETED,
    TEMPLATE_HELD,
    BECAME_ACTIVE,
    INACTIVE,
    FAILURE,
    CONFLICT,
    RIVAL,
    LORA_FAILURE,
    RECOVERED,
    BACKEND_POD_FAILURE,
    LORA_LOADED,
    LORA_UNLOADED,
    AUTOSCALING_INEFFECTIVE,
    MODEL_NAME_CONFLICT,
    MISSING_CREDENTIALS,
    SUSPICIOUS_CONFIG,
)
