r"""Memorisation: whether samples are nearer to training examples than new real ones are.

Held-out examples are new draws of the same kind as the training split, and neither the
model nor the feature extractor has seen them; so a model that generalises has its samples
as far from the training split as they are. Every number here stands beside theirs.

- The *memorised share* is that of the samples within the distance that the nearest 5 % of
  held-out examples keep. It finds a few copies among many samples.
- The *copied share* counts samples three times nearer to one training image than to any
  other, in pixels (Yoon et al.; Gu et al.).
- The *data-copying test* is Mann and Whitney's $z$ of the distances of samples against
  those of held-out examples (Meehan et al., $C_T$ with one cell): far below 0 where samples
  are nearer, as copies are, and samples of nothing but what is common; far above where they
  are farther off, as of a model that has learnt little.
- The *share nearer to training data* compares the nearest of m training examples with the
  nearest of m held-out ones (Platzer & Reutterer): one half for a model that knows neither.

References:
    Meehan, Chaudhuri & Dasgupta (2020), arXiv:2004.05675. Yoon et al. (2023), "Diffusion
    probabilistic models generalize when they fail to memorize". Gu et al. (2023),
    arXiv:2310.02664. Platzer & Reutterer (2021), Frontiers in Big Data 4, 679939.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.features.nearest_neighbours import MOST_HELD_OUT
from snowmelt.evaluation.metrics.nearest_examples import Nearest
from snowmelt.evaluation.metrics.neighbourhood import Pair, row_weights
from snowmelt.evaluation.metrics.sample_metrics import Examples

NEAREST = 0.05
RATIO = 1 / 3
_LEVELS = 200


def memorisation_rate(examples: Examples) -> Estimate:
    """The share of examples nearer to a training example than half of the real ones are."""
    pair = examples.context.neighbourhood.features
    distances, held_out = pair.samples.distance, pair.held_out.distance[:MOST_HELD_OUT]
    error = share_within(distances, held_out, 0.5).spread
    return Estimate(float(np.mean(distances < np.median(held_out))), error)


def memorised(examples: Examples) -> Estimate | float:
    """The memorised share by features; of held-out examples what it is by construction."""
    return _memorised(examples, examples.context.neighbourhood.features)


def memorised_pixels(examples: Examples) -> Estimate | float:
    """The same by pixels."""
    return _memorised(examples, examples.context.neighbourhood.pixels)


def _memorised(examples: Examples, pair: Pair) -> Estimate | float:
    held_out = pair.held_out.distance
    if not examples.is_generated:
        return float(np.mean(held_out <= quantile(held_out, NEAREST)))
    return share_within(pair.samples.distance, held_out, NEAREST)


def copied(examples: Examples) -> Estimate:
    """The share that is three times nearer to one training image than to any other."""
    pair = examples.context.neighbourhood.pixels
    copies = is_copy(pair.samples if examples.is_generated else pair.held_out)
    return Estimate.of_share(int(copies.sum()), len(copies))


def data_copying(examples: Examples) -> Estimate:
    """Mann and Whitney's z by features; its standard deviation is 1 by construction."""
    pair = examples.context.neighbourhood.features
    return Estimate(copying_z(pair.samples.distance, pair.held_out.distance), 1.0)


def nearer_to_training(examples: Examples) -> Estimate:
    """The share of samples nearer to training than to as many held-out examples."""
    one, two = examples.context.neighbourhood.halves
    whole = examples.context.everything
    assert whole is not None
    count = min(len(whole.train), len(whole.held_out))
    return share_of_first(*row_weights(one, two, count))


def quantile(distances: np.ndarray, share: float) -> float:
    """The distance that this share of fresh draws is expected to be within, (N,) -> float.

    The k-th smallest of N has the share k / (N + 1) below it on average.
    """
    place = max(1, math.floor(share * (len(distances) + 1)))
    return float(np.partition(distances, place - 1)[place - 1])


def share_within(samples: np.ndarray, held_out: np.ndarray, share: float) -> Estimate:
    r"""The share of samples within the distance that a share of held-out examples keep.

    Its error is that of a share of N draws, and that of the distance, which is found from n
    held-out examples: the level of the k-th smallest follows $\mathrm{Beta}(k, n + 1 - k)$.

    Shapes:
        samples: (N,), held_out: (n,) -> distances to the nearest training example
    """
    hits = int(np.sum(samples <= quantile(held_out, share)))
    within = Estimate.of_share(hits, len(samples))
    place = max(1, math.floor(share * (len(held_out) + 1)))
    middles = (np.arange(_LEVELS) + 0.5) / _LEVELS
    levels = stats.beta.ppf(middles, place, len(held_out) + 1 - place)
    limits = np.quantile(held_out, levels)
    shares = np.searchsorted(np.sort(samples), limits, side="right") / len(samples)
    assert within.spread is not None
    return Estimate(within.value, math.hypot(within.spread, float(shares.std())))


def is_copy(found: Nearest) -> np.ndarray:
    """Whether each row is a copy of one training example, (N,) bool.

    One that is equal to it is, though there be two such.
    """
    return (found.distance < RATIO * found.second) | (found.distance == 0)


def copying_z(samples: np.ndarray, held_out: np.ndarray) -> float:
    """Mann and Whitney's z of two sets of distances: below 0 where samples are nearer.

    Shapes:
        samples: (N,), held_out: (n,)
    """
    count, other = len(samples), len(held_out)
    farther = stats.mannwhitneyu(samples, held_out).statistic
    spread = math.sqrt(count * other * (count + other + 1) / 12)
    return float((farther - count * other / 2) / spread)


def share_of_first(one: np.ndarray, two: np.ndarray) -> Estimate:
    r"""How much of the samples the rows of the first of two sets of m attract.

    If no sample knew which set a row belongs to, the $2m$ weights could be dealt out in any
    order, and the sum of m of them would have the variance $m s^2 / 2$ with their sample
    variance $s^2$. That holds the chance of the samples and that of both sets.

    Shapes:
        one, two: (m,) shares of the samples
    """
    weights = np.concatenate([one, two])
    spread = math.sqrt(len(one) / 2 * float(weights.var(ddof=1)))
    return Estimate(float(one.sum()), spread or None)
