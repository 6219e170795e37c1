r"""Mean and covariance of a set of features, and the Frechet distance of two, in float64.

The Frechet distance compares means $\mu$ and covariances $\Sigma$ as if the sets were
Gaussian,

$$d^2 = \lVert \mu_1 - \mu_2 \rVert^2
    + \operatorname{tr}\bigl(\Sigma_1 + \Sigma_2 - 2 (\Sigma_1 \Sigma_2)^{1/2}\bigr).$$

Its estimate is biased: it grows as a set shrinks, so values at different counts do not
compare. Sums over many rows are taken by parts, which processes may share, and added up in
one order, so that the number of processes changes nothing. The arithmetic is
torch-fidelity's, which is imported where it is used: that takes seconds, and a report needs
none of it. On features of the standard Inception network the distance is known as FID; on
any others it must not be called so.

References:
    Heusel et al. (2017), arXiv:1706.08500.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from snowmelt.common.array_files import release
from snowmelt.common.process_group import at_work

_WHOLE = 2**13  # rows that are copied as a whole
_PART = 2**12


@dataclass(frozen=True)
class Statistics:
    """The mean (F,) and the covariance (F, F) of a set of features, float64."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> Statistics:
        """From features (N, F).

        Raises:
            ValueError: fewer than two rows, or a value that is not finite.
        """
        if features.ndim != 2 or len(features) < 2:
            raise ValueError(f"features must be (N, F) with N > 1, got {features.shape}")
        if len(features) > _WHOLE:
            return cls(*_moments_by_parts(features))
        wide = torch.from_numpy(np.asarray(features, np.float64))
        if not torch.isfinite(wide).all():
            raise ValueError("features must be finite")
        from torch_fidelity.metric_fid import fid_features_to_statistics

        found = fid_features_to_statistics(wide)
        # With a single feature the covariance comes as a bare number.
        return cls(found["mu"], np.atleast_2d(found["sigma"]))


def _moments_by_parts(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the covariance of many rows, of which a part at a time is read."""
    group, count = at_work(), -(-len(features) // _PART)
    mean = group.sum_of(count, lambda k: _part(features, k).sum(axis=0)) / len(features)
    if not np.isfinite(mean).all():
        raise ValueError("features must be finite")

    def square(number: int) -> np.ndarray:
        centred = _part(features, number) - mean
        found: np.ndarray = centred.T @ centred
        return found

    return mean, group.sum_of(count, square) / (len(features) - 1)


def _part(features: np.ndarray, number: int) -> np.ndarray:
    found = np.array(features[number * _PART : (number + 1) * _PART], np.float64)
    release(features)
    return found


def frechet_distance(one: Statistics, two: Statistics) -> float:
    """The (squared) Frechet distance, at least 0.

    Equal sets come out a rounding error above or below zero, which is set to zero.

    Raises:
        ValueError: the sets have different features, or the result is not a number.
    """
    if one.mean.shape != two.mean.shape:
        raise ValueError(f"{one.mean.shape} and {two.mean.shape} features do not compare")
    from torch_fidelity.metric_fid import KEY_METRIC_FID, fid_statistics_to_metric

    value = fid_statistics_to_metric(
        {"mu": one.mean, "sigma": one.covariance},
        {"mu": two.mean, "sigma": two.covariance},
        False,
    )[KEY_METRIC_FID]
    if not math.isfinite(value):
        raise ValueError(f"the Frechet distance came out as {value}")
    return max(0.0, value)
