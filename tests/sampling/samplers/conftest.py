"""Gaussian data, whose exact denoiser makes every step an affine map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Eps, Prediction
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Cosine


class Knowing(nn.Module):
    """The exact answer for data N(mean, std^2) in each coordinate, one by one."""

    def __init__(
        self, prediction: Prediction, mean: float, std: float, share: float | None
    ) -> None:
        super().__init__()
        self.prediction, self.mean, self.std, self.share = prediction, mean, std, share
        self.calls = 0
        # Samplers ask a network for its device.
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        self.calls += 1
        log_snr = log_snr.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        alpha, sigma = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()
        x = x / self.prediction.input_scale(alpha, sigma)
        apart = (x - alpha * self.mean) / ((alpha * self.std) ** 2 + sigma**2)
        x_0, eps = self.mean + alpha * self.std**2 * apart, sigma * apart
        answer = self.prediction.target(x_0, eps, alpha, sigma)
        if self.share is None:
            return answer
        return torch.cat((answer, torch.full_like(answer, 2.0 * self.share - 1.0)), dim=1)


@pytest.fixture
def gaussian_denoiser() -> Callable[..., Denoiser]:
    """A function that makes the exact denoiser of N(mean, std^2).

    With a share it also answers one, of the logarithm of the variance of a step.
    """

    def make(
        process: Process | None = None,
        prediction: Prediction | None = None,
        mean: float = 0.3,
        std: float = 0.6,
        share: float | None = None,
    ) -> Denoiser:
        process, prediction = process or VariancePreserving(Cosine()), prediction or Eps()
        net = Knowing(prediction, mean, std, share)
        return Denoiser(net, process, prediction, learned_variance=share is not None)

    return make
