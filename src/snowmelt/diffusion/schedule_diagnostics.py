r"""Curves and numbers that show what a schedule does in a process, before any training.

Most are given in unit coordinates, the state divided by $\sqrt{\alpha^2 + \sigma^2}$, in
which every process is a variance-preserving one at the same log-SNR $\lambda$: there
$\bar\alpha = S(\lambda)$ with the logistic function $S$, and the chain of T steps has
$\beta_i = 1 - \bar\alpha_i / \bar\alpha_{i-1}$.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from snowmelt.diffusion.noise_schedule import NoiseSchedule
from snowmelt.diffusion.predictions import Prediction
from snowmelt.diffusion.processes import Process

Curve = Tensor
USUAL_STEPS = 1000
LARGEST_BETA = 0.999
TOLERANCE = 0.01
# How Lightning calls the precision of a training -> that of a table in it.
PRECISIONS = {
    "16-mixed": torch.float16,
    "bf16-mixed": torch.bfloat16,
}


@dataclass(frozen=True)
class Chain:
    """A discrete schedule: its number of steps, and how many betas were clipped."""

    steps: int
    clipped: int


@dataclass(frozen=True, kw_only=True)
class ScheduleDiagnostics:
    r"""The diagnostics of one schedule.

    Attributes:
        label: its name on the card.
        t: (N) times, denser at both ends; t = 1 is left out where the SNR is zero there.
        log_snr, alpha_bar, diffusion_sq: (N) $\lambda$, $\bar\alpha$ and $g^2$ there.
        density: (N) $1 / |d\lambda/dt|$, the density of $\lambda$ where times are uniform.
        error_factor: (N) how many times larger an error of the network is in the data.
        betas: (steps) the betas of the sampler's chain.
        first_log_snr, last_log_snr: at t = 0 and at t = 1, where it may be minus infinity.
        prior_kl: bits a dimension, see `prior_kl`.
        clipped: how many betas a discrete schedule clipped; None for a continuous one.
        would_be_clipped: how many betas of the usual chain exceed 0.999, for a continuous
            one.
        table_steps: T of the table that `lost` is about.
        lost: how many of its steps the precision in use would spoil, see `lost_steps`.
        is_untrained: whether the curve is only where a learned schedule starts.
    """

    label: str
    t: Curve
    log_snr: Curve
    alpha_bar: Curve
    diffusion_sq: Curve
    density: Curve
    error_factor: Curve
    betas: Curve
    first_log_snr: float
    last_log_snr: float
    prior_kl: float
    clipped: int | None
    would_be_clipped: int
    table_steps: int
    lost: int
    is_untrained: bool


@torch.no_grad()
def schedule_diagnostics(
    label: str, process: Process, prediction: Prediction, steps: int, precision: str
) -> ScheduleDiagnostics:
    """The diagnostics of the schedule of a process.

    Args:
        steps: of the chain whose betas are shown.
        precision: of the trainer, by Lightning's name for it.
    """
    schedule = process.schedule
    t = _times(schedule)
    log_snr = process.log_snr(t)
    chain = chain_in(schedule)
    table_steps = chain.steps if chain else USUAL_STEPS
    table = betas_of(process, table_steps)
    ends = process.log_snr(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
    return ScheduleDiagnostics(
        label=label,
        t=t,
        log_snr=log_snr,
        alpha_bar=torch.sigmoid(log_snr),
        diffusion_sq=process.diffusion_sq(t),
        density=(-1.0 / process.log_snr_slope(t)),
        error_factor=_factors(process, prediction, t),
        betas=betas_of(process, steps),
        first_log_snr=ends[0],
        last_log_snr=ends[1],
        prior_kl=prior_kl(process),
        clipped=chain.clipped if chain else None,
        would_be_clipped=int((table > LARGEST_BETA).sum()),
        table_steps=table_steps,
        lost=lost_steps(process, table_steps, PRECISIONS.get(precision, torch.float32)),
        is_untrained=isinstance(schedule, torch.nn.Module)
        and any(True for _ in schedule.parameters()),
    )


def _times(schedule: NoiseSchedule) -> Tensor:
    """Times that are dense at both ends, where some curves are steep."""
    near = torch.logspace(-6, -2, 60, dtype=torch.float64)
    inner = torch.linspace(0.01, 0.99, 481, dtype=torch.float64)[1:-1]
    zero, one = torch.tensor([[0.0], [1.0]], dtype=torch.float64)
    end = one[:0] if schedule.has_zero_terminal_snr else one
    return torch.cat((zero, near, inner, 1 - near.flip(0), end))


def chain_in(schedule: NoiseSchedule) -> Chain | None:
    """The discrete chain that a schedule is, or is made of; None for a continuous one."""
    inner: object = schedule
    while inner is not None:
        clipped = getattr(inner, "clipped_betas", None)
        if clipped is not None:
            return Chain(steps=int(getattr(inner, "steps", 0)), clipped=int(clipped))
        inner = getattr(inner, "of", None)
    return None


def prior_kl(process: Process, t: float = 1.0) -> float:
    r"""The Kullback-Leibler divergence of the prior from $q(x_t \mid x_0)$ at a time.

    For data of unit variance, averaged over it and for each dimension, in bits:

    $$\frac{1}{2\ln 2}\Big(\frac{\alpha^2 + \sigma^2}{p^2} - 1
        - \ln\frac{\sigma^2}{p^2}\Big),$$

    with p the scale of the prior. It is the term of the variational bound that no network
    can lower, and at least as large as the divergence between where sampling starts and
    where it should: that of the data's own $q(x_t)$, which is 0 for normal data of unit
    variance.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 5 (the term $L_T$).
    """
    with torch.no_grad():
        time = torch.tensor(t, dtype=torch.float64)
        alpha, sigma = process.alpha(time), process.sigma(time)
        prior = process.prior_std()
        ratio = (sigma / prior) ** 2
        nats = 0.5 * ((alpha / prior) ** 2 + (ratio - 1.0 - torch.log(ratio)))
    return float(nats) / math.log(2.0)


def betas_of(process: Process, steps: int) -> Tensor:
    r"""$\beta_i = 1 - \bar\alpha_i/\bar\alpha_{i-1}$ of the chain in unit coordinates.

    Step i ends at $t = (i + 1)/T$; the first one starts from clean data.

    Shapes:
        -> (steps,) float64
    """
    t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    log_snr = process.log_snr(t)
    first = torch.sigmoid(-log_snr[:1])
    return torch.cat((first, -torch.expm1(logsigmoid(log_snr).diff())))


def lost_steps(process: Process, steps: int, dtype: torch.dtype) -> int:
    r"""How many steps a table of $\bar\alpha$ in some precision would spoil.

    A step counts where $\sigma = \sqrt{1 - \bar\alpha}$ or the added variance $\beta$,
    both from the rounded table, is off by more than 1 %. Coefficients here come from the
    log-SNR in float64 instead and lose none; this is what that avoids.
    """
    t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
    log_snr = process.log_snr(t)
    table = torch.sigmoid(log_snr).to(dtype).to(torch.float64)
    sigma, exact_sigma = (1.0 - table).sqrt(), torch.sigmoid(-log_snr).sqrt()
    before = torch.cat((torch.ones(1, dtype=torch.float64), table[:-1]))
    beta, exact_beta = 1.0 - table / before, betas_of(process, steps)
    close = (sigma - exact_sigma).abs() <= TOLERANCE * exact_sigma
    # Where the table is 0 on both sides the quotient is no number, and so not close.
    close &= (beta - exact_beta).abs() <= TOLERANCE * exact_beta
    return int((~close).sum())


def error_factor(process: Process, prediction: Prediction, t: Tensor) -> float:
    """How many times larger an error of the network is in the data. Shapes: t: ()"""
    return float(_factors(process, prediction, t))


def _factors(process: Process, prediction: Prediction, t: Tensor) -> Tensor:
    log_snr = process.log_snr(t)
    alpha = torch.exp(0.5 * logsigmoid(log_snr))
    sigma = torch.exp(0.5 * logsigmoid(-log_snr))
    return prediction.x_0_slope(alpha, sigma).abs()
