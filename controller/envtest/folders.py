"""Temporary folders that do not outlive their process for long: the next process removes those that a killed one left."""

import contextlib
import fcntl
import shutil
import tempfile
from pathlib import Path

_PREFIX = "model-controller-envtest-"
_LOCK = "in-use"


class TemporaryFolder:
    """A folder of this process's own, under the system's temporary folder.

    It holds a locked file. The lock ends with the process, however that ends, and an unlocked folder is removed by the next
    TemporaryFolder of the same user.
    """

    def __init__(self) -> None:
        _remove_abandoned()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        unlocked = self.path / f"{_LOCK}.new"
        self._lock = unlocked.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unlocked.rename(self.path / _LOCK)

    def remove(self) -> None:
        """Removes the folder and everything in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock.close()


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
