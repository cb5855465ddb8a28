"""Reading Models from the files, directories and standard input that a command was given."""

import errno
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import click

from controller import meta
from controller.api.documents import DocumentError, load_documents
from controller.api.kinds import MODEL
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

    def refuse(self, source: str, error: Exception) -> None:
        """Tells why this input cannot be used."""
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
            what = f"{document.get('apiVersion', '?')} {document.get('kind', '?')} {meta.name_of(document)}".rstrip()
            click.echo(f"{source}: skipped {what}: not a {MODEL.api_version} {MODEL.kind}", err=True)
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
            yield from ((source, document) for document in documents)


def _sources(path: str) -> list[str]:
    if not path:
        raise FileNotFoundError(errno.ENOENT, "an empty name is no file")
    if path == "-" or not Path(path).is_dir():
        return [path]
    return sorted(str(entry) for entry in Path(path).iterdir() if entry.suffix in _SUFFIXES)


def _text(source: str) -> bytes:
    return sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
