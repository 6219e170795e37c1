"""Networks that are functions, and those that imply a given estimate of the data."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import EDM, X0, Eps, Prediction, Score, V
from snowmelt.diffusion.processes import Process
from snowmelt.diffusion.schedules import NoiseSchedule

PREDICTIONS: dict[str, Prediction] = {
    "eps": Eps(),
    "x_0": X0(),
    "v": V(),
    "score": Score(),
    "edm": EDM(0.7),
}


class Answer(nn.Module):
    """A network that is a function."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        return self.function(x, log_snr)


class Straight(NoiseSchedule):
    """A log-SNR that falls evenly between two ends."""

    def __init__(self, first: float = 30.0, last: float = -30.0) -> None:
        self.first, self.last = first, last

    def log_snr(self, t: Tensor) -> Tensor:
        return (1 - t) * self.first + t * self.last


def answering(
    name: str,
    process: Process,
    x_0_hat: Tensor,
    x_t: Tensor,
    t: Tensor,
    share: Tensor | None = None,
) -> Denoiser:
    """A denoiser whose network, whatever it predicts, means `x_0_hat`.

    Each output is put together from the definitions of the papers.
    """
    wide = (-1, *[1] * (x_t.ndim - 1))
    alpha, sigma = process.alpha(t).reshape(wide), process.sigma(t).reshape(wide)
    length = (alpha**2 + sigma**2).sqrt()
    eps_hat = (x_t - alpha * x_0_hat) / sigma
    ratio, std = sigma / alpha, 0.7
    # Karras's table 1, in which the state is x_t / alpha.
    skip = std**2 / (ratio**2 + std**2)
    scale = ratio * std / (ratio**2 + std**2).sqrt()
    output = {
        "eps": eps_hat,
        "x_0": x_0_hat,
        "v": (alpha * eps_hat - sigma * x_0_hat) / length,
        "score": -eps_hat * length / sigma,
        "edm": (x_0_hat - skip * x_t / alpha) / scale,
    }[name]
    if share is not None:
        output = torch.cat((output, 2 * share - 1), dim=1)
    net = Answer(lambda x, log_snr: output)
    return Denoiser(net, process, PREDICTIONS[name], learned_variance=share is not None)


def batch(
    shape: tuple[int, ...], count: int = 4, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, count, *shape, generator=generator).to(dtype)
    return x_0, torch.linspace(0.1, 0.9, count, dtype=torch.float64), eps
