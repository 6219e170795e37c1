r"""Langevin dynamics: steps along the score with noise, Metropolis-adjusted or not.

The diffusion $dx = \nabla\log q(x)\,d\tau + \sqrt2\,dW$ leaves $q$ invariant. A step of it,

$$x' = x + e\,\nabla\log q(x) + \sqrt{2e}\;z,$$

does so only as $e \to 0$. `Langevin` accepts every step (the unadjusted algorithm, ULA; on
$N(0, v)$ it converges to the variance $v/(1 - e/2v)$), `MALA` treats it as a proposal, and
the Metropolis-Hastings rule removes the bias. The best acceptance rate of MALA is 0.574.

The score points to the nearest mode and does not reveal another one: both stay in a mode at
least as long as a random walk does. Annealed over the noise levels of a process the same
dynamics cross between modes, see `snowmelt.sampling.samplers.predictor_corrector`.

References:
    Roberts & Tweedie (1996), "Exponential convergence of Langevin distributions and their
    discrete approximations"; Roberts & Rosenthal (1998), "Optimal scaling of discrete
    approximations to Langevin diffusions".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.densities.density import Density
from snowmelt.densities.mcmc.chains import (
    Kernel,
    Proposal,
    State,
    squared_norms,
)


class Langevin(Kernel):
    """Unadjusted Langevin steps, which are always accepted.

    Args:
        size: e above.

    Raises:
        ValueError: it is not positive.
    """

    def __init__(self, size: float) -> None:
        check_positive(size=size)
        self.size = size

    def measure(self, density: Density, x: Tensor) -> State:
        return x, density.score(x)

    def propose(
        self, density: Density, state: State, noise: Tensor, place: Tensor
    ) -> Proposal:
        x, score = state
        there = x + self.size * score + math.sqrt(2.0 * self.size) * noise
        return Proposal(self.measure(density, there), torch.full_like(place, math.inf))


class MALA(Kernel):
    """The Metropolis-adjusted Langevin algorithm.

    Args:
        size: e above.

    Raises:
        ValueError: it is not positive.
    """

    def __init__(self, size: float) -> None:
        check_positive(size=size)
        self.size = size

    def measure(self, density: Density, x: Tensor) -> State:
        return x, density.log_prob(x), density.score(x)

    def propose(
        self, density: Density, state: State, noise: Tensor, place: Tensor
    ) -> Proposal:
        x, log_prob, score = state
        root = math.sqrt(2.0 * self.size)
        there = self.measure(density, x + self.size * score + root * noise)
        # The noise that would lead back is (x - x' - e score') / root.
        back = -noise - self.size * (score + there[2]) / root
        log_ratio = there[1] - log_prob + 0.5 * (squared_norms(noise) - squared_norms(back))
        return Proposal(there, log_ratio)
