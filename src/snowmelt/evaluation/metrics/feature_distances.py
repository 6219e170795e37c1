r"""Distances between two sets of features.

The Frechet distance stands in `snowmelt.evaluation.features.feature_statistics`. The kernel
distance is the squared maximum mean discrepancy under $k(x, y) = (x \cdot y / F + 1)^3$;
its estimate is unbiased, hence below zero at times. The arithmetic is torch-fidelity's.

On features of the standard Inception network the two are known as FID and KID; on any
others they must not be called so.

References:
    Heusel et al. (2017), arXiv:1706.08500. Binkowski et al. (2018), arXiv:1801.01401.
"""

from __future__ import annotations

import numpy as np

from snowmelt.common.array_files import gathered
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.metrics.sample_metrics import Examples, fidelity_seed


def frechet(examples: Examples) -> Estimate:
    """The Frechet distance of n examples to the training split."""
    statistics = examples.context.reference.statistics
    return examples.at_count(
        examples.features,
        lambda chosen: frechet_distance(Statistics.of(chosen), statistics),
        desc=f"Frechet distance of the {examples.name}",
    )


def kernel(examples: Examples) -> Estimate:
    """The mean kernel distance of subsets of the examples and of the training split.

    Subsets, their order and the precision of images' features, float32, are those of
    torch-fidelity, whose command line gives the same number. Points are in float64: the
    cube of their products has no such bounds.

    The spread is the standard deviation over the pairs of subsets.
    """
    context, rows = examples.context, examples.features
    size, seed = context.kernel_subset_size, fidelity_seed(context.settings.seed)
    random = np.random.RandomState(seed)
    found = []
    for _ in range(context.settings.kernel_subsets):
        one = rows[random.choice(len(rows), size, replace=False)]
        chosen = random.choice(len(context.train), size, replace=False)
        two = gathered(context.train, chosen)
        if context.is_points:
            one, two = one.astype(np.float64), two.astype(np.float64)
        found.append(kernel_distance(one, two))
    spread = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return Estimate(float(np.mean(found)), spread)


def kernel_distance(one: np.ndarray, two: np.ndarray) -> float:
    """The unbiased squared maximum mean discrepancy of two sets of one size.

    It is computed in the precision of the features.

    Shapes:
        one, two: (N, F) with N > 1

    Raises:
        ValueError: the shapes differ or have fewer than two rows.
    """
    if one.shape != two.shape or one.ndim != 2 or len(one) < 2:
        raise ValueError(f"sets must be alike (N, F), N > 1: {one.shape}, {two.shape}")
    from torch_fidelity.metric_kid import kernel_mmd  # takes seconds; a report needs none

    return float(kernel_mmd(one, two))
