r"""Hamiltonian Monte Carlo: long proposals along Hamilton's equations of motion.

With a momentum $p \sim N(0, 1)$ beside the position, $\log q(x) - \tfrac12|p|^2$ is minus
an energy. Motion by Hamilton's equations, $\dot x = p$, $\dot p = \nabla\log q(x)$,
conserves energy and volume and is reversed by negating the momentum, so a proposal may be
far away and still have a similar density. The leapfrog scheme of step $h$ keeps volume and
reversibility exactly and the energy up to $O(h^2)$; the Metropolis-Hastings rule corrects
for that.

One leap is a step of MALA with $e = h^2/2$. The best acceptance rate is about 0.65 or more.
Long moves within a mode are cheap; between modes the momentum must suffice to cross the
barrier, which a normal momentum rarely does.

References:
    Duane, Kennedy, Pendleton & Roweth (1987), "Hybrid Monte Carlo"; Neal (2011), "MCMC
    using Hamiltonian dynamics", arXiv:1206.1901, sections 5.2 to 5.4.
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.common.argument_checks import check_at_least, check_positive
from snowmelt.densities.density import Density
from snowmelt.densities.mcmc.chains import (
    Kernel,
    Proposal,
    State,
    scaled_rows,
    squared_norms,
)


def leapfrog(
    density: Density, x: Tensor, momentum: Tensor, score: Tensor, step: Tensor, leaps: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Position, momentum and score after leapfrog steps; each evaluates the score once.

    Args:
        score: at x.
        step: h, one for all chains or one for each.

    Shapes:
        x, momentum, score: (C, *D), step: (C,) or () -> (C, *D) each, as they went in
    """
    for _ in range(leaps):
        half = momentum + scaled_rows(0.5 * step, score)
        x = x + scaled_rows(step, half)
        score = density.score(x)
        momentum = half + scaled_rows(0.5 * step, score)
    return x, momentum, score


class Hamiltonian(Kernel):
    """Leapfrog trajectories of a fixed number of leaps.

    Args:
        step: h, the length of a leap in time.
        leaps: how many make a proposal.
        jitter: the largest fraction by which a trajectory's step is randomly shortened or
            lengthened; without it, a trajectory whose length is the period of the motion
            returns to its start, and the chain never mixes.

    Raises:
        ValueError: a step that is not positive, no leaps, or a jitter outside [0, 1).
    """

    def __init__(self, step: float, leaps: int = 10, jitter: float = 0.2) -> None:
        check_positive(step=step)
        self.step = step
        check_at_least(1, leaps=leaps)
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
        log_ratio = (
            there_log_prob
            - log_prob
            + 0.5 * (squared_norms(noise) - squared_norms(momentum))
        )
        return Proposal((there, there_log_prob, score), log_ratio)
