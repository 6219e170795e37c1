r"""Losses: one number an example, from a denoiser's answer to a perturbed example.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 14.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from snowmelt.denoiser import Denoiser


class Loss(ABC):
    """A loss of every example; the training averages it over the batch."""

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
    """

    def __call__(self, denoiser: Denoiser, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        x_t = denoiser.process.perturb(x_0, t, eps)
        target = denoiser.target(x_0, eps, t)
        return (denoiser(x_t, t) - target).square().flatten(1).mean(1)
