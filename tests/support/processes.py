"""The controller as a process, as users run it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from controller.meta import Resource

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


@contextlib.asynccontextmanager
async def running(kubeconfig: Path, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The controller as a process as users run it, without a mutation detector; killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "controller", "run", "--kubeconfig", str(kubeconfig), "--metrics-bind-address", "0"),
        *arguments,
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        env={**os.environ, "KUBE_CACHE_MUTATION_DETECTOR": ""},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
