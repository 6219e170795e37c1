r"""The error of a learned score against the true one, at each noise level.

Where $q(x_0)$ is known, so is the true score $s$ of $x_t = \alpha x_0 + \sigma\epsilon$,
and with it the answer of least loss, $\mathrm{E}[\epsilon \mid x_t] = -\sigma\,s(x_t)$. The
loss of a network then falls into two parts,

$$\frac1D\mathrm{E}|\hat\epsilon - \epsilon|^2
  = \underbrace{\frac{\sigma^2}{D}\mathrm{E}|\hat s - s|^2}_{\text{score error}}
  + \underbrace{\frac1D\mathrm{E}|\epsilon - \mathrm{E}[\epsilon \mid x_t]|^2}_{
      \text{irreducible}} .$$

A loss alone does not say how much of it could be trained away; the score error is just that
part. It is taken at true noisy points, held-out ones with noise of their own.

Integrated over the log-SNR it is worth nats. With $p$ the law of samples of the reverse
stochastic equation, solved exactly,

$$\mathrm{KL}(q \,\|\, p) \le \tfrac{D}{2} \int \text{score error}\;d\lambda$$

and what the prior adds at $t = 1$. The divergence the other way round may be larger, and
the probability flow has no such bound at all.

References:
    Vincent (2011), "A connection between score matching and denoising autoencoders";
    Song et al. (2021), arXiv:2101.09258, theorem 1 (the bound).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.densities.exact import Perturbable
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints

# Beyond this no float32 sees the data for the noise, or the noise for the data.
LOG_SNR_LIMIT = 20.0
_AT_ONCE = 1000


@dataclass(frozen=True)
class Errors:
    """Squared errors of the estimated noise at single points, by dimension.

    Attributes:
        learned: of the network, (B,).
        least: of the true answer from the noise itself, (B,): the irreducible loss.
        size: of the true answer, from zero, (B,).
        training_points: of these, without a network, (B,).
    """

    learned: Tensor
    least: Tensor
    size: Tensor
    training_points: Tensor


@dataclass(frozen=True)
class ScoreComparison:
    """A model beside the true density, at held-out points.

    Attributes:
        density: the true one, of the data as the model sees it.
        training_points: what the model learned from.
        x_0: points of the density that were held out, (N, *D).
        seed: of the noise, which is keyed by it and the row.
    """

    denoiser: Denoiser
    density: Perturbable
    training_points: TrainingPoints
    x_0: Tensor
    seed: int
    device: torch.device

    @torch.no_grad()
    def errors(self, t: Tensor, count: int, step: int) -> Errors:
        """The squared errors at the first points, with noise of these times.

        Args:
            count: B, how many points.
            step: part of the noise's key: another step, other noise.

        Shapes:
            t: (B,) or (), float64
        """
        times = t.expand(count)
        parts = [
            self._errors(rows, times[rows], step)
            for rows in torch.arange(count).split(_AT_ONCE)
        ]
        return Errors(*(torch.cat(part) for part in zip(*parts, strict=True)))

    def _errors(self, rows: Tensor, t: Tensor, step: int) -> tuple[Tensor, ...]:
        eps, x_t, alpha, sigma = self._noisy(rows, t.to(self.device), step)
        x = x_t.to(torch.float64)
        _, true = self.density.estimates(x, expand(alpha, x), expand(sigma, x))
        learned = self.denoiser.eps(x_t.to(self.device), t.to(self.device))
        nearest = self.training_points.eps(x, alpha, sigma)
        found = (learned.cpu().to(torch.float64) - true, eps - true, true, nearest - true)
        # Mean squares over the dimensions.
        return tuple(part.flatten(1).square().mean(1) for part in found)

    def _noisy(self, rows: Tensor, t: Tensor, step: int) -> tuple[Tensor, ...]:
        """Noise, noisy points in the precision of networks, and the two scales."""
        process = self.denoiser.process
        alpha, sigma = process.alpha(t).cpu(), process.sigma(t).cpu()
        x_0 = self.x_0[rows].to(torch.float64)
        shape, stream = tuple(x_0.shape[1:]), Stream.SCORE_ERROR
        noise = normal(shape, seed=self.seed, stream=stream, index=rows, step=step)
        eps = noise.to(torch.float64)
        x_t = expand(alpha, x_0) * x_0 + expand(sigma, x_0) * eps
        return eps, x_t.to(torch.float32), alpha, sigma


@torch.no_grad()
def levels(
    process: Process, count: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    r"""Times at equal steps in log-SNR, from noise to data, and the log-SNRs.

    They cover the schedule from end to end, but nothing beyond a log-SNR of
    $\pm$`LOG_SNR_LIMIT`.

    Shapes:
        -> (count,), (count,) float64
    """
    ends = torch.tensor([1.0, 0.0], dtype=torch.float64, device=device)
    low, high = process.log_snr(ends).clamp(-LOG_SNR_LIMIT, LOG_SNR_LIMIT)
    share = torch.linspace(0, 1, count, dtype=torch.float64, device=device)
    times = process.time(low + share * (high - low))
    return times.cpu(), process.log_snr(times).cpu()


def uniform_times(count: int) -> Tensor:
    """The middles of as many equal stretches of time. Shapes: -> (count,) float64"""
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def mean_over_times(values: Tensor) -> Estimate:
    """The mean of values in the order of their times, and its standard error.

    The times are a regular grid and add nothing to the error, so it is taken from the
    differences of neighbours, which have almost the same time.

    Shapes:
        values: (B,), B > 1
    """
    error = math.sqrt(0.5 * float(values.diff().square().mean()) / len(values))
    return Estimate(float(values.mean()), error)
