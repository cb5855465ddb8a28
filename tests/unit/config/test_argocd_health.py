"""The health script for Argo CD, fed with statuses as the controller writes them."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from controller.reconcilers.backends import BackendState, BackendView
from controller.reconcilers.outcome import Problem
from controller.reconcilers.result import PassResult
from controller.reconcilers.status import compose_status
from tests.support.factories import a_model

SCRIPT = Path(__file__).resolve().parents[3] / "config/argocd/health.lua"
INTERPRETERS = ("lua5.1", "lua5.4", "lua5.3", "lua", "luajit")
READY = BackendView("main", "chat-main", BackendState.AVAILABLE, replicas=1)
PENDING = BackendView("main", "chat-main", BackendState.PENDING, "GroupProgressing")
IDLE = BackendView("main", "chat-main", BackendState.IDLE)
REFUSED = Problem("ModelServer", "chat-main", "apply", "quota exceeded")


def a_model_in(result: PassResult | None, generation: int = 1, annotations: Mapping[str, str] | None = None) -> Any:
    """A Model of this generation, with the status of its first one."""
    model = a_model()
    if result is not None:
        model["status"] = compose_status(model, result, "2026-01-01T00:00:00Z").status
    model["metadata"] |= {"generation": generation, "annotations": dict(annotations or {})}
    return model


def lua(value: Any) -> str:
    """The value as a Lua expression."""
    match value:
        case Mapping():
            return "{" + ", ".join(f"[{json.dumps(key)}] = {lua(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "{" + ", ".join(map(lua, value)) + "}"
        case _:
            return json.dumps(value)


def health(model: Any) -> tuple[str, str]:
    """What the script says of it."""
    interpreter = next(filter(None, map(shutil.which, INTERPRETERS)), None)
    if interpreter is None:
        pytest.skip("no Lua interpreter is installed")
    program = f"obj = {lua(model)} local h = dofile({json.dumps(str(SCRIPT))}) print(h.status) print(h.message)"
    result = subprocess.run([interpreter, "-e", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    status, _, message = result.stdout.strip().partition("\n")
    return status, message


@pytest.mark.parametrize(
    ("model", "wanted"),
    [
        (a_model_in(None), ("Progressing", "waiting for the model controller")),
        (a_model_in(PassResult((PENDING,))), ("Progressing", "waiting for ModelInfer chat-main (GroupProgressing)")),
        (a_model_in(PassResult((READY,))), ("Healthy", "Model is ready")),
        (a_model_in(PassResult((READY,)), generation=2), ("Progressing", "waiting for the model controller")),
        (a_model_in(PassResult((IDLE,))), ("Suspended", "all backends are scaled to zero")),
        (
            a_model_in(PassResult((READY,), problems=(REFUSED,), applied=False)),
            ("Degraded", "ModelServer chat-main: apply: quota exceeded"),
        ),
        (
            a_model_in(PassResult((READY,)), annotations={"registry.volcano.sh/paused": "true"}),
            ("Suspended", "reconciliation is paused"),
        ),
    ],
    ids=["new", "starting", "ready", "changed", "scaled to zero", "failed", "paused"],
)
def test_a_models_health_follows_its_conditions(model: Any, wanted: tuple[str, str]) -> None:
    """Failed is bad when True; a status of an older generation says nothing yet."""
    assert health(model) == wanted
