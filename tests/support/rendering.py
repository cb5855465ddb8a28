"""Short ways to the parts of what ``render`` makes of a Model."""

from typing import Any

from controller.api.model import Model
from controller.render import RenderOptions, render
from tests.support.factories import a_backend, a_model, a_worker

Json = dict[str, Any]


def children(model: Json, options: RenderOptions | None = None) -> dict[tuple[str, str], Json]:
    """The children by kind and name, in their order."""
    rendered = render(Model.from_object(model), options or RenderOptions())
    return {(child["kind"], child["metadata"]["name"]): child for child in rendered}


def only(model: Json, kind: str, options: RenderOptions | None = None) -> Json:
    """The only child of this kind."""
    (child,) = (child for (known, _), child in children(model, options).items() if known == kind)
    return child


def roles(backend: Json) -> list[Json]:
    """The roles of the backend's ModelInfer, in a Model named chat."""
    found: list[Json] = only(a_model("chat", backend), "ModelInfer")["spec"]["template"]["roles"]
    return found


def entry(backend: Json, role: int = 0) -> Json:
    """The spec of the entry pod."""
    spec: Json = roles(backend)[role]["entryTemplate"]["spec"]
    return spec


def container(backend: Json, name: str, role: int = 0) -> Json:
    """A container of the entry pod."""
    (found,) = (item for item in entry(backend, role)["containers"] if item["name"] == name)
    return dict(found)


def engine(backend: Json) -> Json:
    """The engine of a vLLM backend."""
    return container(backend, "engine")


def arguments(config: Json | None = None, **backend: Any) -> list[str]:
    """The engine's arguments after ``--model DIRECTORY``, of a one-pod backend."""
    command: list[str] = engine(a_backend(workers=[a_worker(config=config)], **backend))["command"]
    assert command[:4] == ["python3", "-m", "vllm.entrypoints.openai.api_server", "--model"]
    return command[5:]


def options_of(command: list[str]) -> dict[str, str]:
    """Flags and values of a command where every flag has one value."""
    return dict(zip(command[::2], command[1::2], strict=True))
