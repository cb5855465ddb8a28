"""The objects that every cluster begins with: default roles and bindings, priorities, and the service of the API server. Pure."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from controller.envtest.embedded.resources import ServedTypes, TypeInfo
from controller.meta import Object, jsonio

KUBERNETES_SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "name": "kubernetes",
        "namespace": "default",
        "labels": {"component": "apiserver", "provider": "kubernetes"},
    },
    "spec": {"clusterIP": "10.0.0.1", "ports": [{"name": "https", "port": 443, "targetPort": 6443}]},
}


@functools.cache
def _stored() -> Any:
    return jsonio.loads((Path(__file__).parent / "bootstrap.json").read_bytes())


def objects(types: ServedTypes) -> Iterator[tuple[TypeInfo, dict[str, Any]]]:
    """Each object with its kind, as the real API server stores it; without uid, time and version."""
    for obj in _stored():
        group, _, _ = str(obj["apiVersion"]).rpartition("/")
        info = types.of_kind(group, str(obj["kind"]))
        assert info is not None, f"{obj['kind']} is not built in"
        yield info, obj
