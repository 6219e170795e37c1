r"""The variational bound on the negative log-likelihood of a chain of T steps.

The chain visits T times $t_i$ at equal distances, $t_T = 1$, and steps from $t_1$ to the
data itself. $t_1$ is $1/T$, or for levels the later time at which the noise is half as wide
as a level's bin. Below that there is nothing left to tell but the level, which the last
step does; a network that does not know the levels would pay for all of its ignorance. Ho's
chain on 8 bits does likewise, whose first noise is 1.3 bins wide. With $q$ the forward
process and $p$ the model,

$$-\log p(x_0) \le
  \underbrace{\mathrm{KL}(q(x_1 | x_0) \,\|\, p(x_1))}_{\text{prior}}
  + \sum_{i=2}^{T} \underbrace{\mathrm{E}_q\,
      \mathrm{KL}(q(x_s | x_t, x_0) \,\|\, p(x_s | x_t))}_{t = t_i,\ s = t_{i-1}}
  + \underbrace{\mathrm{E}_q[-\log p(x_0 | x_{t_1})]}_{\text{reconstruction}}.$$

Every divergence is between normals. If $e^\delta$ is the model's variance over the
posterior's, a step costs

$$\tfrac12 \sum \left[\mathrm{expm1}(-\delta) + \delta
  + e^{-\delta}\,(e^{\lambda_s} - e^{\lambda_t})\,(x_0 - \hat x_0)^2\right]$$

nats, for the error of the variance and for that of the mean. The expectations over noise
are estimated with one draw a term and example, so the mean over many examples is unbiased
and has a standard error.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, eq. 5;
    Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, eqs. 11 to 13.
"""

from __future__ import annotations

import copy
import itertools
from typing import Self

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_at_least, check_positive
from snowmelt.common.bounds import Count, Positive
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.diffusion.denoiser import LOG_SNR_LIMIT, Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.evaluation.likelihood.example_terms import Terms
from snowmelt.evaluation.likelihood.normal_divergences import prior_nats, step_divergence
from snowmelt.evaluation.likelihood.step_variances import ReverseVariance, own_variance
from snowmelt.evaluation.likelihood.value_kinds import Levels, Values, bits_per_dim

# Keys of an example's random numbers: the choice of steps, and the noise of the terms.
_CHOICE, _RECONSTRUCTION, _STEPS = 0, 1, 2


class Bound:
    """The bound above, exactly or from some of the steps.

    Args:
        steps: T.
        strata: the T - 1 steps between prior and reconstruction are divided into so many
            strata of about equal fall in log-SNR, and of each one step an example is drawn:
            an unbiased estimate. None: every step is computed.
        variance: of the reverse steps; None: the network's where it has learned one, else
            the one that fits its errors best, which is measured first: see
            `snowmelt.evaluation.likelihood.variance_fit`.
        decoder_width: the noise at $t_1$ for data of levels, in bins of a level, where that
            is later than $1/T$; None: always $1/T$. See `placed`.
        clip: clamp the estimate of the data to [-1, 1], as improved-diffusion does when it
            evaluates. The bound holds either way.

    Raises:
        ValueError: fewer than two steps, or not between 1 and T - 1 strata.
    """

    def __init__(
        self,
        steps: Count = 1000,
        strata: Count | None = None,
        variance: ReverseVariance | None = None,
        clip: bool = False,
        decoder_width: Positive | None = 0.5,
    ) -> None:
        check_at_least(2, steps=steps)
        if decoder_width is not None:
            check_positive(decoder_width=decoder_width)
        if strata is not None and not 1 <= strata <= steps - 1:
            raise ValueError(f"strata must lie between 1 and {steps - 1}, got {strata}")
        self.steps = steps
        self.strata = steps - 1 if strata is None else strata
        self.variance = variance
        self.clip = clip
        self.decoder_width = decoder_width
        self.first_time = 1.0 / steps

    def check(self, denoiser: Denoiser) -> None:
        """Refuse a model for which this bound is not defined.

        Raises:
            ValueError: a learned variance is wanted of a network that has none.
        """
        if self.variance_for(denoiser).is_learned and not denoiser.learned_variance:
            raise ValueError(
                "the bound's variance is learned, but the network was trained without:"
                " take a fixed one, or train with denoiser.learned_variance=true"
            )

    def variance_for(self, denoiser: Denoiser) -> ReverseVariance:
        return own_variance(denoiser) if self.variance is None else self.variance

    @torch.no_grad()
    def placed(self, denoiser: Denoiser, values: Values) -> Self:
        """The bound of the chain that begins where this data asks for it.

        A learned variance stays with the steps that it was learned for.
        """
        found = copy.copy(self)
        is_kept = self.decoder_width is None or self.variance_for(denoiser).is_learned
        if not is_kept and isinstance(values, Levels):
            width = float(self.decoder_width or 0.0) * values.width
            found.first_time = values.time_of(width, denoiser.process, 1.0 / self.steps)
        return found

    def time(self, step: Tensor | float) -> Tensor:
        """The times of steps, from the first, 1, to T. Shapes: (*) -> (*) float64"""
        step = torch.as_tensor(step, dtype=torch.float64)
        return 1.0 - (self.steps - step) * ((1.0 - self.first_time) / (self.steps - 1))

    def runs(self, process: Process) -> list[tuple[int, int]]:
        """The first and the last step of every stratum, numbered from 2 to T."""
        return self.even_runs(process, self.strata)

    @torch.no_grad()
    def even_runs(self, process: Process, strata: int) -> list[tuple[int, int]]:
        """So many runs of steps, numbered from 2 to T.

        Strata have an equal fall in log-SNR as nearly as whole steps allow. A step costs
        about what it falls, so strata of equally many steps would leave most of the cost,
        and of its variance, to the few steps near the data.
        """
        time = self.time(torch.arange(1, self.steps + 1))
        fallen = process.log_snr(time).clamp(min=-LOG_SNR_LIMIT)
        # The last step of run k is where share k / K of the whole fall is reached.
        level = torch.linspace(float(fallen[0]), float(fallen[-1]), strata + 1)
        nearest = 1 + (fallen[:, None] - level[1:-1]).abs().argmin(0)
        last = [1]
        for run, step in enumerate(nearest.tolist(), start=1):
            # At least one step for this run, and for each that is to come.
            last.append(min(max(step, last[-1] + 1), self.steps - strata + run))
        return [(a + 1, b) for a, b in itertools.pairwise([*last, self.steps])]

    @torch.no_grad()
    def terms(
        self, denoiser: Denoiser, x_0: Tensor, index: Tensor, values: Values, *, seed: int
    ) -> Terms:
        """The terms of every example; the noise is keyed by (seed, index).

        Shapes:
            x_0: (B, *D), index: (B,) int64

        Raises:
            ValueError: see `check`, or the data is not of the kind that `values` says.
        """
        self.check(denoiser)
        chosen = uniform(
            (self.strata,), seed=seed, stream=Stream.LIKELIHOOD, index=index, step=_CHOICE
        )
        costs, small = [], x_0.new_zeros(len(x_0), dtype=torch.float64)
        for stratum, (first, last) in enumerate(self.runs(denoiser.process)):
            count = last - first + 1
            step = first + (chosen[:, stratum] * count).floor()
            eps = _noise(x_0, index, seed, _STEPS + stratum)
            excess, error = self.step(denoiser, x_0, step, eps)
            costs.append(count * step_divergence(excess, error))
            small += count * step_divergence(torch.zeros_like(excess), error)
        reconstruction = self.reconstruction_nats(
            denoiser, x_0, _noise(x_0, index, seed, _RECONSTRUCTION), values
        )
        prior = prior_nats(denoiser.process, x_0)
        nats = prior, torch.stack(costs, dim=1), reconstruction, small
        return Terms(*(bits_per_dim(part, x_0) for part in nats))

    @torch.no_grad()
    def step_nats(
        self, denoiser: Denoiser, x_0: Tensor, step: Tensor, eps: Tensor
    ) -> Tensor:
        """The divergence of the reverse step from $t_i$ for one draw of the noise.

        Shapes:
            x_0, eps: (B, *D), step: (B,) whole numbers from 2 to T -> (B,) float64
        """
        return step_divergence(*self.step(denoiser, x_0, step, eps))

    @torch.no_grad()
    def step(
        self, denoiser: Denoiser, x_0: Tensor, step: Tensor, eps: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""What a reverse step costs follows from two numbers an element.

        They are $\delta$, and the square of the error of the mean in units of the
        posterior's variance.

        Shapes:
            as those of `step_nats` -> both broadcast to (B, *D)
        """
        process = denoiser.process
        t, s = self.time(step), self.time(step - 1)
        x_0_hat, share = self.ask(denoiser, process.perturb(x_0, t, eps), t)
        excess = self.variance_for(denoiser).excess(process, t, s, share)
        log_snr = process.log_snr(s)
        weight = -torch.exp(log_snr) * torch.expm1(process.log_snr(t) - log_snr)
        return excess, expand(weight, x_0) * (x_0 - x_0_hat).square()

    @torch.no_grad()
    def reconstruction_nats(
        self, denoiser: Denoiser, x_0: Tensor, eps: Tensor, values: Values
    ) -> Tensor:
        r"""$-\log p(x_0 \mid x_{t_1})$ for one draw of the noise.

        Shapes:
            x_0, eps: (B, *D) -> (B,) float64
        """
        process = denoiser.process
        first, second = self.time(torch.tensor([1, 2], device=x_0.device))
        t = first.expand(len(x_0))
        x_0_hat, share = self.ask(denoiser, process.perturb(x_0, t, eps), t)
        log_variance = self.variance_for(denoiser).last(process, first, second, share)
        return values.reconstruction_nats(x_0, x_0_hat, log_variance)

    def ask(self, denoiser: Denoiser, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The estimate of the data, and what the variance asks for beside it."""
        x_0_hat, share = self.variance_for(denoiser).ask(denoiser, x_t, t)
        return (x_0_hat.clamp(-1.0, 1.0) if self.clip else x_0_hat), share


def _noise(x_0: Tensor, index: Tensor, seed: int, place: int) -> Tensor:
    shape = tuple(x_0.shape[1:])
    drawn = normal(shape, seed=seed, stream=Stream.LIKELIHOOD, index=index, step=place)
    return drawn.to(x_0.dtype)
