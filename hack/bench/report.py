"""From samples to what is read: medians with their spread, ratios within a round, and the page."""

import os
import platform
import re
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from hack.bench.bench import Sample, Workload
from hack.bench.plots import bars, curves
from hack.bench.workloads.scale import SCALE

ROOT = Path(__file__).resolve().parents[2]
PAGE, SCALE_PAGE = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "scale.md"
SCALE_FIGURES = ("seconds", "CPU ms a Model", "RSS MiB", "writes a Model")
_BEGIN, _END = "<!-- begin of what make bench wrote -->", "<!-- end of what make bench wrote -->"
_RATIOS = ("seconds", "CPU ms a Model", "CPU ms a Model, Events sent", "p50 ms", "p99 ms")
"""Figures that are also given as a multiple of the ideal one's in the same round."""


def by_contender(samples: Iterable[Sample]) -> dict[str, list[Mapping[str, float]]]:
    """The figures of each contender, in the order of the rounds."""
    found: dict[str, list[Mapping[str, float]]] = {}
    for sample in samples:
        found.setdefault(sample.contender, []).append(sample.figures)
    return found


def ratios(samples: Sequence[Sample], contender: str, figure: str) -> list[float]:
    """The contender's figure divided by the ideal one's, for each round that has both."""
    rounds = by_contender(samples)
    pairs = zip(rounds.get(contender, ()), rounds.get("ideal", ()), strict=False)
    return [ours[figure] / ideal[figure] for ours, ideal in pairs if ours.get(figure) and ideal.get(figure)]


def spread(values: Sequence[float]) -> str:
    """The median and, of several values, the least and the greatest."""
    middle = _short(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({_short(min(values))}…{_short(max(values))})"


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}" if value else "0"


def table(samples: Sequence[Sample]) -> str:
    """A Markdown table of one workload: a line for each figure, a column for each contender, ratios to the ideal one below a figure."""
    rounds = by_contender(samples)
    figures = dict.fromkeys(name for sample in samples for name in sample.figures)
    lines = [f"| | {' | '.join(rounds)} |", f"|---|{'---:|' * len(rounds)}"]
    for figure in figures:
        cells = [
            spread([taken[figure] for taken in all_rounds]) if all(figure in taken for taken in all_rounds) else ""
            for all_rounds in rounds.values()
        ]
        lines.append(f"| {figure} | {' | '.join(cells)} |")
        if figure in _RATIOS and "ideal" in rounds and len(rounds) > 1:
            shares = [ratios(samples, contender, figure) for contender in rounds]
            shown = [f"**{spread(values)}**" if values else "" for values in shares]
            shown[list(rounds).index("ideal")] = "1"
            lines.append(f"| — as a multiple of the ideal one | {' | '.join(shown)} |")
    return "\n".join(lines)


def machine() -> str:
    """Where and of what this was measured, in one line."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit.strip() or 'unknown'}, {os.cpu_count()} cores, {_processor()}, "
        f"{platform.system()} {platform.release().partition('-')[0]}, Python {platform.python_version()}, "
        f"load before the run {_load():.1f}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE) if info.exists() else None
    return found[1] if found else platform.machine()


def _load() -> float:
    return os.getloadavg()[0]


def page(samples: Sequence[Sample], workloads: Iterable[Workload], where: str) -> tuple[str, dict[str, str]]:
    """The generated part of docs/benchmarks.md, and its pictures by file name."""
    parts, pictures = [where + "."], {}
    for workload in workloads:
        taken = [sample for sample in samples if sample.workload == workload.name]
        if not taken or workload in SCALE:
            continue
        parts += [f"### {workload.title}", table(taken)]
        if len(medians := _medians(taken, "seconds")) > 1:
            pictures[f"{workload.name}.svg"] = bars(f"{workload.title}: seconds", medians)
            parts.append(f"![{workload.title}, seconds of each contender](benchmarks/{workload.name}.svg)")
    return "\n\n".join(parts), pictures


def _medians(samples: Sequence[Sample], figure: str) -> dict[str, float]:
    rounds = by_contender(samples)
    return {name: statistics.median(r[figure] for r in taken) for name, taken in rounds.items() if figure in taken[0]}


def scale_page(samples: Sequence[Sample], where: str) -> tuple[str, dict[str, str]]:
    """The generated part of docs/scale.md: a table with a line for each size, and a curve for each contender."""
    lines = [f"| | {' | '.join(SCALE_FIGURES)} |", f"|---|{'---:|' * len(SCALE_FIGURES)}"]
    points: dict[str, list[tuple[float, float]]] = {}
    for workload in SCALE:
        for contender, figures in _single(samples, workload):
            cells = [_short(figures[name]) if name in figures else "" for name in SCALE_FIGURES]
            lines.append(f"| {workload.title}, {contender} | {' | '.join(cells)} |")
            size = float(workload.name.rpartition("-")[2])
            line = f"{contender}, {workload.name.partition('-')[0]} plane"
            points.setdefault(line, []).append((size, figures["CPU ms a Model"]))
    picture = curves("CPU of the process, ms a Model", "Models", points)
    text = "\n\n".join([where + ".", "\n".join(lines), "![CPU a Model by the number of Models](scale/cpu.svg)"])
    return text, {"cpu.svg": picture}


def _single(samples: Iterable[Sample], workload: Workload) -> list[tuple[str, Mapping[str, float]]]:
    return [(sample.contender, sample.figures) for sample in samples if sample.workload == workload.name]


def write(samples: Sequence[Sample], workloads: Sequence[Workload], where: str) -> None:
    """Replaces the generated parts of the pages whose workloads ran, and their pictures."""
    if any(workload not in SCALE for workload in workloads):
        _replace(PAGE, *page(samples, workloads, where))
    if any(workload in SCALE for workload in workloads):
        _replace(SCALE_PAGE, *scale_page(samples, where))


def _replace(path: Path, text: str, pictures: Mapping[str, str]) -> None:
    before, _, rest = path.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    path.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}", encoding="utf-8")
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        (folder / name).write_text(picture, encoding="utf-8")
