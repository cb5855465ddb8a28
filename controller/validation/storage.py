"""The rules of what is downloaded from where to where: sources, the cache, and that their mounts do not collide."""

import re
from collections.abc import Iterator

from controller.api.findings import Finding, error, warning
from controller.api.model import Backend
from controller.api.storage import SHM_MOUNT, normal_path, source_claim
from controller.render.facts import BackendFacts
from controller.validation.options import ValidationOptions

_CLAIM = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"


def storage(facts: BackendFacts, path: str, options: ValidationOptions) -> Iterator[Finding]:
    """M17 to M20, M32 and W1."""
    backend = facts.backend
    sources = [(f"{path}.modelURI", backend.model_uri)]
    sources += [(f"{path}.loraAdapters[{i}].artifactURL", a.artifact_url) for i, a in enumerate(backend.adapters)]
    broken = [*_cache(backend, f"{path}.cacheURI", options)]
    for where, uri in sources:
        broken += _source(uri, where)
    yield from broken
    yield from _credentials(facts, sources)
    if not broken:
        yield from _mounts(facts, path, sources)


def _source(uri: str, path: str) -> Iterator[Finding]:
    if not uri.startswith("pvc://"):
        return
    segments = normal_path(uri.removeprefix("pvc://")).split("/")[1:]
    if ".." in segments:
        yield error(path, "must not hold .. segments", "M17")
    elif not re.match(rf"pvc://+{_CLAIM}/+[^/]", uri) or len(segments) < 2:
        yield error(path, "must name a claim and a path in it: pvc://CLAIM/PATH", "M17")


def _cache(backend: Backend, path: str, options: ValidationOptions) -> Iterator[Finding]:
    scheme, _, rest = (backend.cache_uri or "").partition("://")
    if scheme == "pvc" and not re.fullmatch(rf"/?{_CLAIM}/?", rest):
        yield error(path, "must name one claim and nothing else: pvc://CLAIM", "M18")
    if scheme != "hostpath":
        return
    mount = normal_path(rest)
    allowed = [normal_path(prefix) for prefix in options.hostpath_prefixes]
    if mount == "/" or ".." in mount.split("/"):
        yield error(path, "must be an absolute path without .. segments: hostpath:///PATH", "M19")
    elif ":" in mount:
        yield error(path, "must not hold a colon, because mount paths cannot", "M19")
    elif allowed and not any(_lies_in(mount, prefix) for prefix in allowed):
        directories = ", ".join(allowed)
        yield error(path, f"{mount} does not lie under a directory that the operator allows: {directories}", "M32")


def _credentials(facts: BackendFacts, sources: list[tuple[str, str]]) -> Iterator[Finding]:
    names = {entry["name"] for entry in facts.env}
    if facts.backend.env_from or {"ACCESS_KEY", "SECRET_KEY"} <= names:
        return
    for where, uri in sources:
        if uri.startswith(("s3://", "obs://")):
            message = "needs ACCESS_KEY and SECRET_KEY; without them the downloader leaves the directory empty and reports success"
            yield warning(where, message, "W1")


def _mounts(facts: BackendFacts, path: str, sources: list[tuple[str, str]]) -> Iterator[Finding]:
    cache = facts.cache.mount
    if _collide(cache, SHM_MOUNT):
        yield error(f"{path}.cacheURI", f"{cache} collides with the shared memory at {SHM_MOUNT}", "M20")
    mounts = ((SHM_MOUNT, "the shared memory"), (cache, "the cache"))
    mounted = set(facts.claims)
    for where, uri in sources:
        claim = source_claim(uri)
        if claim not in mounted:
            continue
        for other, what in mounts:
            if _collide(f"/{claim}", other):
                yield error(where, f"would be mounted at /{claim}, which collides with {what} at {other}", "M20")


def _collide(first: str, second: str) -> bool:
    return _lies_in(first, second) or _lies_in(second, first)


def _lies_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")
