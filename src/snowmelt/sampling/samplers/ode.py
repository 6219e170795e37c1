r"""Steps on the probability-flow ODE, in the time of the schedule.

The ordinary differential equation

$$\frac{dx}{dt} = f(t)\,x - \tfrac12 g(t)^2\,\nabla\log q_t(x)
               = f(t)\,x - \tfrac12\,\sigma\,\frac{d\lambda}{dt}\,\hat\epsilon(x, t)$$

carries the marginals of the process into each other without any noise; the second form puts
in $g^2 = -\sigma^2\,d\lambda/dt$ and the score $-\hat\epsilon/\sigma$. A step goes from $t$
down to $s$, so its length $s - t$ is negative. These are the textbook rules, which treat
$f(t)\,x$ like all the rest; `gaussian` (DDIM), `edm` and `dpm` solve a part of the same
equation exactly.

References:
    Song et al. (2021), arXiv:2011.13456, eq. 13;
    Karras et al. (2022), arXiv:2206.00364, section 3 (Euler against Heun).
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.sampler import Memory, Sampler


def slope(process: Process, x_t: Tensor, eps_hat: Tensor, t: Tensor) -> Tensor:
    r"""$dx/dt$ of the probability-flow ODE.

    Shapes:
        x_t, eps_hat: (B, *D), t: () -> (B, *D)
    """
    pull = -0.5 * process.sigma(t) * process.log_snr_slope(t)
    return expand(process.drift(t), x_t) * x_t + expand(pull, x_t) * eps_hat


class Euler(Sampler):
    r"""One slope a step: $x_s = x_t + (s - t)\,x'(x_t, t)$.

    Args:
        steps: evaluations of the network for one sample.
        grid, threshold: see `Sampler`.
    """

    order = 1
    needs_finite_slope = True
    holds_slope = True

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        return x_t + expand(s - t, x_t) * self.slope(denoiser, x_t, t)

    def slope(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        """The slope that the thresholded estimates give. Shapes: x_t: (B, *D), t: ()"""
        eps_hat = self.estimates(denoiser, x_t, t)[1]
        return slope(denoiser.process, x_t, eps_hat, t)


class Heun(Euler):
    r"""The mean of the slopes at both ends: the trapezoidal rule with an Euler guess.

    $$\tilde x_s = x_t + (s - t)\,x'(x_t, t), \qquad
      x_s = x_t + \tfrac{s - t}{2}\,\big(x'(x_t, t) + x'(\tilde x_s, s)\big).$$

    Args:
        steps: times of the grid; a step evaluates the network twice, the last one once.
        grid, threshold: see `Sampler`.
    """

    order = 2

    @property
    def evaluations(self) -> int:
        return 2 * self.steps - 1

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        length = expand(s - t, x_t)
        first = self.slope(denoiser, x_t, t)
        second = self.slope(denoiser, x_t + length * first, s)
        return x_t + 0.5 * length * (first + second)
