r"""The Frechet distance of sets to one reference, fast for many sets, and its derivative.

With the mean $m$ and the covariance $S$ of the reference, and $\mu$, $\Sigma$ of a set,

$$d^2 = \lVert\mu - m\rVert^2 + \operatorname{tr}(\Sigma + S)
    - 2 \operatorname{tr}\bigl(S^{1/2}\,\Sigma\,S^{1/2}\bigr)^{1/2},$$

a symmetric eigenvalue problem of the size of the features or of the set, whichever is less.
Towards an example $x$ it changes by

$$h(x) = 2(\mu - m)^\top(x - \mu) + (x - \mu)^\top (I - M)(x - \mu) + \text{const},$$

$$M = S^{1/2}\bigl(S^{1/2}\,\Sigma\,S^{1/2}\bigr)^{-1/2} S^{1/2},$$

where $M$ is the matrix of the optimal transport between the two Gaussians. Directions that
the set or the reference does not have are left out of $M$.

References:
    Dowson & Landau (1982), Journal of Multivariate Analysis 12. Rippl, Munk & Sturm (2016),
    "Limit laws of the empirical Wasserstein distance: Gaussian distributions".
"""

from __future__ import annotations

import math

import numpy as np

from snowmelt.evaluation.features.feature_statistics import Statistics

_NOTHING = 1e-12  # of the largest eigenvalue
_PART = 2**12


class FrechetTo:
    """The Frechet distance to these statistics, a `Statistic` of features (n, F)."""

    def __init__(self, reference: Statistics) -> None:
        self.mean = reference.mean
        self.trace = float(np.trace(reference.covariance))
        values, vectors = np.linalg.eigh(reference.covariance)
        roots = np.sqrt(np.maximum(values, 0.0))
        self.root = (vectors * roots) @ vectors.T

    def __call__(self, rows: np.ndarray) -> float:
        mean, centred = self._centred(rows)
        values = np.linalg.eigvalsh(_smaller(centred @ self.root))
        shift = mean - self.mean
        traces = float(np.square(centred).sum()) + self.trace
        overlap = float(np.sqrt(np.maximum(values, 0.0)).sum())
        return max(0.0, float(shift @ shift) + traces - 2 * overlap)

    def gradient(self, rows: np.ndarray) -> np.ndarray:
        """The matrix and the slope of a quadratic form, (F + 1, F)."""
        mean, centred = self._centred(rows)
        carried = centred @ self.root
        values, vectors = np.linalg.eigh(_smaller(carried))
        kept = values > _NOTHING * max(float(values[-1]), math.ulp(0.0))
        values, vectors = values[kept], vectors[:, kept]
        if len(carried) < carried.shape[1]:  # vectors of examples, not of features
            vectors = carried.T @ vectors / np.sqrt(values)
        half = self.root @ (vectors * values**-0.25)
        matrix = np.eye(len(mean)) - half @ half.T
        slope = 2 * (mean - self.mean) - 2 * matrix @ mean
        return np.vstack([matrix, slope])

    def influence(self, rows: np.ndarray, gradient: np.ndarray) -> np.ndarray:
        matrix, slope = gradient[:-1], gradient[-1]
        found = []
        for start in range(0, len(rows), _PART):
            part = np.asarray(rows[start : start + _PART], np.float64)
            found.append(((part @ matrix) * part).sum(axis=1) + part @ slope)
        return np.concatenate(found)

    def _centred(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean, and rows whose products are the covariance."""
        if len(rows) < 2:
            raise ValueError(f"a covariance needs two rows, got {len(rows)}")
        wide = np.asarray(rows, np.float64)
        mean = wide.mean(axis=0)
        return mean, (wide - mean) / math.sqrt(len(rows) - 1)


def _smaller(rows: np.ndarray) -> np.ndarray:
    """Of the two matrices of products that share their eigenvalues, the smaller one."""
    return rows @ rows.T if len(rows) < rows.shape[1] else rows.T @ rows
