"""The engine containers that the samples and how-to pages are rendered to, for the installed version, and what a CPU forces to be different."""

import copy
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from controller.api.documents import load_documents
from controller.api.model import Model
from controller.api.samples import sample_paths
from controller.render.engines import ENGINES, BackendFacts, backend_facts
from controller.render.pods import RenderOptions

HOW_TOS = Path("docs/how-to")
PROGRAM = ["python3", "-m", "vllm.entrypoints.openai.api_server"]
CPU_CONFIG = {"dtype": "bfloat16", "enforce-eager": True, "max-model-len": 2048}
"""Set where commands are started: a CPU has no kernels to compile, and a tiny model a short context."""
GPU_OPTIONS = ("gpu-memory-utilization", "tensor-parallel-size", "pipeline-parallel-size", "quantization")
_GPU_CONNECTORS = "its connector moves memory between GPUs"


@dataclass(frozen=True, slots=True)
class Command:
    """An engine of a sample: the rendered container, its argv, and why it is not started here, if it is not.

    ``changes`` are the differences from what the sample renders to.
    """

    source: str
    facts: BackendFacts
    container: Mapping[str, Any]
    argv: tuple[str, ...]
    unstarted: str | None = None
    changes: tuple[str, ...] = field(default=())

    @property
    def options(self) -> list[str]:
        """The arguments, without the program."""
        return list(self.argv[len(PROGRAM) :])

    @property
    def drain(self) -> str | None:
        """The script of the preStop hook, as the container's shell gets it."""
        hook = self.container.get("lifecycle", {}).get("preStop")
        return None if hook is None else hook["exec"]["command"][2]


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every Model of the samples and the how-to pages, with the file that it is from."""
    texts = [(path.name, path.read_text(encoding="utf-8")) for path in sample_paths()]
    for page in sorted(HOW_TOS.glob("*.md")):
        blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        texts += [(page.name, block) for block in blocks if "kind: Model\n" in block]
    for name, text in texts:
        for document in load_documents(text, name):
            if document.get("kind") == "Model":
                yield name, document


def rendered(name: str, document: Mapping[str, Any], version: str) -> Iterator[Command]:
    """The vLLM engines of a Model, with images of the installed version."""
    given = copy.deepcopy(dict(document))
    for backend in given["spec"]["backends"]:
        for worker in backend["workers"]:
            worker["image"] = f"vllm/vllm-openai:v{version}"
    model = Model.from_object(given)
    for backend in model.spec.backends:
        facts = backend_facts(model, backend)
        if facts.traits.options == "vllm":
            yield from _engines(f"{name} {backend.name}", facts)


def _engines(source: str, facts: BackendFacts) -> Iterator[Command]:
    workload = ENGINES[facts.backend.type].workload(facts, RenderOptions())
    for role, worker in zip(workload.roles, facts.workers, strict=True):
        containers = role["entryTemplate"]["spec"]["containers"]
        engine = next(item for item in containers if item["name"] in ("engine", "vllm"))
        unstarted = None
        if worker.pods > 1:
            unstarted = "it needs several machines"
        elif "kv-transfer-config" in worker.config:
            unstarted = _GPU_CONNECTORS
        yield Command(source, facts, engine, _argv(engine["command"]), unstarted)


def _argv(command: list[str]) -> tuple[str, ...]:
    """The argv as the engine gets it in the entry pod."""
    words = [word.replace("$(WORKER_INDEX)", "0").replace("$(ENTRY_ADDRESS)", "127.0.0.1") for word in command]
    words = [word.replace("$$", "$") for word in words]
    return tuple(shlex.split(words[2].rpartition("&& exec ")[2]) if words[0] == "bash" else words)


def all_commands(version: str) -> list[Command]:
    """Those of every sample and page."""
    return [command for name, document in documents() for command in rendered(name, document, version)]


def startable(version: str, port: int, tiny: Path) -> list[Command]:
    """The different commands that a CPU can run, at this port and with the tiny model, in the order of the samples."""
    found: dict[tuple[str, ...], Command] = {}
    for name, document in documents():
        for command in on_cpu(name, document, version, port, tiny):
            if command.unstarted is None:
                known = found.setdefault(_shape(command), command)
                if known is not command:
                    found[_shape(command)] = replace(known, source=f"{known.source}, {command.source}")
    return list(found.values())


def on_cpu(name: str, document: Mapping[str, Any], version: str, port: int, tiny: Path) -> Iterator[Command]:
    """The engines of a Model as a CPU can run them."""
    given = copy.deepcopy(dict(document))
    changes: set[str] = {f"{key}: {value}" for key, value in CPU_CONFIG.items()} | {"the port", "the model's directory"}
    for backend in given["spec"]["backends"]:
        for worker in backend["workers"]:
            config = {key.replace("_", "-"): value for key, value in (worker.get("config") or {}).items()}
            dropped = [key for key in GPU_OPTIONS if key in config and worker.get("pods", 1) == 1]
            changes |= {f"without {key}" for key in dropped}
            kept = {key: value for key, value in config.items() if key not in dropped}
            worker["config"] = {**kept, **CPU_CONFIG, "port": port}
    for command in rendered(name, given, version):
        yield replace(_with_tiny(command, tiny), changes=tuple(sorted(changes)))


def _with_tiny(command: Command, tiny: Path) -> Command:
    """The tiny model in the place of the directories that downloaders would fill."""
    facts = command.facts
    places = {facts.source.directory: str(tiny / "model")}
    for adapter in facts.backend.adapters:
        places[facts.directory(adapter.artifact_url)] = str(tiny / "adapter")
    argv = list(command.argv)
    for number, word in enumerate(argv):
        name, equals, path = word.rpartition("=")
        argv[number] = name + equals + places.get(path, path)
    return replace(command, argv=tuple(argv))


def _shape(command: Command) -> tuple[str, ...]:
    """What makes two commands different: everything but the name of the model."""
    words = list(command.argv)
    if "--served-model-name" in words:
        words[words.index("--served-model-name") + 1] = ""
    names = sorted(entry["name"] for entry in command.facts.env if entry["name"].startswith("VLLM_"))
    return (*(re.sub("^[a-z]+=", "=", word) for word in words), *names)
