"""Gaussian data, whose exact denoiser makes every step an affine map."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.denoiser import Denoiser
from snowmelt.predictions import Eps, Prediction
from snowmelt.processes import Process, VariancePreserving
from snowmelt.schedules import Cosine


class Knowing(nn.Module):
    """The exact answer for data N(mean, std^2) in each coordinate, one by one."""

    def __init__(self, prediction: Prediction, mean: float, std: float) -> None:
        super().__init__()
        self.prediction, self.mean, self.std = prediction, mean, std
        # Samplers ask a network for its device.
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        share = torch.sigmoid(log_snr.to(x.dtype)).reshape(-1, *[1] * (x.ndim - 1))
        alpha, sigma = share.sqrt(), (1 - share).sqrt()
        eps = sigma * (x - alpha * self.mean) / (share * self.std**2 + 1 - share)
        x_0 = (x - sigma * eps) / alpha
        return self.prediction.target(x_0, eps, alpha, sigma)


@pytest.fixture
def gaussian_denoiser() -> Callable[..., Denoiser]:
    """A function that makes the exact denoiser of N(mean, std^2)."""

    def make(
        process: Process | None = None,
        prediction: Prediction | None = None,
        mean: float = 0.3,
        std: float = 0.6,
    ) -> Denoiser:
        process, prediction = process or VariancePreserving(Cosine()), prediction or Eps()
        return Denoiser(Knowing(prediction, mean, std), process, prediction)

    return make
