"""What was found beside what was published, as Markdown and as rows of a CSV table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from snowmelt.evaluation.transport.flow_paths import normalised_path_energy
from tests.benchmarks import machine
from tests.benchmarks.bridges.cells import TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import GAUSSIAN, PLANE
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.published import (
    COVARIANCE,
    DISTANCES,
    DIVERGENCES,
    DIVERGENCES_BY_DIMENSION,
    ENERGIES,
    Value,
)


@dataclass(frozen=True)
class Cell:
    """One method on one pair.

    Attributes:
        distances: W2 of each seed, by the last weights and by their average.
        energies: the normalised path energy of each seed, by the last weights.
    """

    pair: str
    method: str
    distances: dict[str, list[float]]
    energies: list[float]

    @property
    def ours(self) -> Value:
        return value(self.distances["last"])

    @property
    def published(self) -> Value | None:
        return DISTANCES[self.method].get(self.pair)

    @property
    def off(self) -> float | None:
        """How far ours is above what was published, in two deviations of that."""
        if self.published is None or self.published.deviation is None:
            return None
        return (self.ours.mean - self.published.mean) / (2.0 * self.published.deviation)

    def is_lower(self, weights: str) -> bool:
        """Whether ours is below what was published."""
        found = self.distances[weights]
        return self.published is not None and np.mean(found) < self.published.mean


def cells(protocol: Protocol) -> Iterator[Cell]:
    """What there is of the table of the plane."""
    for pair in PLANE:
        ends = {one["seed"]: one["ends"] for one in found(protocol, pair.name, TRUE)}
        for name in METHODS:
            rows = found(protocol, pair.name, f"{name}.last")
            if not rows:
                continue
            averaged = found(protocol, pair.name, f"{name}.average")
            distances = {
                "last": [row["distance"] for row in rows],
                "average": [row["distance"] for row in averaged],
            }
            energies = [
                normalised_path_energy(torch.tensor(row["energy"]), ends[row["seed"]] ** 2)
                for row in rows
                if row["seed"] in ends
            ]
            yield Cell(pair.name, name, distances, energies)


def page(protocol: Protocol, seconds: float) -> str:
    """The tables of what was measured so far.

    Args:
        seconds: of all the work so far, added over processes.
    """
    parts = [_head(protocol, seconds)]
    rows = list(cells(protocol))
    if rows:
        parts += [_plane(rows), _verdict(rows), _floors(protocol)]
    gaussian = _gaussian(protocol)
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
        f" Maruyama's for bridges.{repeated} `make bench-bridges` makes this page."
    )


def _plane(rows: Sequence[Cell]) -> str:
    lines = [
        "W2 from the test points; how far it is above the published one, in two of the"
        " published deviations (between -1 and 1 is within them); the same of the averaged"
        " weights; and the energy of the paths beyond the least, as a share of it.",
        "",
        "| pair | method | ours | published | off | averaged weights | path energy"
        " | published |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        off = "" if row.off is None else f"{row.off:+.2f}"
        told = ENERGIES.get(row.method, {}).get(row.pair)
        energy = spread(value(row.energies)) if row.energies else ""
        averaged = row.distances["average"]
        lines.append(
            f"| {row.pair} | {row.method} | {spread(row.ours)} | {spread(row.published)}"
            f" | {off} | {spread(value(averaged)) if averaged else ''} | {energy}"
            f" | {spread(told)} |"
        )
    return "\n".join(lines)


def _verdict(rows: Sequence[Cell]) -> str:
    compared = [row for row in rows if row.off is not None]
    if not compared:
        return ""
    offs = np.array([row.off for row in compared])
    above = [f"{row.method} on {row.pair}" for row in compared if (row.off or 0.0) > 1.0]
    lower = {
        weights: sum(row.is_lower(weights) for row in compared if row.distances[weights])
        for weights in ("last", "average")
    }
    there = sum(bool(row.distances["average"]) for row in compared)
    found = (
        f"Of {len(compared)} published distances {int((np.abs(offs) <= 1).sum())} are met"
        f" within two deviations, and {int((offs < -1).sum())} are further off to the"
        f" better; {len(above)} to the worse{': ' if above else ''}{', '.join(above)}."
        f" Ours is lower in {lower['last']} of {len(compared)}"
    )
    averaged = f", with averaged weights in {lower['average']} of {there}" if there else ""
    return f"{found}{averaged}."


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


def _gaussian(protocol: Protocol) -> str:
    lines = [
        "The bridge between N(-0.1, I) and N(0.1, I) in 20 steps: the mean over 21 times of"
        " the divergence of the normal law of the points from the exact one, in nats, with"
        " the whole covariance, as Tong et al. have it, and dimension by dimension, which"
        f" needs fewer points; the covariance of the two ends, which is {COVARIANCE:.3f}."
        f" Published by Shi et al.: {_others()}.",
        "",
        "| dimensions | method | divergence | published | by dimension | covariance |",
        "|---|---|---|---|---|---|",
    ]
    empty = len(lines)
    for pair in GAUSSIAN:
        for name in (*METHODS, TRUE):
            rows = found(protocol, pair.name, f"{name}.last")
            if not rows:
                continue
            told = DIVERGENCES.get(name, {}).get(pair.size)
            lines.append(
                f"| {pair.size} | {name} | {_nats(rows, 'divergence')}"
                f" | {'' if told is None else f'{told:.3f}'}"
                f" | {_nats(rows, 'by_dimension')}"
                f" | {_nats(rows, 'covariance', 3)} |"
            )
    return "\n".join(lines) if len(lines) > empty else ""


def _others() -> str:
    """What was published of methods that have no row."""
    return "; ".join(
        f"{name} " + ", ".join(f"{nats:.4f} in {size}" for size, nats in told.items())
        for name, told in DIVERGENCES_BY_DIMENSION.items()
    )


def _nats(rows: Sequence[Mapping[str, Any]], key: str, digits: int = 4) -> str:
    values = [row[key] for row in rows if key in row]
    return spread(value(values), digits) if values else ""


def value(values: Sequence[float]) -> Value:
    """Mean and deviation; no deviation of one."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Value(float(np.mean(values)), deviation)


def spread(told: Value | None, digits: int = 3) -> str:
    """A mean with its deviation; nothing of None."""
    if told is None:
        return ""
    if told.deviation is None:
        return f"{told.mean:.{digits}f}"
    return f"{told.mean:.{digits}f} ± {told.deviation:.{digits}f}"


def csv_rows(protocol: Protocol) -> Iterator[dict[str, Any]]:
    """The table of the plane, a row for each method on each pair."""
    for row in cells(protocol):
        published = row.published
        yield {
            "pair": row.pair,
            "method": row.method,
            "seeds": len(row.distances["last"]),
            "w2": row.ours.mean,
            "w2_deviation": row.ours.deviation,
            "published": None if published is None else published.mean,
            "published_deviation": None if published is None else published.deviation,
            "off": row.off,
            "w2_averaged": np.mean(row.distances["average"] or np.nan),
            "path_energy": np.mean(row.energies or np.nan),
        }
