r"""Mode balance: whether samples have the data's class frequencies.

The classes of a known cloud are its modes: the two heaps of a double Gaussian, the rings of
a target. A sample belongs to the class of the nearest training point. A model that leaves a
mode out, or fills it too much, draws samples that may all look right one by one.

For counts $c_k$ of n samples and $r_k$ of N training points, the chi-square statistic asks
whether both could come from the same shares; divided by its degrees of freedom K - 1 it is
near 1 if so, and grows with n if not.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import chi2_contingency

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.class_statistic import OfClasses
from snowmelt.evaluation.metrics.sample_metrics import Examples

COVERED = 0.1


def mode_coverage(examples: Examples) -> float | None:
    """The share of the modes that n examples cover."""
    found = _at_count(examples, coverage)
    return None if found is None else found.value


def mode_deviation(examples: Examples) -> Estimate | None:
    """The largest deviation of a mode's share among n examples."""
    return _at_count(examples, largest_deviation)


def mode_chi_square(examples: Examples) -> Estimate | None:
    """The chi-square statistic of n examples; its expectation grows with n alone."""
    return _at_count(examples, chi_square)


def _at_count(
    examples: Examples, statistic: Callable[[np.ndarray, np.ndarray], float]
) -> Estimate | None:
    assert examples.context.labels is not None
    real = np.bincount(examples.context.labels)
    counted = OfClasses(lambda counts: statistic(counts, real), len(real))
    return examples.at_count(examples.modes, counted)


def coverage(counts: np.ndarray, real: np.ndarray) -> float:
    """The share of the classes that get at least a tenth of what they should.

    Shapes:
        counts, real: (K,) of the examples and of the training points
    """
    known = real > 0
    shares, wanted = _shares(counts, real)
    return float(np.mean(shares[known] >= COVERED * wanted[known]))


def largest_deviation(counts: np.ndarray, real: np.ndarray) -> float:
    """The largest difference, over the classes, of the share got from the share due."""
    shares, wanted = _shares(counts, real)
    return float(np.abs(shares - wanted).max())


def chi_square(counts: np.ndarray, real: np.ndarray) -> float:
    """The chi-square statistic of both counts, by degree of freedom; at least two classes.

    Small counts make it coarse: a class should be expected five times or more.
    """
    known = real > 0
    table = np.stack([counts, real])[:, known]
    found = chi2_contingency(table, correction=False)
    return float(found.statistic / found.dof)


def _shares(counts: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counts / counts.sum(), real / real.sum()
