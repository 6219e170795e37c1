r"""Fitting the bound's variance to the errors that a network makes on training data.

The variance belongs to the model, so it is chosen before the held-out examples are seen and
not on them. The errors are averaged over examples and noise at some steps of the chain,
which lie about equally far apart in log-SNR; where steps are long, near the data, they are
every step.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.likelihood.step_variances import Analytic
from snowmelt.evaluation.likelihood.variational_bound import Bound

_ERRORS = 2**30  # the keys of random numbers here; those of the terms count from 0


def fitting(bound: Bound, denoiser: Denoiser) -> Analytic | None:
    """The variance of a bound, if it is one that has to be fitted."""
    found = bound.variance_for(denoiser)
    return found if isinstance(found, Analytic) else None


def error_steps(bound: Bound, variance: Analytic, process: Process) -> list[int]:
    """The steps at which errors are measured, from 2 to T, both ends among them."""
    strata = min(variance.levels - 1, bound.steps - 1)
    return sorted({2, *(last for _, last in bound.even_runs(process, strata))})


@torch.no_grad()
def errors(
    bound: Bound,
    variance: Analytic,
    denoiser: Denoiser,
    x_0: Tensor,
    index: Tensor,
    *,
    seed: int,
) -> Tensor:
    """The squared error of each example at these steps, the mean over its elements.

    Shapes:
        x_0: (B, *D), index: (B,) int64 -> (B, K) float64
    """
    process, found = denoiser.process, []
    for place, step in enumerate(error_steps(bound, variance, process)):
        t = bound.time(step).to(x_0.device).expand(len(x_0))
        shape, key = tuple(x_0.shape[1:]), _ERRORS + place
        eps = normal(shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=key)
        x_0_hat, _ = bound.ask(denoiser, process.perturb(x_0, t, eps.to(x_0.dtype)), t)
        found.append((x_0 - x_0_hat).double().square().flatten(1).mean(1))
    return torch.stack(found, dim=1)


@torch.no_grad()
def fitted(bound: Bound, variance: Analytic, process: Process, found: Tensor) -> Bound:
    """The bound with its variance fitted to what `errors` gave.

    Shapes:
        found: (N, K)
    """
    steps = torch.tensor(error_steps(bound, variance, process), dtype=torch.float64)
    chosen = copy.copy(bound)
    log_snr = process.log_snr(bound.time(steps).to(found.device))
    chosen.variance = variance.fitted(log_snr, found.mean(0))
    return chosen
