"""The sample Models, one per feature, as package data."""

from pathlib import Path


def sample_paths() -> list[Path]:
    """The sample files, in the order of their names."""
    return sorted(Path(__file__).parent.glob("*.yaml"))
