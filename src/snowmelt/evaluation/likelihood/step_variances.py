r"""The variance of the chain's reverse steps.

A reverse step $p(x_s \mid x_t)$ is normal around the posterior's mean at the estimate of
the data. Its variance lies between that of the posterior,
$-\sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$, which is exact for data of one point,
and that of the forward step, $-\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$, which is
exact for standard normal data in a variance-preserving process. A `share` in [0, 1]
interpolates between the two logarithms.

Whatever the network answers, one variance of a step costs the least on average: that of the
posterior, and of the error of the mean on top. With the mean squared error
$\varepsilon^2(\lambda) = \mathrm{E}\lVert x_0 - \hat x_0\rVert^2 / D$ it exceeds the
posterior's by the factor

$$e^\delta = 1 + (e^{\lambda_s} - e^{\lambda_t})\,\varepsilon^2(\lambda_t),$$

and the step then costs $\tfrac12\delta$ nats a dimension instead of
$\tfrac12\,\mathrm{expm1}(\delta)$. For a network without error that is the reverse step's
true variance, which for Gaussian data is exact. `Analytic` measures the error on training
data: a variance chosen on the examples that are evaluated would not belong to a model.

The last step, to the data, has no posterior: that of exact data has no spread. A fixed
variance is $\sigma^2/\alpha^2$ at the first time instead, the noise in the data's own
scale; or, as in improved-diffusion, the posterior's variance of the step before it.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2;
    Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 15, and their
    `gaussian_diffusion.py` (the last step);
    Bao, Li, Zhu & Zhang (2022), arXiv:2201.06503, theorem 1 (the best variance).
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least
from snowmelt.common.bounds import Count
from snowmelt.diffusion.denoiser import LOG_SNR_LIMIT, Denoiser
from snowmelt.diffusion.processes import Process, expand

_LEAST_ERROR = 1e-30


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

    def excess(self, process: Process, t: Tensor, s: Tensor, share: Tensor) -> Tensor:
        r"""$\delta$, the logarithm of the step's variance over the posterior's.

        Shapes:
            t, s: (B,) or (), share: see `ask` -> broadcasts to (B, *D)
        """
        return log_excess(process, t, s, share)


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
    """The posterior's variance, with which a step costs only the error of its mean.

    It is too small wherever data is not known to the point. Of Gaussian pixels of 8 bits,
    1,000 steps and a network without error the bound lies 0.3 bits a dimension above the
    truth on the cosine schedule, more on Ho's chain, most of it from the last steps.
    """

    _share = 0.0


class FixedLarge(_Fixed):
    """The forward step's variance; the last step has that of `FixedSmall`."""

    _share = 1.0


class Analytic(_Fixed):
    """The variance that costs the least, given the errors that the network makes.

    The errors are measured at some noise levels on examples of the training split, and
    interpolated between them, their logarithm over the log-SNR. It is one number a step for
    all elements of an example. The last step has the variance of `FixedSmall`.

    Args:
        examples: of the training split, at most.
        levels: noise levels, about equally far apart in log-SNR.
        last_as_second: see `FixedSmall`.

    Raises:
        ValueError: fewer than two examples or levels.
    """

    _share = 0.0

    def __init__(
        self, examples: Count = 128, levels: Count = 32, last_as_second: bool = False
    ) -> None:
        super().__init__(last_as_second)
        check_at_least(2, examples=examples, levels=levels)
        self.examples = examples
        self.levels = levels
        self._log_snr: Tensor | None = None
        self._log_error: Tensor | None = None

    def fitted(self, log_snr: Tensor, error: Tensor) -> Self:
        """The same, with the mean squared errors by element at some log-SNRs.

        Shapes:
            log_snr, error: (K,)
        """
        found = copy.copy(self)
        found._log_snr, order = log_snr.double().clamp(min=-LOG_SNR_LIMIT).sort()
        found._log_error = error.double().clamp(min=_LEAST_ERROR).log()[order]
        return found

    def excess(self, process: Process, t: Tensor, s: Tensor, share: Tensor) -> Tensor:
        before, after = process.log_snr(t).double(), process.log_snr(s).double()
        drop = -torch.exp(after) * torch.expm1(before - after)
        found = torch.log1p(drop * torch.exp(self._log_error_at(before)))
        return found.reshape(-1, *[1] * (share.ndim - 1)).to(share.dtype)

    def _log_error_at(self, log_snr: Tensor) -> Tensor:
        """Linear between the levels, constant beyond. Shapes: (*) -> (*)"""
        if self._log_snr is None or self._log_error is None:
            raise ValueError("an analytic variance has to be fitted first")
        x, y = self._log_snr.to(log_snr.device), self._log_error.to(log_snr.device)
        level = log_snr.clamp(float(x[0]), float(x[-1]))
        right = torch.searchsorted(x, level).clamp(1, len(x) - 1)
        low, high = x[right - 1], x[right]
        place = (level - low) / (high - low).clamp(min=_LEAST_ERROR)
        return torch.lerp(y[right - 1], y[right], place)


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
    """The variance that a model has learned, else the one that fits its errors best."""
    return Learned() if denoiser.learned_variance else Analytic()


def log_excess(process: Process, t: Tensor, s: Tensor, share: Tensor) -> Tensor:
    r"""The logarithm of the step's variance over the posterior's.

    That is the share of $\log(\sigma_t^2 / \sigma_s^2)$, whatever the step's length.

    Shapes:
        t, s: (B,) or (), share: (B or 1, ...) -> (B or 1, ...)
    """
    ratio = 2.0 * (torch.log(process.sigma(t)) - torch.log(process.sigma(s)))
    return share * ratio.reshape(-1, *[1] * (share.ndim - 1)).to(share.dtype)
