"""`make bench`: the speed of training and sampling beside other libraries, on this machine.

Everything is measured in turns and told with its spread, the processor and the load. It
writes outputs/bench/bench.json, and bench.md to paste into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snowmelt.pipeline.shared_machine import SPIN
from tests.benchmarks import environment, machine, networks, tables
from tests.benchmarks.neighbours import busy
from tests.benchmarks.rounds import ROOT, Contestant, in_turn, rate, ratio, started
from tests.benchmarks.train_command import TrainCommand

# How the threads of a process wait for each other: as the command sets it, and otherwise.
WAITING = {
    "a short spin": {"GOMP_SPINCOUNT": SPIN},
    "as torch comes": {},
    "no spin": {"OMP_WAIT_POLICY": "PASSIVE"},
    "one thread": {"OMP_NUM_THREADS": "1"},
}
OURS = "snowmelt"
PARTS = ("peak", "training", "sampling", "command", "busy")


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int = 5
    seconds: float = 6.0  # of each contestant in each round
    steps: int = 700  # of `snowmelt train`, with one picture among them
    batch: int = 64
    sampling_batch: int = 250
    neighbours: tuple[int, ...] = (0, 1, 4)
    waiting: tuple[str, ...] = tuple(WAITING)
    compiles: bool = True


QUICK = Plan(
    rounds=1,
    seconds=0.01,
    steps=10,
    batch=2,
    sampling_batch=2,
    neighbours=(0, 1),
    waiting=("a short spin",),
    compiles=False,
)


def main() -> None:
    given = _parser().parse_args()
    plan = QUICK if given.quick else Plan()
    python = Path(sys.executable)
    ours = networks.read(given.net)
    content = before(given.out / "bench.json", given.only or PARTS)
    content = joined(content, {"machine": machine.described(), "plan": vars(plan)})
    names = [OURS] if given.alone else [OURS, *networks.PEERS]
    of_peers = python if given.alone else environment.made(given.environment)
    pythons = {name: python if name == OURS else of_peers for name in names}
    parts: dict[str, Callable[[], Any]] = {
        "peak": lambda: peak(plan, python),
        "training": lambda: training(plan, pythons, ours),
        "sampling": lambda: sampling(plan, pythons, ours),
        "command": lambda: command(plan, ours),
        "busy": lambda: on_a_busy_machine(plan, python, ours),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.only or parts:
        content[name] = parts[name]()
        content["machine"]["load_after"] = machine.load()
        # After each part: the whole takes most of an hour.
        (given.out / "bench.json").write_text(json.dumps(content, indent=2) + "\n")
        (given.out / "bench.md").write_text(tables.page(content))
    print(tables.page(content))
    print(f"numbers: {given.out / 'bench.json'}   tables: {given.out / 'bench.md'}")


def before(path: Path, measured_now: Sequence[str]) -> dict[str, Any]:
    """What was measured before and is not measured now; nothing where nothing is left."""
    if not path.exists():
        return {}
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    left = {name: content[name] for name in PARTS if name in content}
    left = {name: part for name, part in left.items() if name not in measured_now}
    return {name: content[name] for name in ("machine", "plan")} | left if left else {}


def joined(content: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """What was measured before, with the machine and the plan of now.

    Raises:
        SystemExit: they are others, and one page cannot tell of both.
    """
    now = json.loads(json.dumps(now))  # as a file holds it: lists for tuples
    for section in content and now:
        for key, value in now[section].items():
            known = content[section].get(key, value)
            if key != "load" and known != value:
                raise SystemExit(
                    f"what was measured before is of another {section} ({key}: {known}, now"
                    f" {value}): give another folder by --out, or measure all of it"
                )
    return {**content, **now}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="all of it once, tiny")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--only", nargs="+", choices=PARTS, help="some of its parts")
    parser.add_argument("--net", type=Path, default=networks.OURS, help="our network")
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-bench")
    return parser


def waits(name: str) -> tuple[tuple[str, str], ...]:
    """How the threads of a contestant wait: ours as our commands let them."""
    return tuple(WAITING["a short spin"].items()) if name == OURS else ()


def peak(plan: Plan, python: Path) -> dict[str, float]:
    """GFLOP a second of a product of matrices, in either kind of numbers."""
    with started([Contestant("", h, python, "peak") for h in ("fp32", "bf16")], {}) as both:
        found = in_turn(both, plan.rounds, min(plan.seconds, 1.0), "peak")
        return {
            worker.contestant.how: rate(seconds, worker.about["flops"])["median"] / 1e9
            for worker, seconds in zip(both, found, strict=True)
        }


def training(plan: Plan, pythons: dict[str, Path], ours: dict[str, Any]) -> list[Any]:
    """Images a second of full steps: as shipped, in bf16, and what else helps."""
    asked = [(name, how) for name in pythons for how in ("fp32", "bf16", "bf16_nhwc")]
    asked.remove((OURS, "bf16_nhwc"))
    asked += [(OURS, "conv_bf16"), *([(OURS, "compiled")] if plan.compiles else [])]
    contestants = [
        Contestant(n, h, pythons[n], batch=plan.batch, environment=waits(n))
        for n, h in asked
    ]
    with started(contestants, ours) as workers:
        found = in_turn(workers, plan.rounds, plan.seconds, "training")
        rows = [
            {"name": w.contestant.name, "how": w.contestant.how, **w.about}
            | {"images": rate(seconds, plan.batch)}
            for w, seconds in zip(workers, found, strict=True)
        ]
        for row, seconds in zip(rows, found, strict=True):
            row["times_shipped"] = times_shipped(row["name"], seconds, rows, found)
            if row["how"] in ("fp32", "bf16"):
                row["profile"] = workers[rows.index(row)].ask("profile")
    return rows


def times_shipped(
    name: str,
    seconds: Sequence[float],
    rows: Sequence[Mapping[str, Any]],
    found: Sequence[Sequence[float]],
) -> dict[str, dict[str, float]]:
    """How many times as fast one row is as each other network as it is shipped."""
    return {
        row["name"]: ratio(seconds, theirs)
        for row, theirs in zip(rows, found, strict=True)
        if row["how"] == "fp32" and row["name"] != name
    }


def sampling(plan: Plan, pythons: dict[str, Path], ours: dict[str, Any]) -> list[Any]:
    """Evaluations of the network a second, an image each."""
    ours_too = ("bf16", "compiled") if plan.compiles else ("bf16",)
    asked = [(name, "fp32") for name in pythons] + [(OURS, how) for how in ours_too]
    size = plan.sampling_batch
    contestants = [Contestant(n, h, pythons[n], "sample", size, waits(n)) for n, h in asked]
    with started(contestants, ours) as workers:
        found = in_turn(workers, plan.rounds, plan.seconds, "sampling")
    return [
        {"name": name, "how": how, "evaluations": rate(seconds, size)}
        for (name, how), seconds in zip(asked, found, strict=True)
    ]


def command(plan: Plan, ours: dict[str, Any]) -> dict[str, Any]:
    """The command beside the bare step, in turns."""
    python, waiting = Path(sys.executable), waits(OURS)
    bare = Contestant(OURS, "fp32", python, batch=plan.batch, environment=waiting)
    with tempfile.TemporaryDirectory() as folder, started([bare], ours) as (worker,):
        whole = TrainCommand(Path(folder) / "project", ours, plan.batch)
        rounds = range(min(plan.rounds, 2))
        shares = [whole.share_of(worker, plan.steps, plan.seconds) for _ in rounds]
    return {"share_of_bare": rate([1 / one for one in shares], 1), "steps": plan.steps}


def on_a_busy_machine(plan: Plan, python: Path, ours: dict[str, Any]) -> list[Any]:
    """Training and sampling beside busy processes, by how threads wait."""
    kinds = {"train": plan.batch, "sample": plan.sampling_batch}
    contestants = [
        Contestant(OURS, "fp32", python, kind, size, tuple(variables.items()))
        for kind, size in kinds.items()
        for variables in map(WAITING.__getitem__, plan.waiting)
    ]
    found: dict[int, list[list[float]]] = {count: [] for count in plan.neighbours}
    with started(contestants, ours) as workers:
        for count in plan.neighbours:
            with busy(count):
                told = f"beside {count} busy"
                found[count] = in_turn(workers, plan.rounds, plan.seconds, told)
    rows = []
    for place, one in enumerate(contestants):
        waiting = plan.waiting[place % len(plan.waiting)]
        images = {n: rate(found[n][place], one.batch)["median"] for n in plan.neighbours}
        rows.append({"kind": one.kind, "waiting": waiting, "images": images})
    return rows


if __name__ == "__main__":
    main()
