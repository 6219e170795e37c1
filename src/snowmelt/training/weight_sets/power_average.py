r"""Averages of weights whose length is chosen after the training.

The average of a training up to place $t$ with the profile of a power function,

$$\theta_\gamma(t) = \frac{\gamma + 1}{t^{\gamma + 1}} \int_0^t \tau^\gamma \theta(\tau)
  \, d\tau,$$

grows with the training, and needs no warm-up. Its length is the standard deviation of the
profile over $t$, $\sigma_\mathrm{rel}$, with

$$\sigma_\mathrm{rel}^2 = \frac{\gamma + 1}{(\gamma + 2)^2 (\gamma + 3)}.$$

Two lengths are averaged during the training, and snapshots of them kept. The profile of any
other length is then approximated by a linear combination of the snapshots' profiles, the
nearest one in the sense of least squares; the same combination of the weights is nearly the
average that was not taken.

References:
    Karras et al. (2024), arXiv:2312.02696, section 3 and appendix C, algorithm 3.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LONGEST = 12**-0.5  # sigma_rel of the mean of all weights
# Profiles that are nearly combinations of others say nothing that float64 could tell.
_LEAST_SINGULAR = 1e-12


def exponent(sigma_rel: float) -> float:
    r"""$\gamma$ of a length: the largest root of a cubic equation.

    Args:
        sigma_rel: in (0, `LONGEST`).
    """
    t = sigma_rel**-2
    return float(np.roots([1.0, 7.0, 16.0 - t, 12.0 - t]).real.max())


def combination(
    kept: Sequence[tuple[float, float]], wanted: tuple[float, float]
) -> np.ndarray:
    """The coefficients of snapshots that come nearest to an average, by least squares.

    Args:
        kept: the length and the place of each snapshot.
        wanted: those of the average.

    Shapes:
        -> (len(kept),)
    """
    lengths, places = np.array(kept, dtype=np.float64).T
    gammas = np.array([exponent(length) for length in lengths])
    target = np.array([exponent(wanted[0])]), np.array([wanted[1]])
    # The norm of a profile falls with its place; of norm 1, they are told apart alike.
    norms = np.sqrt(_products(gammas, places, gammas, places))
    matrix = _products(gammas[:, None], places[:, None], gammas, places)
    right = _products(gammas, places, *target) / norms
    matrix = matrix / (norms[:, None] * norms)
    found = np.linalg.lstsq(matrix, right, rcond=_LEAST_SINGULAR)[0]
    return np.asarray(found / norms)


def _products(
    gammas_1: np.ndarray, places_1: np.ndarray, gammas_2: np.ndarray, places_2: np.ndarray
) -> np.ndarray:
    """The integrals of the products of two profiles, each up to its place."""
    smaller, larger = np.minimum(places_1, places_2), np.maximum(places_1, places_2)
    of_larger = np.where(places_1 < places_2, gammas_2, gammas_1)
    norms = (gammas_1 + 1) * (gammas_2 + 1) / (gammas_1 + gammas_2 + 1)
    return np.asarray(norms * (smaller / larger) ** of_larger / larger)
