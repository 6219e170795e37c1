"""The interface of a loss, the simple loss, and the form of all weighted losses."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process


class Loss(ABC):
    """A loss of every example; the training averages it over the batch."""

    needs_learned_variance: bool = False
    """Whether the network has to answer with a variance too."""

    trains_schedule: bool = False
    """Whether its mean depends on the ends of the schedule alone, so that the curve
    between them is free to be learned."""

    @abstractmethod
    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """The loss of each example at its time and with its noise.

        Shapes:
            x_0: (B, *D), t: (B,), eps: (B, *D) -> (B,)
        """


class Simple(Loss):
    r"""The squared error of the network's own target, averaged over dimensions.

    $$L = \tfrac{1}{D}\,\lVert \mathrm{net}(x_t, t) - \mathrm{target} \rVert^2.$$

    Losses of two predictions are on two scales and are not comparable with each other.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 14.
    """

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        x_t = denoiser.process.perturb(x_0, t, eps)
        return mean_square(denoiser(x_t, t) - denoiser.target(x_0, eps, t))


class Weighted(Loss):
    r"""A weight for each noise level, $L = w\,\tfrac1D\lVert\hat x_0 - x_0\rVert^2$.

    It is computed from the error of the output, which is exact where that of $\hat x_0$
    would be a small difference of large numbers, or the reverse.
    """

    @abstractmethod
    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        """The weight of the squared error of the data. Shapes: t: (B,) -> (B,)"""

    def rounded(self, t: Tensor) -> Tensor:
        """The times at which the loss is evaluated for times `t`. (B,) -> (B,)"""
        return t

    def weight(self, denoiser: Denoiser, t: Tensor) -> Tensor:
        """The weight of the squared error of the output. Shapes: t: (B,) -> (B,)"""
        return self.x_0_weight(denoiser.process, t) * denoiser.x_0_slope(t) ** 2

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        t = self.rounded(t)
        x_t = denoiser.process.perturb(x_0, t, eps)
        error = mean_square(denoiser(x_t, t) - denoiser.target(x_0, eps, t))
        return self.weight(denoiser, t).to(error.dtype) * error


def mean_square(error: Tensor) -> Tensor:
    """The mean over an example's dimensions. Shapes: (B, *D) -> (B,)"""
    return error.square().flatten(1).mean(1)
