r"""Random-walk Metropolis-Hastings: symmetric normal proposals, accepted by their density.

The proposal $x' = x + r z$ is as likely as its reverse, so the Metropolis-Hastings ratio is
$q(x')/q(x)$ alone. It needs no gradient, but moves as a random walk: a distance L takes
$(L/r)^2$ steps, and $r$ must shrink like $D^{-1/2}$ for steps to be accepted at all. The
best acceptance rate is 0.234 in many dimensions, and higher in a few.

References:
    Roberts, Gelman & Gilks (1997), "Weak convergence and optimal scaling of random walk
    Metropolis algorithms".
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.densities.density import Density
from snowmelt.densities.mcmc.chains import Kernel, Proposal, State


class RandomWalk(Kernel):
    """The random-walk Metropolis kernel.

    Args:
        std: r, the standard deviation of a step in each axis.

    Raises:
        ValueError: it is not positive.
    """

    def __init__(self, std: float) -> None:
        check_positive(std=std)
        self.std = std

    def measure(self, density: Density, x: Tensor) -> State:
        return x, density.log_prob(x)

    def propose(
        self, density: Density, state: State, noise: Tensor, place: Tensor
    ) -> Proposal:
        x, log_prob = state
        there = self.measure(density, x + self.std * noise)
        return Proposal(there, there[1] - log_prob)
