"""The rules of what is downloaded from where to where: sources, the cache, and that their mounts do not collide."""

import re
from collections.abc import Iterator, Sequence

from controller import meta
from controller.api.findings import Finding, error, warning
from controller.api.model import IN_PLACE, Backend
from controller.api.rules import Rule
from controller.api.storage import SHM_MOUNT, normal_path, source_claim, written_value
from controller.api.variables import env_from
from controller.render.facts import BackendFacts
from controller.validation.options import ValidationOptions

_KEY_PAIRS = ({"ACCESS_KEY", "SECRET_KEY"}, {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"})
_CONTENT_VARIABLES = {"HF_ENDPOINT", "HF_REVISION", "MS_REVISION", "ENDPOINT", "AWS_ENDPOINT_URL"}
_IMAGE_VOLUMES = (1, 33)
_SYSTEM = frozenset(
    [
        "bin",
        "boot",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "opt",
        "proc",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "usr/bin",
        "usr/lib",
        "usr/local",
        "usr/sbin",
        "var",
    ]
)
"""Directories of an image without which its programs do not start."""
_CLAIM = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


def storage(facts: BackendFacts, path: str, options: ValidationOptions) -> Iterator[Finding]:
    """Every rule about sources and the cache. Mounts are compared only where each of them is valid by itself."""
    backend = facts.backend
    sources = [(f"{path}.modelURI", backend.model_uri)]
    sources += [(f"{path}.loraAdapters[{i}].artifactURL", a.artifact_url) for i, a in enumerate(backend.adapters)]
    broken = [*_cache(backend, f"{path}.cacheURI", options)]
    for where, uri in sources:
        broken += _source(uri, where)
    yield from broken
    yield from _credentials(facts, sources)
    yield from _access(facts, path)
    yield from _image_volume(facts, path, options)
    if not broken:
        yield from _mounts(facts, path, sources)
        yield from _hidden_files(facts, path, sources)


def _hidden_files(facts: BackendFacts, path: str, sources: list[tuple[str, str]]) -> Iterator[Finding]:
    """Claims are mounted under their own name, and a host path at the same path in the pods."""
    mounts = {facts.cache.mount: f"{path}.cacheURI"}
    mounts |= {f"/{claim}": where for where, uri in reversed(sources) if (claim := source_claim(uri)) is not None}
    for mount, where in mounts.items():
        if mount.removeprefix("/") in _SYSTEM:
            yield warning(where, f"is mounted at {mount} and hides the files of the images there", Rule.HIDDEN_FILES)


def _source(uri: str, path: str) -> Iterator[Finding]:
    if not uri.startswith("pvc://"):
        return
    segments = normal_path(uri.removeprefix("pvc://")).split("/")[1:]
    if ".." in segments:
        yield error(path, "must not hold .. segments", Rule.PVC_SOURCE)
    elif not re.match(rf"pvc://+{_CLAIM}/+[^/]", uri) or len(segments) < 2:
        yield error(path, "must name a claim and a path in it: pvc://CLAIM/PATH", Rule.PVC_SOURCE)


def _cache(backend: Backend, path: str, options: ValidationOptions) -> Iterator[Finding]:
    scheme, _, rest = (backend.cache_uri or "").partition("://")
    if scheme == "pvc" and not re.fullmatch(rf"/?{_CLAIM}/?", rest):
        yield error(path, "must name one claim and nothing else: pvc://CLAIM", Rule.PVC_CACHE)
    if scheme != "hostpath":
        return
    mount = normal_path(rest)
    allowed = [normal_path(prefix) for prefix in options.hostpath_prefixes]
    if mount == "/" or ".." in mount.split("/"):
        yield error(path, "must be an absolute path without .. segments: hostpath:///PATH", Rule.HOSTPATH)
    elif ":" in mount:
        yield error(path, "must not hold a colon, because mount paths cannot", Rule.HOSTPATH)
    elif allowed and not any(_lies_in(mount, prefix) for prefix in allowed):
        directories = ", ".join(allowed)
        yield error(
            path,
            f"{mount} does not lie under a directory that the operator allows: {directories}",
            Rule.HOSTPATH_PREFIX,
        )


def _credentials(facts: BackendFacts, sources: list[tuple[str, str]]) -> Iterator[Finding]:
    names = {entry["name"] for entry in facts.env}
    if facts.backend.env_from or any(pair <= names for pair in _KEY_PAIRS):
        return
    for where, uri in sources:
        if uri.startswith(("s3://", "obs://")):
            message = (
                "needs ACCESS_KEY and SECRET_KEY, in env or from a source in envFrom; for s3:// and in env alone, they may be called"
                " AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY;"
                " without them the downloader leaves the directory empty and reports success"
            )
            yield warning(where, message, Rule.MISSING_CREDENTIALS)


def _access(facts: BackendFacts, path: str) -> Iterator[Finding]:
    """Which models can be served in place, and what an image reference looks like."""
    uri = facts.backend.model_uri
    if facts.backend.model_access == IN_PLACE and not uri.startswith("pvc://"):
        yield error(f"{path}.modelAccess", "only a pvc:// model can be served in place", Rule.MODEL_ACCESS)
    if facts.source.image is not None and not re.fullmatch(r"[!-~]+", facts.source.image):
        message = "must be an image reference without white space: oci://REGISTRY/IMAGE:TAG"
        yield error(f"{path}.modelURI", message, Rule.MODEL_ACCESS)


def _image_volume(facts: BackendFacts, path: str, options: ValidationOptions) -> Iterator[Finding]:
    """Whether the cluster has volumes of images without a feature gate."""
    if facts.source.image is not None and options.kubernetes is not None and options.kubernetes < _IMAGE_VOLUMES:
        major, minor = options.kubernetes
        message = f"needs image volumes, Kubernetes 1.33 or later; this cluster has {major}.{minor}"
        yield warning(f"{path}.modelURI", message, Rule.IMAGE_VOLUME)


def _mounts(facts: BackendFacts, path: str, sources: list[tuple[str, str]]) -> Iterator[Finding]:
    """No mount point lies in another one."""
    cache = facts.cache.mount
    if _collide(cache, SHM_MOUNT):
        yield error(f"{path}.cacheURI", f"{cache} collides with the shared memory at {SHM_MOUNT}", Rule.MOUNT_COLLISION)
    mounts = [(SHM_MOUNT, "the shared memory"), (cache, "the cache")]
    if facts.source.image is not None:
        mounts.append((facts.source.directory, "the model's image"))
        if _collide(cache, facts.source.directory):
            yield error(
                f"{path}.cacheURI", f"{cache} collides with the model at {facts.source.directory}", Rule.MOUNT_COLLISION
            )
    for where, uri in sources:
        claim = source_claim(uri)
        if claim is None or claim == facts.cache.claim:
            continue
        for other, what in mounts:
            if _collide(f"/{claim}", other):
                yield error(
                    where, f"would be mounted at /{claim}, which collides with {what} at {other}", Rule.MOUNT_COLLISION
                )


def shared_directories(backends: Sequence[BackendFacts]) -> Iterator[Finding]:
    """Backends that download different contents into one directory of a cache that they share."""
    first: dict[tuple[str, str], tuple[int, object]] = {}
    for index, facts in enumerate(backends):
        place = facts.cache.claim or facts.cache.host_path
        if place is None or not facts.source.downloaded:
            continue
        content = _content(facts)
        earlier, known = first.setdefault((place, facts.source.directory), (index, content))
        if known != content:
            message = f"backend {backends[earlier].backend.name} downloads it into the same directory with other variables; use another cacheURI"
            yield warning(f"spec.backends[{index}].modelURI", message, Rule.SHARED_DIRECTORY)


def _content(facts: BackendFacts) -> object:
    """Everything but the URI that decides what is downloaded."""
    values = {entry["name"]: written_value(entry) for entry in facts.env if entry["name"] in _CONTENT_VARIABLES}
    return meta.canonical_json([values, env_from(facts.backend)])


def _collide(first: str, second: str) -> bool:
    return _lies_in(first, second) or _lies_in(second, first)


def _lies_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")
