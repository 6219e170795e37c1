r"""The denoiser: a network, a process and a prediction, asked as one.

From the network's one answer follow estimates of the data, the noise, the velocity and the
score, the last by Tweedie's formula:
$\nabla\log q(x_t) = -\mathrm{E}[\epsilon \mid x_t] / \sigma_t$.

References:
    Efron (2011), "Tweedie's formula and selection bias"; Vincent (2011), "A connection
    between score matching and denoising autoencoders".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from snowmelt.predictions import Prediction
from snowmelt.processes import Process, expand


class Denoiser(nn.Module):
    """Estimates of everything that a sampler asks for, from one call of the network.

    Args:
        net: called as `net(x, log_snr)` with x: (B, *D) of about unit variance and
            log_snr: (B,); answers in the shape of x.
        process: the perturbation that made `x_t`.
        prediction: what the network was trained to answer.
    """

    def __init__(self, net: nn.Module, process: Process, prediction: Prediction) -> None:
        super().__init__()
        self.net = net
        self.process = process
        self.prediction = prediction

    def forward(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The network's own answer, in the terms of its prediction.

        The network is shown a scaled `x_t` and the log-SNR, never the time, so one trained
        network fits every schedule that covers its noise levels.

        Shapes:
            x_t: (B, *D), t: (B,) or () -> (B, *D)
        """
        t = t.expand(len(x_t)) if t.ndim == 0 else t
        alpha, sigma = self.process.alpha(t), self.process.sigma(t)
        scale = torch.rsqrt(alpha**2 + sigma**2)
        log_snr = self.process.log_snr(t).to(x_t.dtype)
        output = self.net(expand(scale, x_t) * x_t, log_snr)
        # Under autocast the network answers in half precision; what follows must not.
        return output.to(x_t.dtype)

    def scales(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha and sigma in a shape that multiplies `x_t`."""
        return expand(self.process.alpha(t), x_t), expand(self.process.sigma(t), x_t)

    def x_0(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the data. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        return self.prediction.x_0(self(x_t, t), x_t, *self.scales(x_t, t))

    def eps(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the noise. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        return self.prediction.eps(self(x_t, t), x_t, *self.scales(x_t, t))

    def v(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the velocity. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        output = self(x_t, t)
        alpha, sigma = self.scales(x_t, t)
        eps = self.prediction.eps(output, x_t, alpha, sigma)
        return alpha * eps - sigma * self.prediction.x_0(output, x_t, alpha, sigma)

    def score(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The estimate of the score. Shapes: x_t: (B, *D), t: (B,) or () -> (B, *D)"""
        return -self.eps(x_t, t) / expand(self.process.sigma(t), x_t)
