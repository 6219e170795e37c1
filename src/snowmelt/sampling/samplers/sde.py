r"""The reverse stochastic differential equation, by Euler and Maruyama.

The process $dx = f x\,dt + g\,dW$ runs backwards in time as each member of the family

$$dx = \Big(f\,x - \frac{1 + \eta^2}{2}\, g^2\, \nabla\log q_t(x)\Big)\,dt
       + \eta\, g\, d\bar W,$$

all of which share the marginals $q_t$: $\eta = 1$ is Anderson's reverse equation, $\eta =
0$ the probability-flow equation without noise. One step of length $h = t - s$ holds the
coefficients at $t$:

$$x_s = x_t - h\Big(f\,x_t - \frac{1 + \eta^2}{2}\, g^2\, \mathrm{score}\Big)
        + \eta\, g\, \sqrt h\; z.$$

References:
    Anderson (1982), "Reverse-time diffusion equation models";
    Song et al. (2021), arXiv:2011.13456, eqs. 6 and 13; a bridge's equation is that of
    `snowmelt.diffusion.bridge_denoiser`, stepped in the same way;
    Huang, Lim & Courville (2021), arXiv:2106.02808 (the family; $1 - \eta^2$ is their
    lambda).
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative
from snowmelt.common.bounds import Count, Factor
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.ode import slope
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold


class EulerMaruyama(Sampler):
    r"""One evaluation a step, for whichever process.

    It knows nothing of the linear part of the equation, so it needs more steps than a
    gaussian step does for the same error; with few of them on a variance-exploding process
    it is far from its order.

    Args:
        steps: evaluations of the network for one sample.
        eta: how much of Anderson's noise; more than 1 stirs more.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `eta` is negative or not finite, or fewer than one step.
    """

    order = 1
    needs_finite_slope = True
    holds_slope = True
    walks_bridges = True

    def __init__(
        self,
        steps: Count,
        eta: Factor = 1.0,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        check_not_negative(eta=eta)
        self.eta = eta
        self.draws = 1 if eta > 0.0 else 0

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        if isinstance(denoiser, BridgeDenoiser):
            return self._bridge_step(denoiser, x_t, t, t - s, noise)
        process, length = denoiser.process, t - s
        _, eps_hat = self.estimates(denoiser, x_t, t)
        spread = process.diffusion_sq(t)
        # score = -eps_hat / sigma, with the division done in the precision of the time
        pull = 0.5 * (1.0 + self.eta**2) * spread / process.sigma(t)
        x_s = expand(1.0 - length * process.drift(t), x_t) * x_t
        x_s = x_s - expand(length * pull, x_t) * eps_hat
        if not self.draws:
            return x_s
        return x_s + expand(self.eta * (spread * length).sqrt(), x_t) * noise[0]

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        if not isinstance(denoiser, BridgeDenoiser):
            return super().last(denoiser, x_t, t)
        ends = self._bridge(denoiser, x_t, t)
        return denoiser.data(ends[0], self.eta**2 * ends[2], t)

    def _bridge_step(
        self,
        denoiser: BridgeDenoiser,
        x_t: Tensor,
        t: Tensor,
        length: Tensor,
        noise: Tensor,
    ) -> Tensor:
        _, x_1_hat, z_hat = self._bridge(denoiser, x_t, t)
        spread = denoiser.diffusion_sq(t)
        # score = -z_hat / gamma
        pull = 0.5 * self.eta**2 * spread / denoiser.gamma(t)
        x_s = x_t - expand(length, x_t) * slope(denoiser.process, x_t, x_1_hat, t)
        x_s = x_s - expand(length * pull, x_t) * z_hat
        if not self.draws:
            return x_s
        return x_s + expand(self.eta * (spread * length).sqrt(), x_t) * noise[0]

    def _bridge(
        self, denoiser: BridgeDenoiser, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The effective ends, the data within the threshold, and the noise on the way."""
        x_0_hat, x_1_hat, z_hat = denoiser.bridge(x_t, t)
        return *self.thresholded(x_0_hat, x_1_hat, denoiser, x_t, t, z_hat), z_hat
