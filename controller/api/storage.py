"""Where a backend's weights come from and where they are kept. Pure and total: a broken Model gives a sensible value, not an exception."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from controller import meta
from controller.api.model import IN_PLACE, Backend, LoraAdapter
from controller.api.variables import env_entries

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


_CONTENT_VARIABLES = {"hf": "HF_REVISION", "ms": "MS_REVISION", "s3": "ENDPOINT", "obs": "ENDPOINT"}
"""The variable that decides, beside the URI, which content a source means."""


def download_dir(mount: str, text: str) -> str:
    """The directory of what is downloaded, below the mount: the MD5 of a text, which is the URI as written or begins with it."""
    return f"{mount}/{_md5(text)}"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where the engine finds the model: ``directory``, and whether a downloader puts it there.

    Without a download the directory lies in an image, or in a claim; ``claim`` is None where that claim is the cache, which is mounted anyway.
    """

    directory: str
    downloaded: bool = True
    image: str | None = None
    claim: str | None = None


def model_source(backend: Backend) -> ModelSource:
    """The source of the backend's model."""
    uri, cache = backend.model_uri, cache_of(backend)
    if uri.startswith("oci://"):
        return ModelSource(f"/models/{_md5(uri)}", downloaded=False, image=uri.removeprefix("oci://"))
    claim = source_claim(uri)
    if claim and backend.model_access == IN_PLACE:
        path = normal_path(uri.removeprefix("pvc://"))
        return ModelSource(path, downloaded=False, claim=None if claim == cache.claim else claim)
    return ModelSource(download_dir(cache.mount, content_key(backend)))


def content_key(backend: Backend) -> str:
    """The URI, and the variable that decides which content of it is meant where the backend has it.

    Two revisions of a repository must not share a directory: the second would be downloaded over weights that are in use.
    """
    variable = _CONTENT_VARIABLES.get(backend.model_uri.partition("://")[0])
    entry = next((entry for entry in env_entries(backend) if entry["name"] == variable), None)
    return backend.model_uri if entry is None else f"{backend.model_uri}\n{variable}={written_value(entry)}"


def adapter_key(adapter: LoraAdapter) -> str:
    """The text that an adapter's directory is named by: its URL, and the version of the content if one is given."""
    version = adapter.artifact_version
    return adapter.artifact_url if not version else f"{adapter.artifact_url}\nversion={version}"


def written_value(entry: Mapping[str, Any]) -> str:
    """The value of a variable, or where it comes from as compact JSON."""
    source = entry.get("valueFrom")
    return meta.canonical_json(source) if source else str(entry.get("value") or "")


def source_claim(uri: str) -> str | None:
    """The claim that a ``pvc://`` source lies in; None for other sources."""
    if not uri.startswith("pvc://"):
        return None
    return normal_path(uri.removeprefix("pvc://"))[1:].partition("/")[0] or None


def mounted_claims(backend: Backend) -> tuple[str, ...]:
    """The claims that sources are copied from and that are not the cache, in order of first use: the model's, then the adapters'."""
    own = cache_of(backend).claim
    model = (backend.model_uri,) if model_source(backend).downloaded else ()
    found: dict[str, None] = {}
    for uri in (*model, *(adapter.artifact_url for adapter in backend.adapters)):
        claim = source_claim(uri)
        if claim and claim != own:
            found[claim] = None
    return tuple(found)
