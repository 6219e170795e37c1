r"""Densities whose noisy versions are known, and the exact denoiser that follows.

For every prediction the target is linear in $x_0$ and $\epsilon$, so the answer of least
squared error is the target made of the two posterior means. They depend on the process
through $\alpha$ and $\sigma$ alone; scaled to the unit circle, these follow from the
log-SNR, $\alpha^2 = S(\lambda)$. The exact network therefore needs to see no more than any
other does, and one of them serves every process and every schedule.

References:
    Efron (2011), "Tweedie's formula and selection bias".
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from snowmelt.densities.density import Density
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process, expand


class Perturbable(Density):
    """A density whose noisy version is known at every time of every process."""

    @abstractmethod
    def at(self, process: Process, t: Tensor) -> Self:
        """The density of `x_t`, at one time for all. Shapes: t: ()"""

    @abstractmethod
    def standardised(self, mean: Tensor | Sequence[float] | float, std: float) -> Self:
        r"""The density of $y = (x - m) / c$: the same draws in another unit of length.

        Its logarithm is larger by $D\log c$ and its score $c$ times as long. With noise it
        stays the same density seen in another unit: what $\sigma$ is to $x$,
        $\sigma / c$ is to $y$, and $\alpha m$ is to $x_t$ what $m$ is to $x$.

        Args:
            mean: $m$, (D,) or one number for all elements.
            std: $c$, one positive number for all elements.

        Raises:
            ValueError: a `mean` that is not finite or has another shape, or a `std` that
                is not positive and finite.
        """

    @abstractmethod
    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""$\mathrm{E}[x_0 \mid x]$ and $\mathrm{E}[\epsilon \mid x]$ of
        $x = \alpha x_0 + \sigma\epsilon$, well posed where either scale is 0.

        Args:
            labels: the class of each example, -1 for the null class, where the density has
                classes.

        Shapes:
            x: (B, *D), alpha, sigma: (B, 1, ...) or (), labels: (B,)
            -> (B, *D), (B, *D) float64
        """

    def posterior_mean(self, x_t: Tensor, process: Process, t: Tensor) -> Tensor:
        r"""$\mathrm{E}[x_0 \mid x_t]$: the best estimate of the data that there is.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D)
        """
        x, t = x_t.to(torch.float64), t.to(torch.float64)
        alpha, sigma = expand(process.alpha(t), x), expand(process.sigma(t), x)
        return self.estimates(x, alpha, sigma)[0].to(x_t.dtype)

    def denoiser(
        self, process: Process, prediction: Prediction, learned_variance: bool = False
    ) -> Denoiser:
        """The denoiser without error; see `ExactNet`."""
        net = ExactNet(self, prediction, learned_variance)
        return Denoiser(net, process, prediction, learned_variance)


def shift_and_scale(
    mean: Tensor | Sequence[float] | float, std: float, size: int
) -> tuple[Tensor, float]:
    """The checked arguments of `Perturbable.standardised`.

    Shapes:
        mean: (D,) or () -> (D,) float64

    Raises:
        ValueError: `mean` is not finite or has another shape, or `std` is not positive.
    """
    shift, scale = torch.as_tensor(mean, dtype=torch.float64), float(std)
    if shift.shape not in ((), (size,)) or not shift.isfinite().all():
        raise ValueError(
            f"mean must be finite, one for all or one for each of {size} dimensions, got"
            f" {shift.tolist()}"
        )
    if not 0.0 < scale < math.inf:
        raise ValueError(f"std must be positive and finite, got {std}")
    return shift.expand(size), scale


class ExactNet(nn.Module):
    """A network without weights whose output is the least-squares optimum.

    Args:
        density: of the data.
        prediction: the target whose mean it returns.
        learned_variance: return twice the channels. The second half is -1, which stands for
            the smallest variance of a reverse step, that of the posterior given the data.
    """

    def __init__(
        self, density: Perturbable, prediction: Prediction, learned_variance: bool = False
    ) -> None:
        super().__init__()
        self.density = density
        self.prediction = prediction
        self.learned_variance = learned_variance

    def forward(self, x: Tensor, log_snr: Tensor, labels: Tensor | None = None) -> Tensor:
        """The target's mean, given the scaled state and the log-SNR.

        Shapes:
            x: (B, C, ...), log_snr: (B,), labels: (B,) -> (B, C, ...) or (B, 2 C, ...)
        """
        state, level = x.to(torch.float64), log_snr.to(torch.float64)
        alpha = expand(torch.exp(0.5 * logsigmoid(level)), state)
        sigma = expand(torch.exp(0.5 * logsigmoid(-level)), state)
        state = state / self.prediction.input_scale(alpha, sigma)
        x_0, eps = self.density.estimates(state, alpha, sigma, labels)
        answer = self.prediction.target(x_0, eps, alpha, sigma).to(x.dtype)
        if self.learned_variance:
            answer = torch.cat((answer, -torch.ones_like(answer)), dim=1)
        return answer
