"""Reading Models from the files, directories and standard input that a command was given."""

import difflib
import errno
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click

from controller import meta
from controller.api.documents import DocumentError, load_documents
from controller.cli.progress import announce_reading
from controller.fronts import FRONTS, Front, front_of
from controller.meta import Object

_SUFFIXES = {".yaml", ".yml", ".json"}


class Input(NamedTuple):
    """An object that stands for a Model, the file it came from, and its front."""

    file: str
    document: Object
    front: Front


@dataclass(slots=True)
class Inputs:
    """The Models and ModelBoosters of all readable inputs, in the order read.

    ``unusable`` says that some input could not be read or parsed; a sentence about it went to standard error, and the other inputs
    were read all the same.
    """

    models: list[Input] = field(default_factory=list)
    unusable: bool = False

    @property
    def files(self) -> int:
        """The number of files that the Models came from."""
        return len({model.file for model in self.models})

    def nothing(self, done: str) -> str:
        """The sentence for inputs that hold no Model: ``done`` is what then was not done, such as ``checked``."""
        return f"nothing was {done}: there is no Model or ModelBooster in the given files"

    def refuse(self, source: str, error: Exception) -> None:
        """Notes that an input cannot be used, and says why on standard error."""
        self.unusable = True
        click.echo(
            f"{source or repr(source)}: {(error.strerror or str(error)).lower()}"
            if isinstance(error, OSError)
            else str(error),
            err=True,
        )


def read_models(paths: Sequence[str]) -> Inputs:
    """Reads every path: a file, a directory (its YAML and JSON files, sorted), or ``-``. Other kinds are noted and skipped."""
    inputs = Inputs()
    for source, document in read_documents(paths, inputs):
        if (front := front_of(document, FRONTS)) is not None:
            inputs.models.append(Input(source, document, front))
        else:
            click.echo(f"{source}: {_skipped(document)}", err=True)
    return inputs


def read_documents(paths: Sequence[str], inputs: Inputs) -> Iterator[tuple[str, Object]]:
    """Every document with its file. What cannot be read is refused in ``inputs``."""
    for path in paths:
        try:
            sources = _sources(path)
        except OSError as error:
            inputs.refuse(path, error)
            continue
        for source in sources:
            try:
                documents = load_documents(_text(source), source)
            except (OSError, DocumentError) as error:
                inputs.refuse(source, error)
                continue
            if not documents:
                click.echo(f"{source}: contains no object", err=True)
            yield from ((source, document) for document in documents)


def _skipped(document: Object) -> str:
    api_version, kind = (str(document.get(key, "?")) for key in ("apiVersion", "kind"))
    known = {front.resource.kind: front.resource.api_version for front in FRONTS}
    if kind in known:
        hint = f"its apiVersion is not {known[kind]}"
    else:
        close = difflib.get_close_matches(kind, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"it is not a {' or '.join(known)}"
    return f"skipped {api_version} {kind} {meta.name_of(document)}".rstrip() + f": {hint}"


def _sources(path: str) -> list[str]:
    if not path:
        raise FileNotFoundError(errno.ENOENT, "the file name is empty")
    if path == "-" or not Path(path).is_dir():
        return [path]
    return sorted(str(entry) for entry in Path(path).iterdir() if entry.suffix in _SUFFIXES)


def _text(source: str) -> bytes:
    text = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    announce_reading(source, len(text))
    return text
