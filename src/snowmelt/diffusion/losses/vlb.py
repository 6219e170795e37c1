r"""The diffusion terms of the variational bound on the negative log-likelihood.

A chain of T steps with the posterior's variance in each costs, for the step that ends at
$t$, the Kullback-Leibler divergence

$$D\big(q(x_s \mid x_t, x_0)\,\Vert\,p(x_s \mid x_t)\big)
    = \tfrac12\,(\mathrm{SNR}(s) - \mathrm{SNR}(t))\,\lVert\hat x_0 - x_0\rVert^2,
    \qquad s = t - 1/T.$$

The loss of a random step, times T, is an unbiased estimate of the sum over all of them. As
T grows it becomes an integral,
$\tfrac12\int_0^1 -\tfrac{d\lambda}{dt}\,\lVert\hat\epsilon - \epsilon\rVert^2\,dt$.

Both are in nats a dimension. The two terms of the bound that stand outside, the prior's at
$t = 1$ and the reconstruction's at $t = 0$, do not depend on the network. The bound that
`snowmelt.evaluation.likelihood` measures is divided as Ho et al. do it: there the step from
$1/T$ goes to the data itself, and is the discretised Gaussian log-likelihood.

References:
    Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, sections 4 and 5.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count
from snowmelt.diffusion.losses.loss import Weighted
from snowmelt.diffusion.processes import Process

_ROUNDING = 1e-3


class VLB(Weighted):
    r"""The bound in continuous time: $w = -\tfrac12\,\tfrac{d}{dt}\mathrm{SNR}(t)$.

    For the error of eps that is $-\tfrac12\,d\lambda/dt$. Its mean over time depends on the
    schedule through the two ends alone, so a schedule between them can be learned: the
    training makes it minimise the variance of the loss.

    References:
        Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, eqs. 15 to 18.
    """

    trains_schedule = True

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        snr = torch.exp(process.log_snr(t))
        # Where no signal is left the slope is infinite, and the product tends to zero.
        slope = torch.where(snr > 0, process.log_snr_slope(t), 0.0)
        return -0.5 * slope * snr


class DiscreteVLB(Weighted):
    r"""The bound of a chain of T steps, with $s = t - 1/T$.

    $$w = \tfrac{T}{2}(\mathrm{SNR}(s) - \mathrm{SNR}(t)).$$

    A time between two of the chain's moves up to the later one, so uniform times are
    uniform steps.

    Args:
        steps: T.

    Raises:
        ValueError: fewer than one step.

    References:
        Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, eq. 13.
    """

    def __init__(self, steps: Count = 1000) -> None:
        check_at_least(1, steps=steps)
        self.steps = steps

    def rounded(self, t: Tensor) -> Tensor:
        return chain_step(t, self.steps) / self.steps

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        s = (chain_step(t, self.steps) - 1) / self.steps
        return 0.5 * self.steps * snr_drop(process, t, s)


def chain_step(t: Tensor, steps: int) -> Tensor:
    """The number of the step that a time belongs to, 1 to `steps`: it ends at or after it.

    Shapes:
        t: (*) -> (*) whole numbers in the precision of the time
    """
    # A time of the chain itself must not be rounded up to the next.
    return torch.ceil(t * steps - _ROUNDING).clamp(1, steps)


def snr_drop(process: Process, t: Tensor, s: Tensor) -> Tensor:
    r"""How much the signal-to-noise ratio falls, in digits that last for small steps.

    $$\mathrm{SNR}(s) - \mathrm{SNR}(t)
        = -e^{\lambda_s}\,\mathrm{expm1}(\lambda_t - \lambda_s).$$

    Shapes:
        t, s: (*) with s < t -> (*)
    """
    log_snr = process.log_snr(s)
    return -torch.exp(log_snr) * torch.expm1(process.log_snr(t) - log_snr)
