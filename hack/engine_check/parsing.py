"""The parser of an installed vLLM, asked in its own Python."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

_PARSE = """
import importlib, json, sys
def found(name, *places):
    for place in places:
        try:
            return getattr(importlib.import_module(place), name)
        except (ImportError, AttributeError):
            continue
    raise SystemExit(f"this vLLM has no {name}")
parser_type = found("FlexibleArgumentParser", "vllm.utils.argparse_utils", "vllm.utils")
make = found("make_arg_parser", "vllm.entrypoints.launchers.cli_args", "vllm.entrypoints.openai.cli_args")
parser = make(parser_type())
answers = []
for argv in json.load(sys.stdin):
    problem = []
    def refuse(message):
        problem.append(message)
        raise SystemExit(2)
    parser.error = refuse
    try:
        read = parser.parse_args(argv)
        if read.model_tag is not None:
            problem.append(f"{read.model_tag!r} became the positional model")
    except SystemExit:
        pass
    except Exception as error:
        problem.append(f"{type(error).__name__}: {error}")
    answers.append(problem[0] if problem else None)
sys.__stdout__.write("ANSWERS" + json.dumps(answers))
"""


def refusals(python: Path, commands: Sequence[list[str]]) -> list[str | None]:
    """What the real parser has against each argv; None where it reads it. Raises RuntimeError when it cannot be asked."""
    text = json.dumps([list(argv) for argv in commands])
    done = subprocess.run([python, "-c", _PARSE], input=text, capture_output=True, text=True, check=False)
    if "ANSWERS" not in done.stdout:
        raise RuntimeError(done.stderr[-2000:])
    answers: list[str | None] = json.loads(done.stdout.partition("ANSWERS")[2])
    return answers
