"""What was found beside what was published, as Markdown and as rows of a CSV table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tests.benchmarks import machine
from tests.benchmarks.bridges.cells import SHORT, SHORT_ROWS, TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import PLANE
from tests.benchmarks.bridges.flows import WEIGHTS
from tests.benchmarks.bridges.gaussian_table import gaussian_table
from tests.benchmarks.bridges.measured_cells import Cell, measured_cells, spread, value
from tests.benchmarks.bridges.published import (
    DISTANCES,
    ENERGIES,
    SHORT_DISTANCES,
    SHORT_ENERGIES,
    Value,
)

TOLD = {"best": "weights of least loss", "average": "averaged weights"}


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
        f" Means and deviations over {len(protocol.seeds)} seeds. {protocol.points:,}"
        " points to train and as many to test, perceptrons of 3 x 64 with SELU on"
        f" (time, point), AdamW at 1e-3, {protocol.steps:,} steps of {protocol.batch}"
        f" pairs, {protocol.sampling_steps} steps of Euler's rule, or of Euler and"
        " Maruyama's for bridges. Losses are validated every ten epochs; the average is"
        f" over about the last thousand steps.{repeated}"
        " `make bench-bridges` makes this page."
    )


def _plane(rows: Sequence[Cell]) -> str:
    lines = [
        "W2 from the test points by the weights of least loss, which the papers test, and"
        " by the average of the weights, which a run of snowmelt samples with; after each,"
        " how far it is above the published one, in two of the published deviations"
        " (between -1 and 1 is within them). Then W2 of other true points, and the energy"
        " of the paths by the weights of least loss beyond the least, as a share of it.",
        "",
        "| pair | method | published | least loss | off | averaged | off | true points"
        " | path energy | published |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        told = ENERGIES.get(row.method, {}).get(row.pair)
        cells = [row.pair, row.method, spread(row.published)]
        for weights in WEIGHTS:
            off = row.off(weights)
            cells += [spread(row.ours(weights)), "" if off is None else f"{off:+.2f}"]
        cells.append("" if row.floor is None else f"{row.floor:.3f}")
        cells += [_spread_of(row.excess), spread(told)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _spread_of(values: Sequence[float]) -> str:
    return spread(value(values)) if values else ""


def _verdict(rows: Sequence[Cell]) -> str:
    compared = [row for row in rows if row.published is not None]
    told = [_verdict_by(compared, weights) for weights in WEIGHTS]
    return "\n".join(one for one in told if one)


def _verdict_by(rows: Sequence[Cell], weights: str) -> str:
    """How many rows are within two deviations or better, and how many are lower."""
    there = [row for row in rows if row.ours(weights) is not None]
    if not there:
        return ""
    offs = {f"{row.method} on {row.pair}": row.off(weights) or 0.0 for row in there}
    above = [name for name, off in offs.items() if off > 1.0]
    better = sum(off < -1.0 for off in offs.values())
    lower = sum(row.is_lower(weights) for row in there)
    total = sum(len(row) for row in DISTANCES.values())
    is_met = not above and 2 * lower >= len(there)
    return (
        f"- By the {TOLD[weights]}, of {len(there)} distances of the {total} that were"
        f" published, {len(there) - len(above) - better} are met within two deviations,"
        f" {better} are further off to the better and {len(above)} to the worse"
        f"{': ' if above else ''}{', '.join(above)}. Ours is lower in {lower}. That every"
        " row be within two deviations or better, and ours lower in at least half of them,"
        f" is {'met' if is_met else 'not met'}"
        f"{'' if len(there) == total else ' by those that are here'}."
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
        "What other true points come to, and those of the training, whose law a flow"
        " learns; and how far the two ends are apart:",
        "",
        "| pair | W2 of true points | of training points | of the two ends, squared |",
        "|---|---|---|---|",
    ]
    for pair in PLANE:
        rows = found(protocol, pair.name, TRUE)
        if rows:
            floors = (
                spread(value([row[key] for row in rows])) for key in ("floor", "trained")
            )
            ends = value([row["ends"] ** 2 for row in rows])
            lines.append(f"| {pair.name} | {' | '.join(floors)} | {spread(ends, 2)} |")
    return "\n".join(lines) if len(lines) > 4 else ""


def csv_rows(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """The table of the plane, a row for each method on each pair."""
    for row in measured_cells(protocol):
        yield {
            "pair": row.pair,
            "method": row.method,
            "seeds": len(row.distances["best"]),
            **{f"w2_{weights}": _mean(row.ours(weights)) for weights in WEIGHTS},
            **{f"off_{weights}": row.off(weights) for weights in WEIGHTS},
            "published": _mean(row.published),
            "published_deviation": row.published and row.published.deviation,
            "floor": row.floor,
            "w2_in_few_steps": np.mean(row.distances["short"] or np.nan),
            "path_energy": np.mean(row.excess or np.nan),
        }


def _mean(told: Value | None) -> float | None:
    return None if told is None else told.mean
