"""The embedded server's memory in a file, for trying things over days."""

import asyncio
import os
from pathlib import Path

from controller.envtest.embedded.storage import Storage
from controller.meta import jsonio

_SECONDS = 1.0


class PersistenceError(Exception):
    """The file cannot be read as one that an earlier server wrote; the message says why."""


def load(path: Path, storage: Storage) -> bool:
    """Fills the storage from the file; whether there was one. Raises PersistenceError."""
    if not path.exists():
        return False
    try:
        storage.restore(jsonio.loads(path.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PersistenceError(f"{path} cannot be read as the data of an API server: {error}") from None
    return True


def save(path: Path, storage: Storage) -> None:
    """Writes the storage to the file; a crash leaves the old file or the new one. Raises OSError."""
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("wb") as file:
        file.write(jsonio.dumps(storage.snapshot()))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


async def keep_saving(path: Path, storage: Storage) -> None:
    """Saves after every second in which something changed, until cancelled."""
    saved = -1
    while True:
        if storage.revision != saved:
            saved = storage.revision
            save(path, storage)
        await asyncio.sleep(_SECONDS)
