r"""The simple loss, with a learned variance of each reverse step.

The simple loss says nothing about variances, the bound is noisy where it trains the mean.
The hybrid takes each for what it is good at: $L = L_\mathrm{simple} + w\,L_\mathrm{vlb}$,
where the bound sees the network's mean as a constant and moves the variance alone.

The variance of a step is between that of the posterior and that of the forward step,
$\sigma_p^2 = \sigma_{s|t}^2\,e^{vR}$ with the learned share $v$ and
$R = \log(\sigma_{t|s}^2/\sigma_{s|t}^2) = 2\log(\sigma_t/\sigma_s)$. The divergence of the
two normals is then

$$D = \tfrac12\big(vR - 1 + e^{-vR}\,(1 + (\mathrm{SNR}(s) - \mathrm{SNR}(t))\,
    (\hat x_0 - x_0)^2)\big)$$

in each dimension. The first step has no earlier state to be compared with: there the bound
has the negative log-likelihood of the data under a normal around $\hat x_0$.

References:
    Nichol & Dhariwal (2021), arXiv:2102.09672, section 3.1, eqs. 15 and 16.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least, check_not_negative
from snowmelt.common.bounds import Count, NotNegative
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.discretised_normal import log_likelihood
from snowmelt.diffusion.losses.loss import Loss, mean_square
from snowmelt.diffusion.losses.vlb import chain_step, snr_drop
from snowmelt.diffusion.processes import expand


class Hybrid(Loss):
    r"""The sum above, for a chain of T steps; the bound in nats a dimension.

    One step of the chain stands for all T of them, so its term counts T times. In the
    authors' program the bound is in bits: this weight divided by $\log 2$ is theirs.

    Args:
        weight: $w$.
        steps: T; a time between two of the chain's moves up to the later one.
        levels: how many equally spaced values in [-1, 1] the data takes; the first step
            then has the discretised Gaussian log-likelihood. None for data that is not
            discrete: the density itself.

    Raises:
        ValueError: a negative or infinite weight, fewer than one step or two levels.
    """

    needs_learned_variance = True

    def __init__(
        self, weight: NotNegative = 1e-3, steps: Count = 1000, levels: int | None = None
    ) -> None:
        check_not_negative(weight=weight)
        check_at_least(1, steps=steps)
        if levels is not None and levels < 2:
            raise ValueError(f"levels must be at least 2, got {levels}")
        self.weight = weight
        self.steps = steps
        self.levels = levels

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        step = chain_step(t, self.steps)
        t, s = step / self.steps, (step - 1) / self.steps
        x_t = denoiser.process.perturb(x_0, t, eps)
        output, share = denoiser.with_variance(x_t, t)
        error = output - denoiser.target(x_0, eps, t)
        bound = self._divergence(denoiser, error.detach(), share, t, s)
        if (step == 1).any():
            x_0_hat = denoiser.estimates_from(output.detach(), x_t, t)[0]
            reconstruction = self._reconstruction(denoiser, x_0, x_0_hat, share, t, s)
            bound = torch.where(step == 1, reconstruction, bound)
        simple = mean_square(error)
        return simple + self.weight * self.steps * bound.to(simple.dtype)

    def _divergence(
        self, denoiser: Denoiser, error: Tensor, share: Tensor, t: Tensor, s: Tensor
    ) -> Tensor:
        """The mean divergence of a step, from the error of the output. -> (B,)"""
        drop = snr_drop(denoiser.process, t, s) * denoiser.x_0_slope(t) ** 2
        excess = share * expand(_log_variance_ratio(denoiser, t, s), share)
        # x - 1 + e^-x through expm1: both terms vanish with the share
        spread = excess + torch.expm1(-excess)
        divergence = 0.5 * (spread + torch.exp(-excess) * expand(drop, error) * error**2)
        return divergence.flatten(1).mean(1)

    def _reconstruction(
        self,
        denoiser: Denoiser,
        x_0: Tensor,
        x_0_hat: Tensor,
        share: Tensor,
        t: Tensor,
        s: Tensor,
    ) -> Tensor:
        """The mean negative log-likelihood of the data at the first step. -> (B,)"""
        smallest = torch.log(denoiser.process.posterior_variance(t, s))
        ratio = _log_variance_ratio(denoiser, t, s)
        log_std = 0.5 * (expand(smallest, share) + share * expand(ratio, share))
        if self.levels is None:
            scaled = (x_0 - x_0_hat) * torch.exp(-log_std)
            nll = 0.5 * scaled**2 + log_std + 0.5 * math.log(2 * math.pi)
        else:
            nll = -log_likelihood(x_0, x_0_hat, log_std, self.levels)
        return nll.flatten(1).mean(1)


def _log_variance_ratio(denoiser: Denoiser, t: Tensor, s: Tensor) -> Tensor:
    """How far apart the largest and the smallest variance are. Shapes: (B,) -> (B,)"""
    process = denoiser.process
    return 2.0 * torch.log(process.sigma(t) / process.sigma(s))
