"""`python -m tests.overhead`: what it costs to train in processes instead of threads.

The same training by turns: one process with a thread for each processor, and a process of
one thread for each. Rounds are interleaved, since other work on the machine comes and goes;
the medians of the rates at the end of the bar are printed beside the processor's name.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.project import make_workspace, run_command, snowmelt, succeed

ARGUMENTS = ("tracking=none", "likelihood=none", "training.picture_every=1000000")
RATE = re.compile(r"([\d.]+)(k?) images/s")


def rate(said: str) -> float:
    """The last rate that a bar showed, in images a second."""
    number, thousands = RATE.findall(said)[-1]
    return float(number) * (1000 if thousands else 1)


def trained(folder: Path, steps: int, processes: int, threads: int) -> float:
    """Train for some steps; the images a second at the end."""
    name = f"out={folder}/{processes}"
    chosen = ("trainer=ddp", "trainer.accelerator=cpu", f"trainer.processes={processes}")
    result = succeed(
        run_command(
            sys.executable,
            "-m",
            "snowmelt",
            "train",
            *ARGUMENTS,
            *chosen,
            f"training.steps={steps}",
            name,
            cwd=folder,
            environment={"OMP_NUM_THREADS": str(threads)},
        )
    )
    run_command("rm", "-r", ".snowmelt", cwd=folder)
    return rate(result.stderr)


def processor() -> str:
    """Its name, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    return next(line for line in lines if line.startswith("model name")).partition(": ")[2]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.overhead")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=60)
    given = parser.parse_args(arguments)
    cores = os.cpu_count() or 1
    ways = {
        f"1 process of {cores} threads": (1, cores),
        f"{cores} processes of 1 thread": (cores, 1),
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as place:
        folder = make_workspace(Path(place) / "project")
        succeed(snowmelt("prepare", cwd=folder))
        for _ in range(given.rounds):
            for way, (processes, threads) in ways.items():
                found[way].append(trained(folder, given.steps, processes, threads))
    medians = {way: statistics.median(rates) for way, rates in found.items()}
    first, second = medians.values()
    print(f"{processor()}, {cores} processors, load {os.getloadavg()[0]:.1f}")
    for way, rates in found.items():
        listed = ", ".join(f"{one:.0f}" for one in rates)
        print(f"{way}: {medians[way]:.0f} images/s (of {listed})")
    print(f"processes train at {second / first:.2f} times the rate of threads")


if __name__ == "__main__":
    main()
