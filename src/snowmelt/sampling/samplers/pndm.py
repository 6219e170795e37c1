r"""PNDM: a multistep rule for the noise, and DDIM's step with what it gives.

DDIM's step takes a state and an estimate of the noise to another time, and is exact where
the estimate does not change:

$$\phi(x_t, \epsilon, t, s) = \alpha_s\,\frac{x_t - \sigma_t\,\epsilon}{\alpha_t}
    + \sigma_s\,\epsilon .$$

A pseudo-numerical method keeps $\phi$ and puts in for $\epsilon$ what a classical rule
makes of several estimates. Here that is the mean over the step of the cubic in $t$ through
the last four (Adams and Bashforth), which needs three steps before it: those are pseudo
Runge-Kutta steps, with four evaluations each,

$$\epsilon_1 = \hat\epsilon(x_t, t), \quad
  \epsilon_2 = \hat\epsilon(\phi(x_t, \epsilon_1, t, m), m), \quad
  \epsilon_3 = \hat\epsilon(\phi(x_t, \epsilon_2, t, m), m), \quad
  \epsilon_4 = \hat\epsilon(\phi(x_t, \epsilon_3, t, s), s),$$

$m$ halfway between $t$ and $s$, and $\epsilon = (\epsilon_1 + 2\epsilon_2 + 2\epsilon_3 +
\epsilon_4)/6$. The paper's coefficients are for equal steps in $t$; these are for whatever
steps the grid has, and the same where they are equal. The mean is one in $t$, while $\phi$
weights by $\sigma/\alpha$: so the method is of second order.

References:
    Liu, Ren, Lin & Zhao (2022), arXiv:2202.09778, eqs. 9 to 13 and algorithm 2 (F-PNDM).
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.interpolation import combined, weights
from snowmelt.sampling.samplers.sampler import Memory, Sampler

POINTS = 4


class PNDM(Sampler):
    """F-PNDM: one evaluation a step, but four in each of the first three.

    Args:
        steps: times of the grid.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: fewer than one step.
    """

    order = 2
    needs_finite_slope = True

    @property
    def evaluations(self) -> int:
        return self.steps + 3 * min(POINTS - 1, self.steps - 1)

    def repeated_evaluations(self, turns: int) -> int:
        """Whoever repeats a step forgets those before: every one is a first one."""
        if turns == 1:
            return self.evaluations
        return 4 * (self.steps - 1) * turns + 1

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        eps_hat = self.estimates(denoiser, x_t, t)[1]
        # The last estimates with their times, the newest first.
        past = [(float(t), eps_hat), *memory.get("past", [])][:POINTS]
        memory["past"] = past
        if len(past) < POINTS:
            mean = self._runge_kutta(denoiser, x_t, eps_hat, t, s)
        else:
            length = float(s) - float(t)
            found = weights([(time - float(t)) / length for time, _ in past], 0.0)
            mean = combined(found, [estimate for _, estimate in past])
        return transferred(denoiser.process, x_t, mean, t, s)

    def _runge_kutta(
        self, denoiser: Denoiser, x_t: Tensor, eps_hat: Tensor, t: Tensor, s: Tensor
    ) -> Tensor:
        """The noise of a whole step; the first of its four estimates is there already."""
        middle, eps, total = 0.5 * (t + s), eps_hat, eps_hat
        for time, share in ((middle, 2.0), (middle, 2.0), (s, 1.0)):
            there = transferred(denoiser.process, x_t, eps, t, time)
            eps = self.estimates(denoiser, there, time)[1]
            total = total + share * eps
        return total / 6.0


def transferred(process: Process, x_t: Tensor, eps: Tensor, t: Tensor, s: Tensor) -> Tensor:
    r"""$\phi$: where DDIM's step from t to s leads with this noise.

    Shapes:
        x_t, eps: (B, *D), t, s: () -> (B, *D)
    """
    keep = process.alpha(s) / process.alpha(t)
    rest = process.sigma(s) - keep * process.sigma(t)
    return expand(keep, x_t) * x_t + expand(rest, x_t) * eps
