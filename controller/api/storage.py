"""Where a backend's weights come from and where they are kept. Pure and total: a broken Model gives a sensible value, not an exception."""

import hashlib
from dataclasses import dataclass

from controller.api.model import Backend

SHM_MOUNT = "/dev/shm"  # noqa: S108 - a mount point inside the pod, not a directory of this process


@dataclass(frozen=True, slots=True)
class Cache:
    """Where weights are kept: the mount path, and the claim or the host path behind it (neither: an emptyDir)."""

    mount: str
    claim: str | None = None
    host_path: str | None = None


def normal_path(text: str) -> str:
    """The path without empty and ``.`` segments, with one leading slash."""
    return "/" + "/".join(segment for segment in text.split("/") if segment not in ("", "."))


def cache_of(backend: Backend) -> Cache:
    """The backend's cache volume."""
    uri = backend.cache_uri or ""
    scheme, _, rest = uri.partition("://")
    if scheme == "hostpath":
        return Cache(normal_path(rest), host_path=normal_path(rest))
    if scheme == "pvc":
        path = normal_path(rest)
        return Cache(path, claim=path[1:])
    return Cache("/cache")


def download_dir(mount: str, uri: str) -> str:
    """The directory into which the downloader puts this source: the MD5 of the URI as written, below the mount."""
    return f"{mount}/{hashlib.md5(uri.encode('utf-8', 'surrogatepass'), usedforsecurity=False).hexdigest()}"


def source_claim(uri: str) -> str | None:
    """The claim that a ``pvc://`` source lies in; None for other sources."""
    if not uri.startswith("pvc://"):
        return None
    return normal_path(uri.removeprefix("pvc://"))[1:].partition("/")[0] or None


def mounted_claims(backend: Backend) -> tuple[str, ...]:
    """The claims that sources need beside the cache, in order of first use: the model's, then the adapters'."""
    own = cache_of(backend).claim
    found: dict[str, None] = {}
    for uri in (backend.model_uri, *(adapter.artifact_url for adapter in backend.adapters)):
        claim = source_claim(uri)
        if claim and claim != own:
            found[claim] = None
    return tuple(found)
