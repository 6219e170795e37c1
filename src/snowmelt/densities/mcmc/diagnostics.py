r"""Convergence diagnostics of Markov chains: R-hat and effective sample size, by ArviZ.

A single chain cannot show that it is stuck, but chains that started far apart can. R-hat
compares the variance between chains with that within them and is 1 where they agree; above
1.01 they should not be trusted, above 1.1 they plainly are in different regions. The
effective sample size is the number of independent draws that would estimate a mean with the
same error; a tenth of the draws is good. *Bulk* and *tail* refer to the middle and to the
ends of the distribution.

Both assume starts that are more dispersed than the density. Chains that all started in one
mode agree with each other, and are wrong.

References:
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), arXiv:1903.08008 (rank-normalised
    split R-hat, bulk and tail effective sample size).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats
from numpy.typing import ArrayLike, NDArray

from snowmelt.densities.mcmc.chains import Chains

# Split chains of fewer draws have no variance to speak of.
_FEWEST_DRAWS = 4
_TAIL = 0.9


@dataclass(frozen=True)
class Diagnosis:
    """Diagnostics of a set of chains; those of the elements have the shape `*D`.

    Args:
        acceptance: the acceptance rate over all chains and steps.
        rhat: near 1 where the chains agree.
        ess_bulk, ess_tail: effective sample sizes, of all chains together.
        draws: the number of draws kept, of all chains together.
        evaluations: of the density and its score, the warm-up included.
    """

    acceptance: float
    rhat: NDArray[np.float64]
    ess_bulk: NDArray[np.float64]
    ess_tail: NDArray[np.float64]
    draws: int
    evaluations: int

    @property
    def worst_rhat(self) -> float:
        """The largest R-hat of all elements."""
        return float(np.max(self.rhat))

    @property
    def evaluations_per_draw(self) -> float:
        """Evaluations of the density for each effective draw, of the worst element."""
        return self.evaluations / float(np.min(self.ess_bulk))


def diagnose(chains: Chains, warmup: int = 0) -> Diagnosis:
    """The diagnostics of chains.

    Args:
        warmup: how many steps at the beginning are left out.

    Raises:
        ValueError: too few steps are left.
    """
    states = chains.states[warmup:].cpu().numpy()
    accepted = chains.accepted[warmup:].double()
    return Diagnosis(
        acceptance=float(accepted.mean()) if len(accepted) else float("nan"),
        rhat=rhat(states),
        ess_bulk=effective_sample_size(states),
        ess_tail=effective_sample_size(states, is_tail=True),
        draws=states.shape[0] * states.shape[1],
        evaluations=chains.evaluations,
    )


def rhat(states: ArrayLike) -> NDArray[np.float64]:
    """Rank-normalised split R-hat, the larger of those of middle and tails.

    Shapes:
        states: (steps, C, *D) -> (*D)

    Raises:
        ValueError: fewer than 4 steps.
    """
    draws = _checked(states)
    found = array_stats.rhat(draws, chain_axis=1, draw_axis=0, method="rank")
    return np.asarray(found, dtype=np.float64)


def effective_sample_size(
    states: ArrayLike, *, is_tail: bool = False
) -> NDArray[np.float64]:
    """The number of independent draws that would estimate as exactly.

    Args:
        is_tail: whether of the quantiles at 5 % and 95 % (the smaller of the two), or of
            the bulk.

    Shapes:
        states: (steps, C, *D) -> (*D)

    Raises:
        ValueError: fewer than 4 steps.
    """
    method, prob = (
        ("tail", (0.5 - 0.5 * _TAIL, 0.5 + 0.5 * _TAIL)) if is_tail else ("bulk", None)
    )
    found = array_stats.ess(
        _checked(states), chain_axis=1, draw_axis=0, method=method, prob=prob
    )
    return np.asarray(found, dtype=np.float64)


def _checked(states: ArrayLike) -> NDArray[np.float64]:
    draws = np.asarray(states, dtype=np.float64)
    if draws.ndim < 2 or len(draws) < _FEWEST_DRAWS:
        raise ValueError(
            f"states must be (steps, chains, ...) of at least {_FEWEST_DRAWS} steps, got"
            f" the shape {draws.shape}"
        )
    return draws
