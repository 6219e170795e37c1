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

import torch
from torch import Tensor

from snowmelt.denoiser import Denoiser
from snowmelt.processes import expand
from snowmelt.samplers.sampler import Sampler


class Gaussian(Sampler):
    r"""The family above.

    Args:
        steps: evaluations of the network for one sample.
        eta: 1 for the DDPM chain, 0 for DDIM, or between.
        clip: clip the estimate of the data to [-1, 1], and take the noise that goes with
            the clipped one. For images; points have no such range.

    Raises:
        ValueError: `eta` outside [0, 1], or fewer than one step.
    """

    order = 1

    def __init__(self, steps: int, eta: float = 0.0, clip: bool = False) -> None:
        super().__init__(steps)
        if not 0.0 <= eta <= 1.0:
            raise ValueError(f"eta must lie between 0 and 1, got {eta}")
        self.eta = eta
        self.clip = clip

    @property
    def is_stochastic(self) -> bool:
        return self.eta > 0.0

    def step(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor, s: Tensor, noise: Tensor
    ) -> Tensor:
        process = denoiser.process
        x_0_hat, eps_hat = self._estimates(denoiser, x_t, t)
        shrink = -torch.expm1(process.log_snr(t) - process.log_snr(s))
        variance = process.sigma(s) ** 2
        fresh = self.eta**2 * variance * shrink
        x_s = expand(process.alpha(s), x_t) * x_0_hat
        x_s = x_s + expand((variance - fresh).clamp(min=0.0).sqrt(), x_t) * eps_hat
        return x_s + expand(fresh.sqrt(), x_t) * noise

    def last(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> Tensor:
        return self._estimates(denoiser, x_t, t)[0]

    def _estimates(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Data and noise from one call of the network, clipped together."""
        output = denoiser(x_t, t)
        alpha, sigma = denoiser.scales(x_t, t)
        x_0_hat = denoiser.prediction.x_0(output, x_t, alpha, sigma)
        if not self.clip:
            return x_0_hat, denoiser.prediction.eps(output, x_t, alpha, sigma)
        x_0_hat = x_0_hat.clamp(-1.0, 1.0)
        return x_0_hat, (x_t - alpha * x_0_hat) / sigma
