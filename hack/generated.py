"""What generators share: where some files lie, and writing those that differ, or with --check only telling."""

import sys
from collections.abc import Mapping
from pathlib import Path

from controller.dialects import E4FB6663, Dialect


def crds_folder(dialect: Dialect) -> Path:
    """Where the small CRDs of a dialect's children are."""
    return Path("config/crd") / ("children" if dialect is E4FB6663 else f"children-{dialect.name}")


def settle(wanted: Mapping[Path, str]) -> int:
    """The exit code: 1 when ``--check`` was given and a file is out of date."""
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        print(
            "\n".join(f"{path} is out of date: run {sys.argv[0]}" for path in stale)
            or f"{sys.argv[0]}: all files are current"
        )
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path}")
    return 0
