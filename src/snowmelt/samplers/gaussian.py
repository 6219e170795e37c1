r"""Gaussian steps: the DDPM chain, DDIM, and all between them.

Given estimates of data and noise at time $t$, the state at an earlier time $s$ is put
together anew, with fresh noise of scale $c$ in place of a part of the old:

$$x_s = \alpha_s \hat x_0 + \sqrt{\sigma_s^2 - c^2}\;\hat\epsilon + c\,z, \qquad
  c^2 = -\eta^2 \sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s).$$

$\eta = 1$ makes $c^2$ the variance of the posterior $q(x_s \mid x_t, x_0)$: the ancestral
chain of DDPM. $\eta = 0$ is DDIM, a deterministic map from noise to data.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, algorithm 2;
    Song, Meng & Ermon (2021), arXiv:2010.02502, eqs. 12 and 16.
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.denoiser import Denoiser
from snowmelt.processes import expand
from snowmelt.samplers.grids import Grid
from snowmelt.samplers.sampler import Memory, Sampler
from snowmelt.samplers.thresholds import Threshold


class Gaussian(Sampler):
    r"""The family above.

    Args:
        steps: evaluations of the network for one sample.
        eta: 1 for the DDPM chain, 0 for DDIM, or between.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `eta` outside [0, 1], or fewer than one step.
    """

    order = 1

    def __init__(
        self,
        steps: int,
        eta: float = 0.0,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if not 0.0 <= eta <= 1.0:
            raise ValueError(f"eta must lie between 0 and 1, got {eta}")
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
        process = denoiser.process
        x_0_hat, eps_hat = self.estimates(denoiser, x_t, t)
        variance = process.sigma(s) ** 2
        fresh = self.eta**2 * process.posterior_variance(t, s)
        x_s = expand(process.alpha(s), x_t) * x_0_hat
        x_s = x_s + expand((variance - fresh).clamp(min=0.0).sqrt(), x_t) * eps_hat
        return x_s + expand(fresh.sqrt(), x_t) * noise[0] if self.draws else x_s
