"""Gaussians and mixtures of them: the exact network, the exact marginals, exact moments.

With the exact denoiser of a Gaussian every step is an affine map of the state, of the noise
and of what is remembered of earlier steps. So the last state is affine in the first and in
all noise, its coefficients can be read off one run of many probes, and mean and variance
follow without a single random number.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.predictions import Prediction, V
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Sampler

MEAN, STD = 0.3, 0.6


class Exact(nn.Module):
    """The exact answer for a mixture of round Gaussians, in float64.

    Shapes:
        weights, stds: (K,), means: (K, d)
    """

    def __init__(
        self,
        prediction: Prediction,
        means: list[list[float]],
        stds: list[float],
        weights: list[float],
        share: float | None = None,
    ) -> None:
        super().__init__()
        self.prediction, self.share = prediction, share
        self.weights, self.stds = (
            torch.tensor(v, dtype=torch.float64) for v in (weights, stds)
        )
        self.means = torch.tensor(means, dtype=torch.float64)
        # Samplers ask a network for its device.
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor, log_snr: Tensor) -> Tensor:
        log_snr = log_snr.double()[:, None]
        alpha, sigma = torch.sigmoid(log_snr).sqrt(), torch.sigmoid(-log_snr).sqrt()
        apart = x.double()[:, None, :] - alpha[:, :, None] * self.means
        variance = (alpha * self.stds) ** 2 + sigma**2
        dimension = self.means.shape[1]
        log_density = -0.5 * (apart**2).sum(-1) / variance
        log_density = log_density - 0.5 * dimension * variance.log() + self.weights.log()
        own = torch.softmax(log_density, dim=1)[..., None]
        pull = apart / variance[..., None]
        eps = (own * sigma[..., None] * pull).sum(1)
        spread = alpha[..., None] * self.stds[:, None] ** 2
        x_0 = (own * (self.means + spread * pull)).sum(1)
        answer = self.prediction.target(x_0, eps, alpha, sigma)
        if self.share is not None:
            shares = torch.full_like(answer, 2.0 * self.share - 1.0)
            answer = torch.cat((answer, shares), dim=1)
        return answer.to(x.dtype)


def mixture_denoiser(
    process: Process,
    means: list[list[float]],
    stds: list[float],
    weights: list[float],
    sampler: Sampler | None = None,
) -> Denoiser:
    """The exact denoiser; for a sampler that asks for a share of the variance, with one."""
    learned = sampler is not None and sampler.needs_learned_variance
    net = Exact(V(), means, stds, weights, share=0.3 if learned else None)
    return Denoiser(net, process, V(), learned_variance=learned)


def gaussian_denoiser(process: Process, sampler: Sampler | None = None) -> Denoiser:
    """The exact denoiser of N(MEAN, STD^2)."""
    return mixture_denoiser(process, [[MEAN]], [STD], [1.0], sampler)


def marginal(process: Process, t: Tensor) -> tuple[float, float]:
    """The true mean and standard deviation of N(MEAN, STD^2) at a time."""
    alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
    return alpha * MEAN, math.hypot(alpha * STD, sigma)


class Between(Grid):
    """Equally spaced times from one to another, both of them included."""

    def __init__(self, first: float, last: float) -> None:
        self.first, self.last = first, last

    def times(self, steps: int, process: Process) -> Tensor:
        return torch.linspace(self.first, self.last, steps, dtype=torch.float64)


@torch.no_grad()
def moments(denoiser: Denoiser, sampler: Sampler) -> tuple[float, float]:
    """Mean and standard deviation at the last time, from the truth at the first.

    Probes: all zero; a start of one; one for each draw of noise; and last a mixed one,
    which must land where the others say, or the sampler is not affine.
    """
    process, times = denoiser.process, sampler.times(denoiser.process)
    steps = len(times) - 1
    draws = sampler.draws * steps
    probes = torch.cat((torch.zeros(1, draws + 1), torch.eye(draws + 1))).double()
    mixed = torch.cos(1.0 + torch.arange(draws + 1).double() ** 2)
    probes = torch.cat((probes, mixed[None]))
    x = probes[:, :1]
    noise = probes[:, 1:].T.reshape(steps, sampler.draws, len(probes), 1)
    memory: dict = {}
    for number, (t, s) in enumerate(itertools.pairwise(times)):
        x = sampler.step(denoiser, x, t, s, noise[number], memory)
    shift, responses = x[0], x[1:-1, 0] - x[0]
    torch.testing.assert_close(x[-1], shift + mixed @ responses, rtol=1e-6, atol=1e-9)
    mean, std = marginal(process, times[0])
    variance = (responses[0] * std) ** 2 + (responses[1:] ** 2).sum()
    return float(shift + responses[0] * mean), float(variance.sqrt())


def error(denoiser: Denoiser, sampler: Sampler) -> float:
    """The Wasserstein distance from the truth at the last time, of Gaussians."""
    found = moments(denoiser, sampler)
    true = marginal(denoiser.process, sampler.times(denoiser.process)[-1])
    return math.dist(found, true)
