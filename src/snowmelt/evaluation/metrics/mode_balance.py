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
from snowmelt.evaluation.metrics.sample_metrics import Examples

COVERED = 0.1


def mode_coverage(examples: Examples) -> float:
    """The share of the modes that n examples cover."""
    return _at_count(examples, coverage).value


def mode_deviation(examples: Examples) -> Estimate:
    """The largest deviation of a mode's share among n examples."""
    return _at_count(examples, largest_deviation)


def mode_chi_square(examples: Examples) -> float:
    """The chi-square statistic of n examples; its expectation grows with n alone."""
    return _at_count(examples, chi_square).value


def _at_count(
    examples: Examples, statistic: Callable[[np.ndarray, np.ndarray], float]
) -> Estimate:
    assert examples.context.labels is not None
    real = np.bincount(examples.context.labels)
    return examples.at_count(examples.modes, lambda classes: statistic(classes, real))


def coverage(classes: np.ndarray, real: np.ndarray) -> float:
    """The share of the classes that get at least a tenth of what they should.

    Shapes:
        classes: (N,) int, real: (K,) counts of the training points
    """
    known = real > 0
    shares, wanted = _shares(classes, real)
    return float(np.mean(shares[known] >= COVERED * wanted[known]))


def largest_deviation(classes: np.ndarray, real: np.ndarray) -> float:
    """The largest difference, over the classes, of the share got from the share due."""
    shares, wanted = _shares(classes, real)
    return float(np.abs(shares - wanted).max())


def chi_square(classes: np.ndarray, real: np.ndarray) -> float:
    """The chi-square statistic of both counts, by degree of freedom; at least two classes.

    Small counts make it coarse: a class should be expected five times or more.
    """
    known = real > 0
    table = np.stack([np.bincount(classes, minlength=len(real)), real])[:, known]
    found = chi2_contingency(table, correction=False)
    return float(found.statistic / found.dof)


def _shares(classes: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.bincount(classes, minlength=len(real)) / len(classes), real / real.sum()
