"""The rules of the Model API by name: what ``validate -o json`` shows in ``rule`` and docs/reference/rules.md lists.

A name is public and stable: it is never given to another rule. Messages may change from release to release.
"""

from enum import StrEnum

ERROR, WARNING, BOTH = "error", "warning", "error, warning"


class Rule(StrEnum):
    """One rule. The value is its name, ``level`` that of its findings, ``meaning`` one sentence for the reference."""

    level: str
    meaning: str

    def __new__(cls, name: str, level: str, meaning: str) -> "Rule":
        """The name is the value."""
        rule = str.__new__(cls, name)
        rule._value_ = name
        rule.level = level
        rule.meaning = meaning
        return rule

    UNREADABLE = "unreadable", ERROR, "The object can be read as JSON of a Kubernetes object."
    MISSING_SPEC = "missing-spec", ERROR, "The object has a `spec`."
    SCHEMA = (
        "schema",
        ERROR,
        "Every field keeps to the schema of the CRD: required fields, patterns, bounds, unique keys.",
    )
    TYPE = "type", ERROR, "Every field has the type that the schema of the CRD gives it."
    UNKNOWN_FIELD = "unknown-field", WARNING, "Every field is one that the API has; others are ignored."
    NESTING = "nesting", ERROR, "Free JSON is nested at most 64 levels deep."
    CHARACTERS = "characters", ERROR, "No text holds U+0000 or half of a surrogate pair, which no argument can carry."
    DUPLICATE_OBJECT = "duplicate-object", ERROR, "No two of the given objects have the same kind, namespace and name."
    NAME = "name", ERROR, "The name starts with a letter and holds at most 63 lower-case letters, digits and dashes."
    METADATA = (
        "metadata",
        ERROR,
        "`namespace` and `uid`, where given, are such as a cluster assigns; labels and annotations are texts.",
    )
    DIALECT = "dialect", ERROR, "The annotation for the dialect of the children, where given, names one."

    BACKEND_TYPE = "backend-type", ERROR, "The type of a backend is supported."
    WORKERS = "workers", ERROR, "A backend has exactly the workers that its type asks for."
    IMAGE = "image", ERROR, "An image is printable ASCII without white space."
    IDLE_PODS = "idle-pods", WARNING, "The parallel sizes of a replica on several pods need all of them."
    DEVICES = "devices", WARNING, "The parallel sizes of a replica need no more devices than its pods have."
    POD_NAME_LENGTH = "pod-name-length", ERROR, "The longest pod name has at most 63 characters."
    DISAGGREGATED_PODS = "disaggregated-pods", ERROR, "A worker of a disaggregated backend has one pod."
    GANG_SCHEDULING = (
        "gang-scheduling",
        ERROR,
        "`minRoleReplicas` names roles of the backend, with no more instances than they have.",
    )
    ROLLOUT = "rollout", ERROR, "`rollout.maxUnavailable` comes to at least one of `minReplicas`, rounded down."

    REPLICA_BOUNDS = "replica-bounds", ERROR, "`minReplicas` is at most `maxReplicas`."
    TOTAL_REPLICAS = "total-replicas", ERROR, "`maxReplicas` of all backends add up to at most 1,000,000."
    FIXED_REPLICAS = "fixed-replicas", ERROR, "Without autoscaling, `minReplicas` equals `maxReplicas`."
    AUTOSCALING_LEVEL = "autoscaling-level", ERROR, "Either the Model or its backends have an `autoscalingPolicy`."
    AUTOSCALING_FIELD = "autoscaling-field", ERROR, "Fields of autoscaling at model level are given only with it."
    AUTOSCALED_MINIMUM = (
        "autoscaled-minimum",
        ERROR,
        "With autoscaling, at least one replica remains: of the backend, or of the whole Model.",
    )
    SCALING_COST = "scaling-cost", ERROR, "With autoscaling at model level, every backend has a `scalingCost`."
    GRACE_PERIOD = "grace-period", ERROR, "`scaleToZeroGracePeriod` is a duration of 0 to 30 minutes."
    METRIC_TARGET = "metric-target", ERROR, "The target of a metric is a quantity above 0."
    METRIC_NAME = "metric-name", ERROR, "With the dialect v1, a policy has a metric with a name."
    DUPLICATE_METRIC = "duplicate-metric", ERROR, "A policy names a metric once."
    POLICY_DURATION = "policy-duration", ERROR, "Durations of a policy are 0 to 30 minutes."
    ROLE_SCALING = (
        "role-scaling",
        ERROR,
        "Roles scale by themselves only on a disaggregated backend with a policy of its own and fixed replicas, in a dialect that can say it.",
    )
    ROLE_BOUNDS = (
        "role-bounds",
        ERROR,
        "`minReplicas` and `maxReplicas` of a worker are given together, in this order, around `replicas`.",
    )

    ROUTE_WEIGHTS = "route-weights", ERROR, "At least one backend has a `routeWeight` above 0."
    ROUTE_SIZE = (
        "route-size",
        ERROR,
        "A Model has at most 16 backends and 10 different adapters, as many as a route can name.",
    )
    REGULAR_EXPRESSION = (
        "regular-expression",
        WARNING,
        "Go compiles the expressions of `modelMatch`.",
    )
    MODEL_MATCH = "model-match", WARNING, "`modelMatch.body.model` lets requests for the adapters pass."

    ADAPTER_NAME = "adapter-name", ERROR, "No adapter has a name under which the base model is served."
    DUPLICATE_ADAPTER = "duplicate-adapter", ERROR, "A backend names an adapter once."
    ADAPTER_SOURCE = "adapter-source", WARNING, "An adapter of several backends has the same source in all of them."
    ADAPTERS_NOT_HOT = "adapters-not-hot", WARNING, "A backend that asks for loading at runtime can have it."
    RUNTIME_ADAPTERS = (
        "runtime-adapters",
        ERROR,
        "An SGLang backend that loads adapters at runtime has `max-lora-rank` and one data-parallel rank.",
    )
    API_KEY = (
        "api-key",
        ERROR,
        "The API key of a backend that loads adapters at runtime is a literal or a key of a Secret.",
    )

    PVC_SOURCE = "pvc-source", ERROR, "A `pvc://` source names a claim and a path in it."
    PVC_CACHE = "pvc-cache", ERROR, "A `pvc://` cache names a claim and nothing else."
    HOSTPATH = "hostpath", ERROR, "A `hostpath://` cache is an absolute path without `..` segments and colons."
    HOSTPATH_PREFIX = (
        "hostpath-prefix",
        ERROR,
        "A `hostpath://` cache lies under a `--hostpath-prefix` where the operator has set some.",
    )
    MOUNT_COLLISION = (
        "mount-collision",
        ERROR,
        "No mount point of the model, the cache, the shared memory and the adapters lies in another one.",
    )
    HIDDEN_FILES = "hidden-files", WARNING, "No claim or host path is mounted over a system directory of the images."
    MODEL_ACCESS = (
        "model-access",
        ERROR,
        "`modelAccess: InPlace` has a `pvc://` model, and `oci://` is followed by an image reference.",
    )
    IMAGE_VOLUME = "image-volume", WARNING, "The cluster of an `oci://` model is of Kubernetes 1.33 or later."
    SHARED_DIRECTORY = (
        "shared-directory",
        WARNING,
        "Backends that share a cache download the same content into a directory.",
    )
    MISSING_CREDENTIALS = (
        "missing-credentials",
        WARNING,
        "`s3://` and `obs://` sources have credentials in `env` or `envFrom`.",
    )

    CONFIG = "config", ERROR, "`config` is an object."
    CONFIG_KEY = "config-key", ERROR, "The keys of `config` are well formed, and no two of them are the same argument."
    UPPER_CASE_KEY = "upper-case-key", WARNING, "The keys of `config` are in lower case."
    CONTROLLED_OPTION = (
        "controlled-option",
        ERROR,
        "`config` leaves alone what the controller sets, and does not contradict the type and the adapters.",
    )
    UNREACHABLE_ENGINE = "unreachable-engine", ERROR, "The engine serves plain HTTP at the pod's address."
    PORT = "port", ERROR, "`port` is 1 to 65535 and the same for all workers of a backend."
    PORT_CONFLICT = "port-conflict", ERROR, "No two parts of a pod listen on one port."
    RUNTIME_PORT = "runtime-port", WARNING, "`RUNTIME_PORT` is a port."
    SERVED_MODEL_NAME = (
        "served-model-name",
        ERROR,
        "`served-model-name` is a name, or a list of names, and the same for prefill and decode.",
    )
    COMMAND_LENGTH = (
        "command-length",
        ERROR,
        "No argument of the engine's process is longer than Linux allows, 131,071 bytes.",
    )
    CONNECTOR = (
        "connector",
        ERROR,
        "Both workers hand over the same way: with `kv-transfer-config` by a connector that the router knows, in the role of each.",
    )
    UNKNOWN_OPTION = "unknown-option", WARNING, "The engine's parser has the option in the image's version."
    ABBREVIATED_OPTION = "abbreviated-option", WARNING, "An option is written with its whole name."
    OPTION_TYPE = (
        "option-type",
        BOTH,
        "A value has the type of its option; an error where the engine cannot read it in any version.",
    )
    OPTION_CHOICE = "option-choice", WARNING, "A value is one of its option's choices."
    BOOLEAN_TEXT = "boolean-text", WARNING, "A boolean is written without quotes."
    VARIABLE_REFERENCE = "variable-reference", WARNING, "No value holds `$(NAME)`, which is not expanded in `config`."

    POD = (
        "pod",
        ERROR,
        "The API server admits the pods: resources, tolerations, affinity, variables, volumes, names of objects.",
    )
    POD_ANNOTATIONS = "pod-annotations", WARNING, "The Kthena in use copes with annotations of pods."
