"""What was measured of one method on one pair, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from snowmelt.evaluation.transport.flow_paths import normalised_path_energy
from tests.benchmarks.bridges.cells import TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import PLANE
from tests.benchmarks.bridges.flows import WEIGHTS
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.published import DISTANCES, Value

KINDS = (*WEIGHTS, "short")


@dataclass(frozen=True)
class Cell:
    """One method on one pair.

    Attributes:
        distances: W2 of each seed, by the best weights, by the average, and by the best
            ones in few steps.
        energies: that of the paths of each seed, likewise.
        floor: W2 of other true points, the mean over seeds.
        squared: the squared W2 of starts and data, the mean over seeds, which is the least
            energy that is possible.
    """

    pair: str
    method: str
    distances: dict[str, list[float]]
    energies: dict[str, list[float]]
    floor: float | None = None
    squared: float | None = None

    def ours(self, weights: str) -> Value | None:
        """W2 by the `best` weights or by the `average`, if it was measured."""
        measured = self.distances[weights]
        return value(measured) if measured else None

    @property
    def published(self) -> Value | None:
        return DISTANCES.get(self.method, {}).get(self.pair)

    def off(self, weights: str) -> float | None:
        """How far ours is above what was published, in two deviations of that."""
        ours, told = self.ours(weights), self.published
        if ours is None or told is None or told.deviation is None:
            return None
        return (ours.mean - told.mean) / (2.0 * told.deviation)

    @property
    def excess(self) -> list[float]:
        """The energy of each seed's paths beyond the least, as a share of it."""
        if self.squared is None:
            return []
        return [
            normalised_path_energy(torch.tensor(energy), self.squared)
            for energy in self.energies["best"]
        ]

    def is_lower(self, weights: str) -> bool:
        """Whether ours is below what was published."""
        ours, told = self.ours(weights), self.published
        return ours is not None and told is not None and ours.mean < told.mean


def measured_cells(protocol: Protocol) -> Iterator[Cell]:
    """What there is of the table of the plane."""
    for pair in PLANE:
        true = found(protocol, pair.name, TRUE)
        floor, squared = (
            float(np.mean([one[key] ** power for one in true])) if true else None
            for key, power in (("floor", 1), ("ends", 2))
        )
        for name in METHODS:
            rows = {kind: found(protocol, pair.name, f"{name}.{kind}") for kind in KINDS}
            if rows["best"]:
                distances, energies = (
                    {kind: [row[key] for row in rows[kind]] for kind in KINDS}
                    for key in ("distance", "energy")
                )
                yield Cell(pair.name, name, distances, energies, floor, squared)


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
