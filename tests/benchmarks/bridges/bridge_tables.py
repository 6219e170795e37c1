"""What was found beside what was published, as Markdown and as rows of a CSV table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.benchmarks import machine
from tests.benchmarks.bridges.cells import SHORT, SHORT_ROWS, TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import PLANE
from tests.benchmarks.bridges.gaussian_table import gaussian_table
from tests.benchmarks.bridges.measured_cells import Cell, measured_cells, spread, value
from tests.benchmarks.bridges.published import (
    DISTANCES,
    ENERGIES,
    SHORT_DISTANCES,
    SHORT_ENERGIES,
    Value,
)


def page(protocol: Protocol, seconds: float) -> str:
    """The tables of what was measured so far.

    Args:
        seconds: of all the work so far, added over processes.
    """
    parts = [_head(protocol, seconds)]
    rows = list(measured_cells(protocol))
    if rows:
        parts += [_plane(rows), _verdict(rows), _floors(protocol), _short(rows)]
    gaussian = gaussian_table(protocol)
    if gaussian:
        parts.append(gaussian)
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(protocol: Protocol, seconds: float) -> str:
    plans = protocol.planned_steps()
    repeated = (
        ""
        if plans >= protocol.steps
        else f" The plans of the first {plans:,} batches serve again and again, with other"
        " times and other noise on the way."
    )
    return (
        f"{machine.told(machine.described())}; {seconds / 60:.0f} minutes of one core."
        f" Means and deviations over {len(protocol.seeds)} seeds, of averaged weights over"
        f" {len(protocol.few)}. {protocol.points:,}"
        " points to train and as many to test, perceptrons of 3 x 64 with SELU on"
        f" (time, point), AdamW at 1e-3, {protocol.steps:,} steps of {protocol.batch}"
        f" pairs, {protocol.sampling_steps} steps of Euler's rule, or of Euler and"
        " Maruyama's for bridges. Measured are the weights of each seed that had the least"
        f" loss on the points to validate on, every ten epochs.{repeated}"
        " `make bench-bridges` makes this page."
    )


def _plane(rows: Sequence[Cell]) -> str:
    lines = [
        "W2 from the test points; how far it is above the published one, in two of the"
        " published deviations (between -1 and 1 is within them); how far both are above"
        " the floor of our points; W2 by the averaged weights; and the energy of the paths"
        " beyond the least, as a share of it.",
        "",
        "| pair | method | ours | published | off | above the floor | published"
        " | averaged weights | path energy | published |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        told = ENERGIES.get(row.method, {}).get(row.pair)
        cells = [
            row.pair,
            row.method,
            spread(row.ours),
            spread(row.published),
            "" if row.off is None else f"{row.off:+.2f}",
            _above(row.ours, row.floor),
            _above(row.published, row.floor),
            _spread_of(row.distances["average"]),
            _spread_of(row.excess),
            spread(told),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _above(told: Value | None, floor: float | None) -> str:
    return "" if told is None or floor is None else f"{told.mean - floor:+.3f}"


def _spread_of(values: Sequence[float]) -> str:
    return spread(value(values)) if values else ""


def _verdict(rows: Sequence[Cell]) -> str:
    compared = [row for row in rows if row.published is not None]
    if not compared:
        return ""
    offs = np.array([row.off for row in compared], dtype=float)
    above = [f"{row.method} on {row.pair}" for row in compared if (row.off or 0.0) > 1.0]
    lower = sum(row.is_lower("best") for row in compared)
    averaged = [row for row in compared if row.distances["average"]]
    others = sum(row.is_lower("average") for row in averaged)
    total = sum(len(row) for row in DISTANCES.values())
    is_met = not above and 2 * lower >= len(compared)
    return (
        f"Of {len(compared)} published distances, of {total} in all,"
        f" {int((np.abs(offs) <= 1).sum())} are met"
        f" within two deviations, and {int((offs < -1).sum())} are further off to the"
        f" better; {len(above)} to the worse{': ' if above else ''}{', '.join(above)}."
        f" Ours is lower in {lower} of {len(compared)}, with averaged weights in {others}"
        f" of {len(averaged)}. That every row be within two deviations or better, and ours"
        f" lower in at least half of them, is {'met' if is_met else 'not met'}"
        f"{'' if len(compared) == total else ' by those that are here'}."
    )


def _short(rows: Sequence[Cell]) -> str:
    there = [row for row in rows if row.method in SHORT_ROWS and row.distances["short"]]
    if not there:
        return ""
    seeds = max(len(row.distances["short"]) for row in there)
    lines = [
        f"The same flows by the best weights in {SHORT} steps, beside the table of Shi et"
        f" al. (2023), over {seeds} seed{'' if seeds == 1 else 's'}: W2, and the energy of"
        " the paths itself. Published as DSBM-IMF is their DSBM-IMF+.",
        "",
        "| pair | method | ours | published | energy | published |",
        "|---|---|---|---|---|---|",
    ]
    for row in there:
        told = SHORT_DISTANCES[row.method].get(row.pair)
        energy = SHORT_ENERGIES.get(row.method, {}).get(row.pair)
        lines.append(
            f"| {row.pair} | {row.method} | {_spread_of(row.distances['short'])}"
            f" | {spread(told)} | {spread(value(row.energies['short']), 2)}"
            f" | {spread(energy, 2)} |"
        )
    return "\n".join(lines)


def _floors(protocol: Protocol) -> str:
    lines = [
        "What other true points come to, and how far the two ends are apart:",
        "",
        "| pair | floor of W2 | W2 of the two ends, squared |",
        "|---|---|---|",
    ]
    for pair in PLANE:
        rows = found(protocol, pair.name, TRUE)
        if rows:
            floor = value([row["floor"] for row in rows])
            ends = value([row["ends"] ** 2 for row in rows])
            lines.append(f"| {pair.name} | {spread(floor)} | {spread(ends, 2)} |")
    return "\n".join(lines) if len(lines) > 4 else ""


def csv_rows(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """The table of the plane, a row for each method on each pair."""
    for row in measured_cells(protocol):
        published = row.published
        yield {
            "pair": row.pair,
            "method": row.method,
            "seeds": len(row.distances["best"]),
            "w2": row.ours.mean,
            "w2_deviation": row.ours.deviation,
            "published": None if published is None else published.mean,
            "published_deviation": None if published is None else published.deviation,
            "off": row.off,
            "w2_averaged": np.mean(row.distances["average"] or np.nan),
            "floor": row.floor,
            "w2_in_few_steps": np.mean(row.distances["short"] or np.nan),
            "path_energy": np.mean(row.excess or np.nan),
        }
