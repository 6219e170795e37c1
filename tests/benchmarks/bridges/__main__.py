"""`make bench-bridges`: published tables of flows and bridges, with the parts of snowmelt.

Every row of the tables is a coupling, an interpolant and a loss of this package, trained
and measured as in the papers. What was finished is kept in the folder, so a benchmark that
was stopped goes on; remove the folder to measure anew.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from snowmelt.common.csv_table import write_csv
from snowmelt.common.files import new_file, read_json, write_json
from tests.benchmarks.arguments import count, existing_file, folder
from tests.benchmarks.bridges import measured_before
from tests.benchmarks.bridges.bridge_tables import csv_rows, page
from tests.benchmarks.bridges.cell_pieces import pieces
from tests.benchmarks.bridges.cells import Protocol
from tests.benchmarks.bridges.distributions import PAIRS, SHARED
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.work import done
from tests.project import ROOT


def tell(protocol: Protocol, seconds: dict[str, float]) -> None:
    """Write the tables of what there is, and every result in one file."""
    measured_before.write(protocol, seconds, protocol.out / "measured.json")
    with new_file(protocol.out / "bridges.md") as draft:
        draft.write_text(page(protocol, sum(seconds.values())), encoding="utf-8")
    write_csv(protocol.out / "bridges.csv", list(csv_rows(protocol)))


def main(asked: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(asked)
    protocol = Protocol(
        given.out.resolve(),
        seeds=tuple(SHARED + number for number in range(given.seeds)),
        steps=given.steps,
        points=given.points,
    )
    protocol.folder.mkdir(parents=True, exist_ok=True)
    path = protocol.folder / measured_before.SECONDS
    seconds = read_json(path, made_by="bench") if path.is_file() else {}
    if given.before:
        seconds = measured_before.take_over(protocol, given.before) | seconds
    todo = list(pieces(protocol, given.pairs, given.rows))
    left = measured_before.still_needed(todo, seconds)
    known = {one.name for one in left}
    left = [one.waiting_for(known) for one in left]
    print(f"bench-bridges: {len(todo) - len(left)} of {len(todo)} pieces of work are kept")
    for name, taken in done(left, given.jobs):
        seconds[name] = taken
        write_json(path, seconds)
        tell(protocol, seconds)
    tell(protocol, seconds)
    print((protocol.out / "bridges.md").read_text(encoding="utf-8"))
    print(f"tables: {protocol.out}/bridges.md, bridges.csv, measured.json")
    print(f"kept: {protocol.folder}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench-bridges", description=__doc__)
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=list(PAIRS))
    parser.add_argument("--rows", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument(
        "--seeds", type=count, default=5, help=f"how many, from {SHARED} on"
    )
    parser.add_argument("--steps", type=count, default=Protocol.steps, help="of a training")
    parser.add_argument(
        "--points", type=count, default=Protocol.points, help="to train, and to test"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="processes, of one thread each; 0: this one",
    )
    parser.add_argument(
        "--before",
        type=existing_file,
        help="measured.json of another day, whose results stay",
    )
    parser.add_argument("--out", type=folder, default=ROOT / "outputs" / "bench-bridges")
    return parser


if __name__ == "__main__":
    main()
