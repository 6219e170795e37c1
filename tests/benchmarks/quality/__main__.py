"""`make bench-quality`: what so many minutes of training on this machine can draw.

Ours and the peers' see the same images for the same time, and the same classifier looks at
as many samples of each. What was finished is kept in the folder, so a benchmark that was
stopped goes on; remove the folder to measure anew.

`--choices MINUTES` measures instead what each choice of ours is worth: short trainings,
each in one thread, as many at once as there are processors, with one choice undone. Half as
many samples are judged. The most telling choices come first, and the page is written after
each of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import environment, machine
from tests.benchmarks.quality.choices import (
    ALONE,
    CHOICES,
    DRAWN,
    NOTHING,
    OURS,
    PROCESSES,
    WITHOUT_CLASSES,
)
from tests.benchmarks.quality.judge import Judge
from tests.benchmarks.quality.learning import Learning
from tests.benchmarks.quality.page import page
from tests.benchmarks.quality.peer import QUALITY_PEERS
from tests.benchmarks.rounds import environment_of_a_worker
from tests.project import ROOT, last_of_each

Row = dict[str, Any]
Tell = Callable[[dict[str, Any]], None]


class Benchmark:
    """Our trainings, and what it kept of one length of training and one number of samples.

    Args:
        out: the folder of all that is kept.
        minutes: of each training.
        samples: that are drawn and judged of each.
    """

    def __init__(self, out: Path, learning: Learning, minutes: float, samples: int) -> None:
        self.out, self.learning = out, learning
        self.minutes, self.samples = minutes, samples
        self.judge, self._turn = Judge(learning.folder, samples), threading.Lock()

    def ours(
        self,
        name: str,
        seed: int,
        asked: Sequence[str],
        threads: int | None = None,
        of: str | None = None,
    ) -> Row:
        """A training of ours; by one process with so many threads, if they are given.

        Args:
            of: the name of a training that is there, to sample it only.
        """
        label = self._label(name, seed)

        def made() -> tuple[Row, np.ndarray]:
            chosen = [*asked, f"training.minutes={self.minutes:g}", f"seed={seed}"]
            if of is None:
                told = self.learning.learned(label, self.samples, chosen, threads)
            else:
                there = self._label(of, seed)
                told = self.learning.drawn(label, self.samples, chosen, threads, of=there)
            step, trained = told["model"]["step"], told["model"]["config"]["training"]
            row = {
                "steps": step,
                "images": step * trained["batch_size"],
                "seconds": told["model"]["training_seconds"],
                "sampling_seconds": told["sampling_seconds"],
                "evaluations": told["samples"]["evaluations"],
                "sampler": told["samples"]["sampler"],
            }
            return row, self.learning.samples(label)

        return self.kept(label, made)

    def peer(self, name: str, python: Path) -> Row:
        """A training of a peer."""
        label = self._label(name, 0)

        def made() -> tuple[Row, np.ndarray]:
            target = self.out / label
            target.mkdir(parents=True, exist_ok=True)
            asked = {
                "name": name,
                "seed": 0,
                "images": str(self.learning.folder / "data" / "prepared" / "images.npy"),
                "count": len(self.judge.data.train),
                "seconds": self.minutes * 60,
                "samples": self.samples,
                "target": str(target),
            }
            subprocess.run(
                [python, "-m", "tests.benchmarks.quality.peer", json.dumps(asked)],
                env=environment_of_a_worker(),
                cwd=ROOT,
                check=True,
            )
            told = json.loads((target / "told.json").read_text(encoding="utf-8"))
            return told, np.load(target / "samples.npy")

        return self.kept(label, made)

    def kept(self, label: str, made: Callable[[], tuple[Row, np.ndarray]]) -> Row:
        """What was measured before under this label, or is now."""
        path = self.out / f"{label}.json"
        if path.is_file():
            print(f"bench-quality: {label} is kept", flush=True)
        else:
            print(f"bench-quality: {label}", flush=True)
            row, samples = made()
            with self._turn:
                row |= self.judge(samples) | {"load": machine.load()}
            np.save(self.out / f"{label}.npy", samples)
            path.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
            print(f"bench-quality: {label}: {row['distance']:.2f}", flush=True)
        found: Row = json.loads(path.read_text(encoding="utf-8"))
        return found

    def content(self) -> dict[str, Any]:
        """What every page tells first."""
        return {
            "machine": machine.described(),
            "minutes": self.minutes,
            "samples": self.samples,
            "floor": self.judge.floor,
            "floor_recognised": self.judge.recognised,
        }

    def _label(self, name: str, seed: int) -> str:
        return f"{folder_name(name)}-{self.minutes:g}m-{self.samples}-{seed}"


def folder_name(name: str) -> str:
    """A name for a folder in an override, where a comma would give several values."""
    return re.sub("[ ,]+", "_", name)


def contest(
    benchmark: Benchmark, seeds: int, python: Path | None, tell: Tell
) -> dict[str, Any]:
    """Ours beside the peers; without them if there is no `python` of theirs.

    Args:
        tell: is given what there is after each training.
    """
    rows: dict[str, list[Row]] = {}

    def measured(name: str, row: Row) -> None:
        rows.setdefault(name, []).append(row)
        tell(benchmark.content() | {"contest": rows})

    if python is not None:
        for name in QUALITY_PEERS:
            measured(name, benchmark.peer(name, python))
    asked = {"snowmelt": OURS, "snowmelt without classes": WITHOUT_CLASSES}
    for name, chosen in asked.items():
        for seed in range(seeds):
            measured(name, benchmark.ours(name, seed, [*chosen, *PROCESSES]))
    return benchmark.content() | {"contest": rows}


def choices(
    benchmark: Benchmark,
    seeds: int,
    jobs: int,
    tell: Tell,
    undone: Collection[str] | None = None,
) -> dict[str, Any]:
    """Each choice undone, in one thread, `jobs` of them at once.

    Args:
        tell: is given what there is after each of them.
        undone: the choices; None: all. The training with nothing undone stands beside them.
    """
    undone = (*CHOICES, *DRAWN) if undone is None else undone
    found: dict[str, dict[int, Row]] = {}
    trained = (NOTHING, *(name for name in CHOICES if name in undone))
    of_training = [(name, seed) for name in trained for seed in range(seeds)]
    of_sampling = [
        (name, seed) for name in DRAWN for seed in range(seeds) if name in undone
    ]

    def measured(name: str, seed: int) -> Row:
        asked = last_of_each([*ALONE, *{**CHOICES, **DRAWN}.get(name, [])])
        of = NOTHING if name in DRAWN else None
        return benchmark.ours(name, seed, asked, 1, of)

    def content() -> dict[str, Any]:
        names = [name for name in (NOTHING, *CHOICES, *DRAWN) if name in found]
        rows = {name: [found[name][seed] for seed in sorted(found[name])] for name in names}
        return benchmark.content() | {"choices": rows}

    with ThreadPoolExecutor(jobs) as pool:
        first = of_training[:seeds]
        for group in (first, of_sampling + of_training[seeds:]):
            waiting = {pool.submit(measured, *one): one for one in group}
            for done in as_completed(waiting):
                name, seed = waiting[done]
                found.setdefault(name, {})[seed] = done.result()
                if NOTHING in found:
                    tell(content())
    return content()


def main() -> None:
    given = _parser().parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    learning = Learning(given.out / "project")
    name = "contest" if given.choices is None else "choices"

    def tell(content: dict[str, Any]) -> None:
        (given.out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
        (given.out / f"{name}.md").write_text(page(content), encoding="utf-8")

    if given.choices is None:
        benchmark = Benchmark(given.out, learning, given.minutes, given.samples)
        python = None if given.alone else environment.made(given.environment)
        content = contest(benchmark, given.seeds, python, tell)
    else:
        benchmark = Benchmark(given.out, learning, given.choices, given.samples // 2)
        jobs = os.cpu_count() or 1
        content = choices(benchmark, given.seeds, jobs, tell, given.only)
    tell(content)
    print(page(content))
    print(f"tables: {given.out / name}.md   samples: {given.out}/*.npy")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-quality", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--samples", type=int, default=2000, help="that are judged")
    parser.add_argument("--seeds", type=int, default=3, help="of ours")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument(
        "--choices", type=float, metavar="MINUTES", help="what each choice is worth"
    )
    names = (*CHOICES, *DRAWN)
    parser.add_argument(
        "--only", nargs="+", choices=names, default=names, help="of these choices"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench-quality")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    return parser


if __name__ == "__main__":
    main()
