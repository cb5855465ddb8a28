"""The same minimal job as a kopf operator: create three children for a new Model, and say Active when its ModelInfer is available.

It validates nothing, repairs nothing and tells no Events; children are the same ready-made texts that the ideal writer sends.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import kopf

from controller.api.kinds import MODEL, MODEL_INFER
from hack.bench.bare_client import Access, BareClient, Templates, model_path
from hack.bench.objects import condition

_MERGE = "application/merge-patch+json"
_INITIALIZED = condition("Initialized", "True", "ModelCreating")
_PROCESSING = {
    "status": {"observedGeneration": 1, "conditions": [_INITIALIZED, condition("Active", "False", "ModelProcessing")]}
}
_ACTIVE = {
    "status": {"observedGeneration": 1, "conditions": [_INITIALIZED, condition("Active", "True", "ModelAvailable")]}
}


def register(kubeconfig: Path, namespace: str) -> None:
    """Adds the handlers to kopf's default registry."""
    templates = Templates(namespace)

    @kopf.on.login()
    def login(**_: Any) -> kopf.ConnectionInfo:
        access = Access.read(kubeconfig)
        return kopf.ConnectionInfo(server=access.server, ca_path=access.ca_file, token=access.token)

    @kopf.on.startup()
    async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
        settings.posting.enabled = False
        memo.client = BareClient(kubeconfig, "bench-kopf")

    @kopf.on.cleanup()
    async def stop(memo: kopf.Memo, **_: Any) -> None:
        await memo.client.close()

    @kopf.on.create(MODEL.group, MODEL.version, MODEL.plural)
    async def created(name: str, uid: str, memo: kopf.Memo, **_: Any) -> None:
        await memo.client.send("PATCH", model_path(namespace, name, "status"), json.dumps(_PROCESSING).encode(), _MERGE)
        for path, body in templates.children(name, uid):
            await memo.client.send("POST", path, body)

    @kopf.on.event(MODEL_INFER.group, MODEL_INFER.version, MODEL_INFER.plural)
    async def changed(meta: kopf.Meta, status: kopf.Status, memo: kopf.Memo, **_: Any) -> None:
        if not any(
            stated["type"] == "Available" and stated["status"] == "True" for stated in status.get("conditions", ())
        ):
            return
        owner = meta["ownerReferences"][0]["name"]
        await memo.client.send("PATCH", model_path(namespace, owner, "status"), json.dumps(_ACTIVE).encode(), _MERGE)


if __name__ == "__main__":
    os.environ["KUBECONFIG"] = sys.argv[1]
    register(Path(sys.argv[1]), sys.argv[2])
    kopf.run(standalone=True, namespaces=[sys.argv[2]], memo=kopf.Memo())
