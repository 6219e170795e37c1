r"""A statistic at a fixed count, and how far a fresh set of that count would scatter.

A biased statistic has to be taken at one count $n$ wherever it is compared. From a pool of
$N \ge n$ rows it is the mean over random subsets of n, or its one value when $N = n$.

The spread asks how much the value would change if the model drew another n samples. Subsets
overlap, so their own scatter is too small: for a mean of rows with variance $s^2$, subsets
of m without replacement have the variance $s^2 (1/m - 1/N)$, a fresh set of n has $s^2/n$.
Hence

$$\text{spread} = \text{std}_m \sqrt{\frac{m/n}{1 - m/N}}, \qquad m = \min(n, N/2),$$

which is exact for means and right to first order for smooth statistics (half-sampling, a
jackknife that leaves out many). Close to the floor the Frechet distance is not smooth in
that sense and the spread comes out too large rather than too small. It says nothing of how
the value would change with another training seed.

References:
    Shao & Wu (1989), Annals of Statistics 17, 1176-1197.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from snowmelt.evaluation.estimate import Estimate


def at_count(
    pool: np.ndarray,
    count: int,
    statistic: Callable[[np.ndarray], float],
    *,
    subsets: int,
    seed: int,
    desc: str | None = None,
) -> Estimate:
    """The statistic of `count` rows of `pool`, with its spread.

    Args:
        pool: (N, ...), N >= count.
        subsets: how many to average over and to take the spread from; with one there is
            no spread.
        desc: what the bar says; None for no bar.

    Raises:
        ValueError: `count` is not within 1..N.
    """
    total = len(pool)
    if not 1 <= count <= total:
        raise ValueError(f"cannot take {count} of {total} rows")
    half = min(count, total // 2)
    can_scatter = subsets > 1 and half > 1
    sizes = [count] * (subsets if count < total else 1)
    if can_scatter and half < count:
        sizes += [half] * subsets
    random = np.random.default_rng(seed)
    found: dict[int, list[float]] = {}
    for size in tqdm(sizes, desc=desc, unit="subset", disable=desc is None):
        rows = np.sort(random.choice(total, size, replace=False))
        found.setdefault(size, []).append(statistic(pool[rows]))
    value = float(np.mean(found[count]))
    if not can_scatter:
        return Estimate(value, None)
    scale = np.sqrt((half / count) / (1 - half / total))
    return Estimate(value, float(np.std(found[half], ddof=1) * scale))
