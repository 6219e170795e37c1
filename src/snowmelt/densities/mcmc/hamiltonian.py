r"""Hamiltonian Monte Carlo: give the state a push and let it roll.

With a momentum $p \sim N(0, 1)$ beside the place, $\log q(x) - \tfrac12|p|^2$ is minus an
energy. Motion by Hamilton's equations, $\dot x = p$, $\dot p = \nabla\log q(x)$, keeps the
energy and volume and is undone by turning the momentum round, so it may go far and still
land where the density is as high. The leapfrog scheme of step $h$ keeps the last two
properties exactly and the energy up to $O(h^2)$; Metropolis' rule corrects for that.

One leap is a step of MALA with $e = h^2/2$. The best acceptance rate is about 0.65 or more.
Far jumps along a mode come cheap; between modes the state must be pushed over the barrier,
which a normal momentum rarely does.

References:
    Duane, Kennedy, Pendleton & Roweth (1987), "Hybrid Monte Carlo"; Neal (2011), "MCMC
    using Hamiltonian dynamics", arXiv:1206.1901, sections 5.2 to 5.4.
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.densities.density import Density
from snowmelt.densities.mcmc.chains import (
    Kernel,
    Proposal,
    State,
    positive,
    squares,
    times,
)


def leapfrog(
    density: Density, x: Tensor, momentum: Tensor, score: Tensor, step: Tensor, leaps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Roll for a number of steps; the score is asked once in each.

    Args:
        score: at x.
        step: h, one for all chains or one for each.

    Shapes:
        x, momentum, score: (C, *D), step: (C,) or () -> (C, *D) each, as they went in
    """
    for _ in range(leaps):
        half = momentum + times(0.5 * step, score)
        x = x + times(step, half)
        score = density.score(x)
        momentum = half + times(0.5 * step, score)
    return x, momentum, score


class Hamiltonian(Kernel):
    """Leapfrog trajectories of a fixed number of leaps.

    Args:
        step: h, the length of a leap in time.
        leaps: how many make a proposal.
        jitter: the share by which a trajectory's step is drawn shorter or longer, evenly;
            with none, a trajectory that happens to be a whole turn comes back to where it
            was, and a chain on it never mixes.

    Raises:
        ValueError: a step that is not positive, no leaps, or a jitter outside [0, 1).
    """

    def __init__(self, step: float, leaps: int = 10, jitter: float = 0.2) -> None:
        self.step = positive("step", step)
        if leaps < 1:
            raise ValueError(f"leaps must be at least 1, got {leaps}")
        if not 0.0 <= jitter < 1.0:
            raise ValueError(f"jitter must be at least 0 and less than 1, got {jitter}")
        self.leaps = leaps
        self.jitter = jitter

    def measure(self, density: Density, x: Tensor) -> State:
        return x, density.log_prob(x), density.score(x)

    def propose(
        self, density: Density, state: State, noise: Tensor, place: Tensor
    ) -> Proposal:
        x, log_prob, score = state
        step = self.step * (1.0 + self.jitter * (2.0 * place - 1.0))
        there, momentum, score = leapfrog(density, x, noise, score, step, self.leaps)
        there_log_prob = density.log_prob(there)
        log_ratio = there_log_prob - log_prob + 0.5 * (squares(noise) - squares(momentum))
        return Proposal((there, there_log_prob, score), log_ratio)
