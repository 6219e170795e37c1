"""`make bench-quality`: what so many minutes of training on this machine can draw.

Ours and the peers' see the same images for the same time, and the same classifier looks at
as many samples of each. What was finished is kept in the folder, so a benchmark that was
stopped goes on; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import environment, machine
from tests.benchmarks.quality.choices import CHOICES, OURS, WITHOUT_CLASSES, changed_to
from tests.benchmarks.quality.judge import Judge
from tests.benchmarks.quality.page import page
from tests.benchmarks.quality.peer import QUALITY_PEERS
from tests.benchmarks.quality.project import Project
from tests.benchmarks.rounds import ROOT, environment_of_a_worker

Row = dict[str, Any]


class Benchmark:
    """Its project, its judge and what it kept."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given, self.out = given, given.out
        self.project = Project(self.out / "project")
        self.judge = Judge(self.project.folder, given.samples)

    def ours(self, name: str, seed: int, minutes: float, asked: list[str]) -> Row:
        """A training of ours."""

        def made() -> tuple[Row, np.ndarray]:
            clock = [f"training.minutes={minutes:g}", f"seed={seed}"]
            label = _label(name, seed, minutes)
            told = self.project.learned(label, self.given.samples, [*asked, *clock])
            batch = told["model"]["config"]["training"]["batch_size"]
            row = {
                "steps": told["model"]["step"],
                "images": told["model"]["step"] * batch,
                "seconds": told["model"]["training_seconds"],
                "sampling_seconds": told["sampling_seconds"],
                "evaluations": told["samples"]["evaluations"],
                "sampler": told["samples"]["sampler"],
            }
            return row, self.project.samples(label)

        return self._kept(_label(name, seed, minutes), made)

    def peer(self, name: str, python: Path) -> Row:
        """A training of a peer."""
        label = _label(name, 0, self.given.minutes)

        def made() -> tuple[Row, np.ndarray]:
            target = self.out / label
            target.mkdir(parents=True, exist_ok=True)
            asked = {
                "name": name,
                "seed": 0,
                "images": str(self.project.folder / "data" / "prepared" / "images.npy"),
                "count": len(self.judge.data.train),
                "seconds": self.given.minutes * 60,
                "samples": self.given.samples,
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

        return self._kept(label, made)

    def _kept(self, label: str, made: Callable[[], tuple[Row, np.ndarray]]) -> Row:
        """What was measured before under this label, or is now."""
        path = self.out / f"{label}.json"
        if path.is_file():
            print(f"bench-quality: {label} is kept", flush=True)
        else:
            print(f"bench-quality: {label}", flush=True)
            row, samples = made()
            row |= self.judge(samples) | {"load": machine.load()}
            np.save(self.out / f"{label}.npy", samples)
            path.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
            print(f"bench-quality: {label}: {row['distance']:.2f}", flush=True)
        found: Row = json.loads(path.read_text(encoding="utf-8"))
        return found


def _label(name: str, seed: int, minutes: float) -> str:
    return f"{name.replace(' ', '_')}-{minutes:g}m-{seed}"


def main() -> None:
    given = _parser().parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    benchmark = Benchmark(given)
    seeds = range(given.seeds)
    contest: dict[str, list[Row]] = {}
    if not given.alone:
        python = environment.made(given.environment)
        contest |= {name: [benchmark.peer(name, python)] for name in QUALITY_PEERS}
    for name, asked in (("snowmelt", OURS), ("snowmelt without classes", WITHOUT_CLASSES)):
        contest[name] = [benchmark.ours(name, s, given.minutes, asked) for s in seeds]
    content: dict[str, Any] = {"machine": machine.described(), "contest": contest}
    content |= {"plan": {"minutes": given.minutes, "samples": given.samples}}
    content |= {"floor": benchmark.judge.floor}
    content |= {"floor_recognised": benchmark.judge.recognised, "choices": {}}
    if given.choices:
        content["plan"]["choice_minutes"] = given.choices
        content["base"] = [
            benchmark.ours("snowmelt", s, given.choices, OURS) for s in seeds
        ]
        content["choices"] = {
            name: [
                benchmark.ours(name, s, given.choices, changed_to(OURS, changed))
                for s in seeds
            ]
            for name, changed in CHOICES.items()
        }
    (given.out / "quality.json").write_text(json.dumps(content, indent=2) + "\n")
    (given.out / "quality.md").write_text(page(content), encoding="utf-8")
    print(page(content))
    print(f"pictures and numbers: {given.out}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-quality", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each training")
    parser.add_argument("--samples", type=int, default=2000, help="that are judged")
    parser.add_argument("--seeds", type=int, default=3, help="of ours")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument(
        "--choices", type=float, metavar="MINUTES", help="what each choice is worth, too"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench-quality")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    return parser


if __name__ == "__main__":
    sys.exit(main())
