"""``make bench``: runs the workloads that are asked for, in interleaved rounds on one real control plane, and prints a table."""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from controller import meta
from controller.api.crds import model_crd
from controller.dialects import DIALECTS
from controller.dialects.crds import child_crds
from controller.envtest import Environment
from hack.bench import report
from hack.bench.bench import Bench, Sample, Workload
from hack.bench.contenders import CONTENDERS, Contender, installed, other
from hack.bench.driver import Audit
from hack.bench.workloads import DEFAULT, GROUPS, WORKLOADS


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__)
    parser.add_argument(
        "--workload",
        "-w",
        action="append",
        choices=[*WORKLOADS, *GROUPS],
        help=f"repeatable; default: {', '.join(DEFAULT)}",
    )
    parser.add_argument(
        "--contender",
        "-c",
        action="append",
        choices=list(CONTENDERS),
        help="repeatable; default: all that are installed",
    )
    parser.add_argument(
        "--models", type=int, default=500, help="Models of the workloads live and existing; the others grow with it"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the workloads that are repeated")
    parser.add_argument("--against", type=Path, help="a checkout of another version, which takes part as 'other'")
    parser.add_argument(
        "--write", action="store_true", help="write docs/benchmarks.md, and docs/scale.md if its workloads ran"
    )
    parser.add_argument("--json", type=Path, help="also write all figures into this file")
    return parser.parse_args(words)


def chosen(options: argparse.Namespace) -> list[Workload]:
    """The workloads to run, in their own order."""
    wanted = {name for given in options.workload or DEFAULT for name in GROUPS.get(given, (given,))}
    return [workload for name, workload in WORKLOADS.items() if name in wanted]


def takes_part(contender: Contender, options: argparse.Namespace) -> bool:
    """Whether it was asked for and can be started."""
    return installed(contender) and (not options.contender or contender.name in options.contender)


async def measure(bench: Bench, workload: Workload, contenders: Sequence[Contender], rounds: int) -> list[Sample]:
    """All rounds of one workload; in each one every contender has its turn, the first one last in the next round."""
    samples = []
    for number in range(workload.rounds or rounds):
        turn = number % max(len(contenders), 1)
        for contender in (*contenders[turn:], *contenders[:turn]):
            figures = await workload.run(bench, contender)
            samples.append(Sample(workload.name, contender.name, figures))
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            print(f"{workload.name} {number + 1} {contender.name}: {shown}", file=sys.stderr)
    return samples


async def main(options: argparse.Namespace) -> None:
    where = f"{report.machine()}, --models {options.models}"
    samples: list[Sample] = []
    order = [*CONTENDERS, "other"]
    crds = {meta.name_of(crd): crd for dialect in DIALECTS.values() for crd in child_crds(dialect)}
    async with (
        Environment("real", crds=[model_crd(), *crds.values()]) as environment,
        environment.client() as client,
    ):
        bench = Bench(environment, client, options.models, Audit(environment))
        for workload in chosen(options):
            contenders = [contender for contender in workload.contenders if takes_part(contender, options)]
            if options.against is not None:
                contenders.append(other(options.against.resolve()))
            taken = await measure(bench, workload, contenders, options.rounds)
            samples += sorted(taken, key=lambda sample: order.index(sample.contender))
            print(f"\n{workload.title}\n\n{report.table(samples[-len(taken) :])}\n")
    print(where)
    if options.json:
        options.json.write_text(json.dumps({"where": where, "samples": [asdict(sample) for sample in samples]}))
    if options.write:
        report.write(samples, chosen(options), where)


if __name__ == "__main__":
    asyncio.run(main(arguments(sys.argv[1:])))
