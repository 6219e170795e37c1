"""`make bench-quality`: what so many minutes of training on this machine can draw.

Ours and the peers' see the same images for the same time, and the same classifier looks at
as many samples of each. What was finished is kept in the folder, so a benchmark that was
stopped goes on; remove the folder to measure anew.

`--choices MINUTES` measures instead what each choice of ours is worth: short trainings,
each in one thread, as many at once as there are processors, with one choice undone. Half as
many samples are judged.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import environment, machine
from tests.benchmarks.quality.choices import (
    ALONE,
    CHOICES,
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
        self, name: str, seed: int, asked: Sequence[str], threads: int | None = None
    ) -> Row:
        """A training of ours; by one process with so many threads, if they are given."""
        label = self._label(name, seed)

        def made() -> tuple[Row, np.ndarray]:
            chosen = [*asked, f"training.minutes={self.minutes:g}", f"seed={seed}"]
            told = self.learning.learned(label, self.samples, chosen, threads)
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
        return f"{name.replace(' ', '_')}-{self.minutes:g}m-{self.samples}-{seed}"


def contest(benchmark: Benchmark, seeds: int, python: Path | None) -> dict[str, Any]:
    """Ours beside the peers; without them if there is no `python` of theirs."""
    rows: dict[str, list[Row]] = {}
    if python is not None:
        rows |= {name: [benchmark.peer(name, python)] for name in QUALITY_PEERS}
    asked = {"snowmelt": OURS, "snowmelt without classes": WITHOUT_CLASSES}
    for name, chosen in asked.items():
        settings = [*chosen, *PROCESSES]
        rows[name] = [benchmark.ours(name, seed, settings) for seed in range(seeds)]
    return benchmark.content() | {"contest": rows}


def choices(benchmark: Benchmark, seeds: int, jobs: int) -> dict[str, Any]:
    """Each choice undone, in one thread, `jobs` of them at once."""
    waiting: dict[str, list[Future[Row]]] = {}
    with ThreadPoolExecutor(jobs) as pool:
        for name, changed in {NOTHING: [], **CHOICES}.items():
            asked = last_of_each([*ALONE, *changed])
            waiting[name] = [
                pool.submit(benchmark.ours, name, seed, asked, 1) for seed in range(seeds)
            ]
    rows = {name: [one.result() for one in some] for name, some in waiting.items()}
    return benchmark.content() | {"choices": rows}


def main() -> None:
    given = _parser().parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    learning = Learning(given.out / "project")
    if given.choices is None:
        benchmark = Benchmark(given.out, learning, given.minutes, given.samples)
        python = None if given.alone else environment.made(given.environment)
        name, content = "contest", contest(benchmark, given.seeds, python)
    else:
        benchmark = Benchmark(given.out, learning, given.choices, given.samples // 2)
        jobs = os.cpu_count() or 1
        name, content = "choices", choices(benchmark, given.seeds, jobs)
    (given.out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    (given.out / f"{name}.md").write_text(page(content), encoding="utf-8")
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
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench-quality")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    return parser


if __name__ == "__main__":
    main()
