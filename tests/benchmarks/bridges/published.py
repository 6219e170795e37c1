"""What the papers report: means and deviations over five seeds.

W2 between 10,000 carried and 10,000 test points after 100 steps, and the energy of the
paths beyond the least that is possible, as a share of it: table 2 of Tong et al. (2024),
arXiv:2307.03672. The Gaussian bridge: the same paper, and Shi et al. (2023),
arXiv:2303.16852, whose divergence takes the dimensions one by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Value(NamedTuple):
    """A mean and its deviation over seeds; None where no deviation is told."""

    mean: float
    deviation: float | None = None


_COLUMNS = ("N -> 8gaussians", "N -> moons", "N -> scurve", "moons -> 8gaussians")


def _row(*values: tuple[float, float] | float | None) -> dict[str, Value]:
    """What is told of each pair."""
    told = zip(_COLUMNS, values, strict=True)
    return {
        pair: Value(*value) if isinstance(value, tuple) else Value(value)
        for pair, value in told
        if value is not None
    }


DISTANCES = {
    "[SF]2M-Exact": _row((0.275, 0.058), (0.124, 0.023), (0.128, 0.005), (0.726, 0.137)),
    "[SF]2M-I": _row((0.393, 0.054), (0.185, 0.028), (0.201, 0.062), (1.482, 0.151)),
    "DSBM-IMF": _row((0.338, 0.091), (0.144, 0.024), (0.145, 0.037), (0.838, 0.098)),
    "OT-CFM": _row((0.303, 0.043), (0.130, 0.016), (0.144, 0.028), (0.601, 0.027)),
    "I-CFM": _row((0.373, 0.103), (0.178, 0.014), (0.242, 0.141), (1.557, 0.407)),
    "FM": _row((0.343, 0.058), (0.209, 0.055), (0.198, 0.037), None),
    "rectified flow": _row((0.421, 0.071), (0.283, 0.045), (0.345, 0.079), (1.525, 0.330)),
    "SB-CFM": _row((2.314, 2.112), (0.434, 0.594), (0.341, 0.468), None),
}
ENERGIES = {
    "[SF]2M-Exact": _row(0.016, 0.053, 0.034, 0.045),
    "OT-CFM": _row(0.031, 0.083, 0.027, 0.015),
    "I-CFM": _row(0.202, 0.891, 0.856, 2.680),
}
# Shi et al., in 20 steps; the energy is that of the paths, DSBM-IMF their DSBM-IMF+.
SHORT_DISTANCES = {
    "DSBM-IMF": _row(0.276, 0.123, 0.130, 0.802),
    "OT-CFM": _row(0.253, 0.111, 0.102, 0.716),
    "rectified flow": _row(0.267, 0.129, 0.126, 1.522),
}
SHORT_ENERGIES = {"OT-CFM": _row(15.1, 1.18, 1.58, 30.5)}
COVARIANCE = 0.5 * (math.sqrt(5.0) - 1.0)  # of the two ends of the Gaussian bridge
# Of the Gaussian bridge, by the number of dimensions, in nats.
DIVERGENCES = {"[SF]2M-Exact": {5: 0.006, 20: 0.028, 50: 0.258}}
DIVERGENCES_BY_DIMENSION = {
    "DSBM-IPF": {5: 1.23e-3, 20: 4.42e-3, 50: 8.75e-3},
    "DSB": {5: 3.26e-3, 20: 13.0e-3, 50: 32.8e-3},
    "SB-CFM": {50: 49.4e-3},
}


def rows(pair: str) -> list[str]:
    """The methods with a published distance on a pair of the plane."""
    return [name for name, told in DISTANCES.items() if pair in told]
