"""Schemas of the fields that go into pods: parts of core/v1, as far as a Model needs them."""

from typing import Any

from controller.api.crds.schemas import QUANTITY, described, integer, list_, object_, string

_BIG = {"type": "integer", "format": "int64", "minimum": 0}
_FLAG = {"type": "boolean"}


def _long(description: str) -> dict[str, Any]:
    return described(_BIG, description)


def _flag(description: str) -> dict[str, Any]:
    return described(_FLAG, description)


def _number_or_percentage(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "pattern": "^[0-9]+%?$",
    }


def _reference(description: str) -> dict[str, Any]:
    return object_(description, ("name",), name=string("Name of the object."))


def _items() -> dict[str, Any]:
    item = object_(
        "A key as a file.",
        ("key", "path"),
        key=string("The key."),
        path=string("The file, below the mount."),
        mode=integer("Permissions of the file.", minimum=0, maximum=511),
    )
    return list_("Keys to mount; absent means all.", item)


def _files(description: str, name: str) -> dict[str, Any]:
    return object_(
        description,
        (name,),
        **{name: string("Name of the object.")},
        items=_items(),
        optional=_flag("Whether the object may be absent."),
        defaultMode=integer("Permissions of the files.", minimum=0, maximum=511),
    )


VOLUME = object_(
    "A volume of the pods.",
    ("name",),
    name=string("Name, for volumeMounts.", maxLength=63),
    configMap=_files("A ConfigMap as files.", "name"),
    secret=_files("A Secret as files.", "secretName"),
    emptyDir=object_(
        "An empty directory.",
        medium=string("Memory, or empty for the node's disk.", enum=["", "Memory"]),
        sizeLimit=described(QUANTITY, "Its largest size."),
    ),
    persistentVolumeClaim=object_(
        "A claim.",
        ("claimName",),
        claimName=string("Name of the claim."),
        readOnly=_flag("Whether it is mounted read-only."),
    ),
    hostPath=object_(
        "A path of the node.",
        ("path",),
        path=string("The path."),
        type=string(
            "What it must be.",
            enum=["", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"],
        ),
    ),
    nfs=object_(
        "An export of an NFS server.",
        ("server", "path"),
        server=string("The server."),
        path=string("The export."),
        readOnly=_flag("Whether it is mounted read-only."),
    ),
    csi=object_(
        "An ephemeral volume of a CSI driver.",
        ("driver",),
        driver=string("The driver."),
        readOnly=_flag("Whether it is mounted read-only."),
        fsType=string("The file system."),
        volumeAttributes={
            "description": "Attributes for the driver.",
            "type": "object",
            "additionalProperties": {"type": "string"},
        },
    ),
    image=object_(
        "The files of an image; Kubernetes 1.33 or later.",
        ("reference",),
        reference=string("The image."),
        pullPolicy=string("When it is pulled.", enum=["Always", "IfNotPresent", "Never"]),
    ),
)
VOLUME_MOUNT = object_(
    "A mount of the engine.",
    ("name", "mountPath"),
    name=string("Name of a volume.", maxLength=63),
    mountPath=string("Where it is mounted.", maxLength=1024),
    subPath=string("The path inside the volume.", maxLength=1024),
    readOnly=_flag("Whether it is mounted read-only."),
)
SECURITY_CONTEXT = object_(
    "Security settings of the pods.",
    runAsUser=_long("User of the processes."),
    runAsGroup=_long("Group of the processes."),
    runAsNonRoot=_flag("Whether a container that would run as root is refused."),
    fsGroup=_long("Group that owns the volumes."),
    fsGroupChangePolicy=string("When the owner of a volume is changed.", enum=["Always", "OnRootMismatch"]),
    supplementalGroups=list_("Further groups of the processes.", _BIG),
    seccompProfile=object_(
        "The seccomp profile.",
        ("type",),
        type=string("Kind of profile.", enum=["RuntimeDefault", "Unconfined"]),
    ),
)


def resources_only(resources: dict[str, Any]) -> dict[str, Any]:
    """An object whose only field are resources of a container."""
    return object_("Settings of the container.", resources=described(resources, "Resources of the container."))


POD_FIELDS: dict[str, dict[str, Any]] = {
    "volumes": list_("", VOLUME, maxItems=16),
    "volumeMounts": list_("", VOLUME_MOUNT, maxItems=32),
    "securityContext": SECURITY_CONTEXT,
    "imagePullSecrets": list_("", _reference("A Secret."), maxItems=16),
    "sharedMemorySize": dict(QUANTITY),
    "rollout": object_(
        "",
        maxUnavailable=_number_or_percentage("Replicas that may be unavailable at once."),
        partition=_number_or_percentage("Replicas with a lower number keep the old template."),
    ),
    "gangScheduling": object_(
        "",
        minRoleReplicas={
            "description": "Minimum number of instances of each role.",
            "type": "object",
            "additionalProperties": {"type": "integer", "format": "int32", "minimum": 0},
        },
    ),
    "networkTopology": object_(
        "",
        mode=string("hard or soft.", enum=["hard", "soft"]),
        highestTierAllowed=integer("The highest tier that may be between the pods.", minimum=0),
    ),
    "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
}
"""Schemas by the name of the field."""
