"""The ideal writer: it knows the children beforehand, compares nothing, keeps nothing, waits for nothing, and sends five writes a Model.

Started with a kubeconfig and a namespace; it begins at a line of input, writes for each Model that a bare watch shows, 16 at a time.
"""

import asyncio
import json
import sys
from pathlib import Path

from hack.bench.bare_client import BareClient, Templates, line_of_input, model_path
from hack.bench.objects import condition

_CONCURRENCY = 16
_MERGE = "application/merge-patch+json"
_STATUSES = [
    json.dumps({"status": {"observedGeneration": 1, "conditions": conditions}}).encode()
    for conditions in (
        [condition("Initialized", "True", "ModelCreating"), condition("Active", "False", "ModelProcessing")],
        [condition("Initialized", "True", "ModelCreating"), condition("Active", "True", "ModelAvailable")],
    )
]


async def main(kubeconfig: Path, namespace: str) -> None:
    client, templates = BareClient(kubeconfig, "bench-ideal"), Templates(namespace)
    models: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def write() -> None:
        while True:
            name, uid = await models.get()
            for path, body in templates.children(name, uid):
                await client.send("POST", path, body)
            for status in _STATUSES:
                await client.send("PATCH", model_path(namespace, name, "status"), status, _MERGE)

    await line_of_input()
    async with asyncio.TaskGroup() as group:
        for _ in range(_CONCURRENCY):
            group.create_task(write())
        known: set[str] = set()
        async for event in client.watch(model_path(namespace)):
            metadata = event["object"]["metadata"]
            if event["type"] == "ADDED" and metadata["uid"] not in known:
                known.add(metadata["uid"])
                models.put_nowait((metadata["name"], metadata["uid"]))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
