r"""Whether each class of the data gets its share of the samples.

The classes of a known cloud are its modes: the two heaps of a double Gaussian, the rings of
a target. A sample belongs to the class of the nearest training point. A model that leaves a
mode out, or fills it too much, draws samples that may all look right one by one.

For counts $c_k$ of n samples and $r_k$ of N training points, the chi-square statistic asks
whether both could come from the same shares; divided by its degrees of freedom K - 1 it is
near 1 if so, and grows with n if not.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import chi2_contingency

COVERED = 0.1


def nearest_class(rows: np.ndarray, train: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class of the training point next to each row.

    Shapes:
        rows: (N, F), train: (M, F), labels: (M,) -> (N,)
    """
    _, place = cKDTree(np.asarray(train, np.float64)).query(np.asarray(rows, np.float64))
    return np.asarray(labels)[place]


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
