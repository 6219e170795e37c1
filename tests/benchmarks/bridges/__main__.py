"""`make bench-bridges`: published tables of flows and bridges, with the parts of snowmelt.

Every row of the tables is a coupling, an interpolant and a loss of this package, trained
and measured as in the papers. What was finished is kept in the folder, so a benchmark that
was stopped goes on; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from snowmelt.common.csv_table import write_csv
from snowmelt.common.files import new_file, read_json, write_json
from tests.benchmarks.bridges import cells, gaussian_bridge
from tests.benchmarks.bridges.bridge_tables import csv_rows, page
from tests.benchmarks.bridges.cells import Protocol
from tests.benchmarks.bridges.distributions import GAUSSIAN, PAIRS
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.work import Tick, Work, done
from tests.project import ROOT

# Processor minutes of one piece of work on the machine of docs/bridges.md, for the bar.
PLANS, TRAINING, DISTANCE = 0.5, 2.0, 0.3


def pieces(
    protocol: Protocol, pairs: Sequence[str], rows: Sequence[str], averaged: bool
) -> Iterator[Work]:
    """All that is to do for these cells, in order."""
    gaussian = {pair.name for pair in GAUSSIAN}
    for pair in pairs:
        is_gaussian = pair in gaussian
        wanted = [row for row in rows if not is_gaussian or row in gaussian_bridge.ROWS]
        if not all(METHODS[row].coupling.is_independent for row in wanted):
            for seed in protocol.seeds:
                find = partial(_quietly, cells.find_plans, protocol, pair, seed)
                yield Work(_plans(pair, seed), find, PLANS)
        if is_gaussian:
            measure = partial(_quietly, gaussian_bridge.measure_exact, protocol, pair)
            yield Work(f"{pair}: {cells.TRUE}", measure, 0.1)
            for row in wanted:
                does = partial(_gaussian, protocol, pair, row)
                yield Work(f"{pair}: {row}", does, _size(row), _before(protocol, pair, row))
            continue
        for row in wanted:
            does = partial(_train, protocol, pair, row)
            yield Work(f"{pair}: {row}", does, _size(row), _before(protocol, pair, row))
            for seed in protocol.seeds:
                for weights in ("last", "average") if averaged else ("last",):
                    does = partial(
                        _quietly, cells.measure, protocol, pair, row, weights, seed
                    )
                    name = f"{pair}: {row}, distance {weights} {seed}"
                    yield Work(name, does, DISTANCE, (f"{pair}: {row}",))
        for seed in protocol.seeds:
            does = partial(_quietly, cells.measure_truth, protocol, pair, seed)
            yield Work(f"{pair}: {cells.TRUE} {seed}", does, 2 * DISTANCE)


def _before(protocol: Protocol, pair: str, row: str) -> tuple[str, ...]:
    if METHODS[row].coupling.is_independent:
        return ()
    return tuple(_plans(pair, seed) for seed in protocol.seeds)


def _plans(pair: str, seed: int) -> str:
    return f"{pair}: plans {seed}"


def _size(row: str) -> float:
    method = METHODS[row]
    return TRAINING * (2.0 if method.is_bridge else 1.0) * (1.3 if method.rounds > 1 else 1)


def _quietly(does: Any, *given: Any) -> None:
    *asked, _ = given
    does(*asked)


def _train(protocol: Protocol, pair: str, row: str, tick: Tick) -> None:
    cells.train(protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps))


def _gaussian(protocol: Protocol, pair: str, row: str, tick: Tick) -> None:
    gaussian_bridge.measure_bridge(
        protocol, pair, row, lambda steps: tick(0.9 * steps / protocol.steps)
    )


def tell(protocol: Protocol, seconds: float) -> None:
    """Write the tables of what there is."""
    with new_file(protocol.out / "bridges.md") as draft:
        draft.write_text(page(protocol, seconds), encoding="utf-8")
    write_csv(protocol.out / "bridges.csv", list(csv_rows(protocol)))


def main(asked: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(asked)
    protocol = Protocol(
        given.out.resolve(),
        seeds=tuple(range(given.seeds)),
        steps=given.steps,
        points=given.points,
    )
    protocol.folder.mkdir(parents=True, exist_ok=True)
    path = protocol.folder / "seconds.json"
    seconds = read_json(path, made_by="bench") if path.is_file() else {}
    todo = list(pieces(protocol, given.pairs, given.rows, given.averaged))
    left = [one for one in todo if one.name not in seconds]
    known = {one.name for one in left}
    left = [one.waiting_for(known) for one in left]
    print(f"bench-bridges: {len(todo) - len(left)} of {len(todo)} pieces of work are kept")
    for name, taken in done(left, given.jobs):
        seconds[name] = taken
        write_json(path, seconds)
        tell(protocol, sum(seconds.values()))
    tell(protocol, sum(seconds.values()))
    print((protocol.out / "bridges.md").read_text(encoding="utf-8"))
    print(f"tables: {protocol.out}/bridges.md, bridges.csv   kept: {protocol.folder}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-bridges", description=__doc__)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--rows", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=5, help="how many")
    parser.add_argument("--steps", type=int, default=Protocol.steps, help="of a training")
    parser.add_argument(
        "--points", type=int, default=Protocol.points, help="to train, and to test"
    )
    parser.add_argument(
        "--averaged", action="store_true", help="measure the averaged weights too"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes, of one thread each; 0: this one",
    )
    parser.add_argument("--out", type=Path, default=ROOT / "outputs" / "bench-bridges")
    return parser


if __name__ == "__main__":
    main()
