r"""The variance of the chain's reverse steps.

A reverse step $p(x_s \mid x_t)$ is normal around the posterior's mean at the estimate of
the data. Its variance lies between that of the posterior,
$-\sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$, which is exact for data of one point,
and that of the forward step, $-\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$, which is
exact for standard normal data in a variance-preserving process. A `share` in [0, 1]
interpolates between the two logarithms.

The last step, to the data, has no posterior: that of exact data has no spread. A fixed
variance is $\sigma^2/\alpha^2$ at the first time instead, the noise in the data's own
scale; or, as in improved-diffusion, the posterior's variance of the step before it.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2;
    Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 15, and their
    `gaussian_diffusion.py` (the last step).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand


class ReverseVariance(ABC):
    """A rule for the variance of the reverse steps."""

    is_learned: bool = False

    @abstractmethod
    def ask(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The estimate of the data and the share, from one call of the network.

        Shapes:
            x_t: (B, *D), t: (B,) -> x_0_hat (B, *D), share: broadcasts to (B, *D)
        """

    @abstractmethod
    def last(
        self, process: Process, first: Tensor, second: Tensor, share: Tensor
    ) -> Tensor:
        """The logarithm of the variance of the step to the data.

        Args:
            first, second: the two earliest times of the chain.

        Shapes:
            first, second: (), share: see `ask` -> broadcasts to (B, *D)
        """


class _Fixed(ReverseVariance):
    """The same share at every step.

    Args:
        last_as_second: give the last step the posterior's variance of the one before it.
    """

    _share: float

    def __init__(self, last_as_second: bool = False) -> None:
        self.last_as_second = last_as_second

    def ask(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        return denoiser.x_0(x_t, t), x_t.new_full((1,) * x_t.ndim, self._share)

    def last(
        self, process: Process, first: Tensor, second: Tensor, share: Tensor
    ) -> Tensor:
        if self.last_as_second:
            return process.posterior_variance(second, first).log()
        return -process.log_snr(first)


class FixedSmall(_Fixed):
    """The posterior's variance, with which a step costs only the error of its mean."""

    _share = 0.0


class FixedLarge(_Fixed):
    """The forward step's variance; the last step has that of `FixedSmall`."""

    _share = 1.0


class Learned(ReverseVariance):
    r"""The variance that the network learned.

    Its last step ends at time 0 and not at clean data, as it did in training.
    """

    is_learned = True

    def ask(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        output, share = denoiser.with_variance(x_t, t)
        return denoiser.estimates_from(output, x_t, t)[0], share

    def last(
        self, process: Process, first: Tensor, second: Tensor, share: Tensor
    ) -> Tensor:
        start = torch.zeros_like(first)
        smallest = process.posterior_variance(first, start).log()
        return expand(smallest, share) + log_excess(process, first, start, share)


def own_variance(denoiser: Denoiser) -> ReverseVariance:
    """The variance that a model was trained for: the learned one, else the posterior's."""
    return Learned() if denoiser.learned_variance else FixedSmall()


def log_excess(process: Process, t: Tensor, s: Tensor, share: Tensor) -> Tensor:
    r"""The logarithm of the step's variance over the posterior's.

    That is the share of $\log(\sigma_t^2 / \sigma_s^2)$, whatever the step's length.

    Shapes:
        t, s: (B,) or (), share: (B or 1, ...) -> (B or 1, ...)
    """
    ratio = 2.0 * (torch.log(process.sigma(t)) - torch.log(process.sigma(s)))
    return share * ratio.reshape(-1, *[1] * (share.ndim - 1)).to(share.dtype)
