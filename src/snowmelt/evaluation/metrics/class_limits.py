r"""Between which shares chance leaves a class, at 95 % for all K classes together.

Each class has a lower and an upper limit, and is beyond either with at most
$0.05 / 2K$ (Bonferroni). The tails are those of counts, since a normal distribution has too
little in them where a class is expected a few times: of 100 even classes among 100 samples
of a perfect model, normal limits name one in 30 % of all sets.

**Samples that are drawn freely.** Of N samples, $X \sim \mathrm{Bin}(N, p)$ are told to be
of a class. Its share p is known but for the mistakes of whoever tells, which are counted on
held-out examples: p has an expectation and a standard error, and stands for it in a beta
distribution, so that X is beta-binomial.

**Samples that were asked to be of a class.** How many were is no chance. Of the a that were
asked to be of the class, M are told as another, and of the N - a others T are told as it:

$$X = a - M + T .$$

Both rates are those of the held-out examples. There m of n examples were mistaken, so that
the rate follows $\mathrm{Beta}(m + 1/2, n - m + 1/2)$ (Jeffreys) and M and T are
beta-binomial. Multinomial limits would be ten times too wide.

References:
    Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the
    case of the binomial", Biometrika 26, 404-413. Jeffreys (1946), "An invariant form for
    the prior probability in estimation problems", Proceedings of the Royal Society A 186.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from snowmelt.evaluation.excess import CONFIDENCE, POWER

_REACH, _MARGIN = 12, 30  # standard deviations and counts, beyond which nothing is left


@dataclass(frozen=True)
class Chance:
    """How many of N samples are told to be of a class, if the model is perfect.

    Attributes:
        first: the smallest count.
        weights: the probabilities of that and those after it, (n,).
    """

    total: int
    first: int
    weights: np.ndarray

    @classmethod
    def of_draws(cls, total: int, share: float, error: float) -> Chance:
        """Of samples that are drawn freely.

        Args:
            total: N.
            share: of the class that is due, between 0 and 1.
            error: its standard error.
        """
        if error <= 0:
            return cls(total, *_weights(stats.binom(total, share), total))
        # As wide as a share can be known at the worst: an even one of no example.
        freedom = max(share * (1 - share) / error**2 - 1, 1e-3)
        law = stats.betabinom(total, share * freedom, (1 - share) * freedom)
        return cls(total, *_weights(law, total))

    @classmethod
    def of_asked(
        cls, total: int, asked: int, missed: tuple[int, int], taken: tuple[int, int]
    ) -> Chance:
        """Of samples that were asked to be of given classes.

        Args:
            asked: how many of N were asked to be of this one.
            missed: held-out examples of the class that are told as another, and all of it.
            taken: held-out examples of others that are told as it, and all others.
        """
        lost, lost_weights = _mistaken(asked, *missed)
        won, won_weights = _mistaken(total - asked, *taken)
        first = asked - (lost + len(lost_weights) - 1) + won
        return cls(total, first, np.convolve(lost_weights[::-1], won_weights))

    def limits(self, classes: int) -> tuple[float, float]:
        """The least and the greatest share that is no news, with so many classes."""
        tail = (1 - CONFIDENCE) / (2 * classes)
        below, above = np.cumsum(self.weights), np.cumsum(self.weights[::-1])[::-1]
        counts = self.first + np.flatnonzero((below > tail) & (above > tail))
        return float(counts[0] / self.total), float(counts[-1] / self.total)

    def visible(self, classes: int) -> float:
        """What more of all samples would pass the upper limit four times out of five.

        The samples that are too many scatter by their own number, too.
        """
        counts = self.first + np.arange(len(self.weights))
        mean = float(self.weights @ counts)
        variance = float(self.weights @ (counts - mean) ** 2)
        beyond = self.limits(classes)[1] * self.total + 0.5 - mean
        more, quantile = beyond, float(stats.norm.ppf(POWER))
        for _ in range(50):
            more = beyond + quantile * math.sqrt(variance + more)
        return more / self.total


def _mistaken(total: int, mistaken: int, of: int) -> tuple[int, np.ndarray]:
    """The law of mistakes among `total`, at the rate of `mistaken` among `of`."""
    law = stats.betabinom(total, mistaken + 0.5, of - mistaken + 0.5)
    return _weights(law, total)


def _weights(law: Any, total: int) -> tuple[int, np.ndarray]:
    """The smallest count that matters, and the probabilities from there on."""
    mean, reach = float(law.mean()), _REACH * float(law.std()) + _MARGIN
    first, last = max(0, math.floor(mean - reach)), min(total, math.ceil(mean + reach))
    return first, law.pmf(np.arange(first, last + 1))
