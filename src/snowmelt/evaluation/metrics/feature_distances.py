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

from dataclasses import replace

import numpy as np

from snowmelt.common.array_files import gathered
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.features.feature_statistics import Statistics, frechet_distance
from snowmelt.evaluation.metrics.infinite_count import at_infinity
from snowmelt.evaluation.metrics.kernel_error import kernel_error
from snowmelt.evaluation.metrics.sample_metrics import Examples, fidelity_seed
from snowmelt.evaluation.metrics.subsets import QUARTERS


def frechet(examples: Examples) -> Estimate | None:
    """The Frechet distance of n examples to the training split."""
    statistics, rows = examples.context.reference.statistics, examples.features
    found = examples.at_count(
        rows,
        examples.context.frechet_to_train,
        desc=f"Frechet distance of the {examples.name}",
    )
    is_drawn = not examples.is_one_sample and not examples.has_fixed_shares
    if found is None or examples.context.count < len(rows) or is_drawn:
        return found
    # Of all rows there is one value, in the arithmetic that others have too.
    return replace(found, value=frechet_distance(Statistics.of(rows), statistics))


def frechet_infinity(examples: Examples) -> Estimate | None:
    """The Frechet distance of endless examples; None where these are too few for a line."""
    context, rows = examples.context, examples.features
    if len(rows) <= QUARTERS * rows.shape[1]:
        return None
    pool, subsets = examples.pool(rows), context.subsets
    seed = context.settings.seed
    return at_infinity(pool, context.frechet_to_train, subsets=subsets, seed=seed)


def kernel(examples: Examples) -> Estimate | None:
    """The mean kernel distance of subsets of the examples and of the training split.

    Subsets, their order and the precision of images' features, float32, are those of
    torch-fidelity, whose command line gives the same number. Only real examples with
    classes are drawn otherwise, as a model draws. Where several classes were asked for, a
    subset is drawn of a set of n with their shares: such sets are a little nearer than
    independent draws, the more the fewer there are, and so value and floor are alike.
    Points are in float64: the cube of their products has no such bounds.

    The spread is the standard error of this mean, not the scatter of single subsets that
    is often given with KID.
    """
    context, rows = examples.context, examples.features
    pool, size = examples.pool(rows), context.kernel_subset_size
    needed = context.count if pool.has_fixed_shares else size
    if needed > pool.largest_count:
        return None
    random = np.random.RandomState(fidelity_seed(context.settings.seed))
    as_a_model = np.random.default_rng(context.settings.seed)
    found = []
    for _ in range(context.settings.kernel_subsets):
        if pool.has_fixed_shares and context.count < len(rows):
            among = np.sort(pool.draws(as_a_model, context.count)[0])
            one = rows[among[random.choice(len(among), size, replace=False)]]
        elif pool.has_fixed_shares or examples.is_one_sample:
            one = rows[random.choice(len(rows), size, replace=False)]
        else:
            one = rows[np.sort(pool.draws(as_a_model, size)[0])]
        chosen = random.choice(len(context.train), size, replace=False)
        two = gathered(context.train, chosen)
        if context.is_points:
            one, two = one.astype(np.float64), two.astype(np.float64)
        found.append(kernel_distance(one, two))
    value = float(np.mean(found))
    if len(found) < 2:
        return Estimate(value, None)
    of_subsets = float(np.var(found, ddof=1)) / len(found)
    error = kernel_error(pool, context.train, of_subsets, context.settings.seed)
    return Estimate(value, error)


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
