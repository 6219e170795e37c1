r"""Densities whose noisy versions are known, and the network that knows them.

For every prediction the target is linear in $x_0$ and $\epsilon$, so the answer of least
squared error is the target made of the two posterior means. They depend on the process
through $\alpha$ and $\sigma$ alone; scaled to the unit circle, these follow from the
log-SNR, $\alpha^2 = S(\lambda)$. The exact network therefore needs to see no more than any
other does, and one of them serves every process and every schedule.

References:
    Efron (2011), "Tweedie's formula and selection bias".
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from snowmelt.denoiser import Denoiser
from snowmelt.densities.density import Density
from snowmelt.predictions import Prediction
from snowmelt.processes import Process, expand


class Perturbable(Density):
    """A density that stays known when noise is added to its draws."""

    @abstractmethod
    def at(self, process: Process, t: Tensor) -> Self:
        """The density of `x_t`, at one time for all. Shapes: t: ()"""

    @abstractmethod
    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        r"""$\mathrm{E}[x_0 \mid x]$ and $\mathrm{E}[\epsilon \mid x]$ of
        $x = \alpha x_0 + \sigma\epsilon$, well posed where either scale is 0.

        Args:
            labels: the class that each example is known to be of, -1 for none, where the
                density has classes.

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


class ExactNet(nn.Module):
    """A network of no weights that gives the best possible answer.

    Args:
        density: of the data.
        prediction: in whose terms it answers.
        learned_variance: answer twice the channels. The second half is -1, a share of 0:
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
