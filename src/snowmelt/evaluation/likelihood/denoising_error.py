r"""The denoising error at fixed noise levels: one measure for models under any schedule.

The loss of a training is a mean over the noise levels that its schedule visits, with the
weights of the loss, so that of one schedule says nothing beside that of another. Here
examples are perturbed at log-SNRs that are the same for every model, by the same noise, and
the network is asked what the noise was:

$$ e(\lambda) = \frac1D\,
    \mathrm{E}\,\lVert \epsilon - \hat\epsilon(x_\lambda, \lambda) \rVert^2 . $$

Its integral over $\lambda$ is, by dimension, twice the diffusion loss between the two ends,
in which no schedule occurs. The mean over levels at equal distances stands for that.

A schedule whose ends lie within the levels has trained nothing beyond them. There the
network is not asked, and no mean is taken.

References:
    Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, section 5.1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, VariancePreserving
from snowmelt.diffusion.schedules import Geometric
from snowmelt.evaluation.estimate import Estimate

LEVELS = tuple(range(-8, 9, 2))
"""The log-SNRs, from almost noise to almost data."""
# On it the log-SNR falls from 10 to -10 along a straight line.
_COMMON = VariancePreserving(Geometric(math.exp(-5.0), math.exp(5.0)))


@dataclass(frozen=True)
class DenoisingErrors:
    """The squared errors of each example, by dimension.

    Attributes:
        levels: the log-SNRs that the network was asked at.
        by_example: float64 (N, levels).
    """

    levels: tuple[int, ...]
    by_example: Tensor

    @property
    def is_whole(self) -> bool:
        return self.levels == LEVELS


def covered(process: Process) -> tuple[int, ...]:
    """The levels that a process goes through."""
    schedule = process.schedule
    learned = list(schedule.parameters()) if isinstance(schedule, torch.nn.Module) else []
    device = learned[0].device if learned else None
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64, device=device)
    with torch.no_grad():
        most, least = process.log_snr(ends).tolist()
    return tuple(level for level in LEVELS if least <= level <= most)


@torch.no_grad()
def squared_errors(
    denoiser: Denoiser,
    x_0: Tensor,
    index: Tensor,
    levels: tuple[int, ...] = LEVELS,
    *,
    seed: int,
) -> Tensor:
    """The squared error of the estimated noise, by dimension.

    The noise of an example depends on seed and index alone: it is the same at every level,
    and for every model.

    Shapes:
        x_0: (B, *D), index: (B,) -> (B, levels) float64
    """
    asked = _at_fixed_levels(denoiser)
    eps = normal(x_0.shape[1:], seed=seed, stream=Stream.HELD_OUT_NOISE, index=index)
    found = []
    for level in levels:
        time = _COMMON.time(torch.tensor(float(level), device=x_0.device))
        x_t = asked.process.perturb(x_0, time, eps)
        _, eps_hat = asked.estimates(x_t, time)
        found.append((eps_hat - eps).double().square().flatten(1).mean(1))
    return torch.stack(found, dim=1)


def _at_fixed_levels(denoiser: Denoiser) -> Denoiser:
    """The same network, which sees unit coordinates and the log-SNR, on common times."""
    asked = Denoiser(
        denoiser.net,
        _COMMON,
        denoiser.prediction,
        denoiser.learned_variance,
        denoiser.self_conditioned,
    )
    return asked.with_labels(denoiser.labels).eval()


def mean_error(errors: DenoisingErrors) -> Estimate | None:
    """The mean over all levels; None where some were not trained."""
    if not errors.is_whole:
        return None
    return Estimate.of_mean(errors.by_example.mean(1))


def error_at(level: int) -> Callable[[DenoisingErrors], Estimate | None]:
    """The metric that is the mean error at a level."""

    def metric(errors: DenoisingErrors) -> Estimate | None:
        if level not in errors.levels:
            return None
        return Estimate.of_mean(errors.by_example[:, errors.levels.index(level)])

    return metric
