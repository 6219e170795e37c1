"""What was measured of one method on one pair, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from snowmelt.evaluation.transport.flow_paths import normalised_path_energy
from tests.benchmarks.bridges.cells import TRUE, Protocol, found
from tests.benchmarks.bridges.distributions import PLANE
from tests.benchmarks.bridges.methods import METHODS
from tests.benchmarks.bridges.published import DISTANCES, Value

KINDS = ("best", "average", "short")


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

    @property
    def ours(self) -> Value:
        return value(self.distances["best"])

    @property
    def published(self) -> Value | None:
        return DISTANCES[self.method].get(self.pair)

    @property
    def off(self) -> float | None:
        """How far ours is above what was published, in two deviations of that."""
        if self.published is None or self.published.deviation is None:
            return None
        return (self.ours.mean - self.published.mean) / (2.0 * self.published.deviation)

    @property
    def excess(self) -> list[float]:
        """The energy of each seed's paths beyond the least, as a share of it."""
        if self.squared is None:
            return []
        return [
            normalised_path_energy(torch.tensor(energy), self.squared)
            for energy in self.energies["best"]
        ]

    def is_lower(self, kind: str) -> bool:
        """Whether ours is below what was published."""
        found = self.distances[kind]
        return self.published is not None and np.mean(found) < self.published.mean


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
