r"""The discrete chain: a table of betas, one for each noising step.

Step number $i = 0 \dots T-1$ of the chain of Ho et al. keeps $\sqrt{1 - \beta_i}$ of what
it gets and adds noise of variance $\beta_i$. After it,

$$\bar\alpha_i = \prod_{j \le i} (1 - \beta_j), \qquad
  \lambda_i = \log\frac{\bar\alpha_i}{1 - \bar\alpha_i}.$$

So index 0 means that *one* step has been taken, and $\bar\alpha_{-1} = 1$ is clean data.
Here index $i$ lies at the time $t = (i + 1)/T$, where the table is exact. Between two
entries the log-SNR is a straight line, and the line through the first two goes on to
$t = 0$, where the chain itself would be infinite. Tables are kept in float64: in float32
$1 - \bar\alpha$ is off by 2e-4 near the data, and half precision loses whole steps.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, eqs. 2 and 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from snowmelt.common.argument_checks import (
    check_between_0_and_1,
    check_count,
    check_positive,
)
from snowmelt.common.bounds import Count, Fraction, Positive
from snowmelt.diffusion.noise_schedule import NoiseSchedule

_STEPS_OF_HO = 1000


class Betas(NoiseSchedule):
    r"""A schedule by its table of betas: exact at T times and straight between them.

    Args:
        betas: (T) the variance that each step adds, from the data to the noise; T >= 2.

    Attributes:
        steps: T.
        betas: (T) float64.
        alpha_bar: (T) float64; what is left of the data's variance after each step.
        clipped_betas: how many betas were larger than allowed and were cut.

    Raises:
        ValueError: there are fewer than two betas, one is not strictly between 0 and 1, or
            one is so small that alpha_bar does not change.
    """

    clipped_betas: int = 0

    def __init__(self, betas: Sequence[Fraction] | Tensor) -> None:
        self.betas = torch.as_tensor(betas, dtype=torch.float64)
        if self.betas.ndim != 1 or len(self.betas) < 2:
            raise ValueError(f"betas must be a list of two or more, got {betas}")
        self.steps = len(self.betas)
        outside = ~((self.betas > 0) & (self.betas < 1))
        if outside.any():
            step = int(outside.nonzero()[0])
            raise ValueError(
                f"betas must lie strictly between 0 and 1, got {float(self.betas[step])}"
                f" at index {step} of {self.steps}"
            )
        log_alpha_bar = torch.log1p(-self.betas).cumsum(0)
        self.alpha_bar = torch.exp(log_alpha_bar)
        table = log_alpha_bar - torch.log(-torch.expm1(log_alpha_bar))
        # One entry more than there are steps: the one at t = 0 continues the first line.
        self.table = torch.cat((2 * table[:1] - table[1:2], table))
        if not (self.table.diff() < 0).all():
            raise ValueError(f"betas must be large enough to change alpha_bar, got {betas}")
        self.check_curve()

    def log_snr(self, t: Tensor) -> Tensor:
        position = t.to(torch.float64) * self.steps
        before = self._segment(position)
        table = self.table.to(t.device)
        passed = position - before
        log_snr = (1 - passed) * table[before] + passed * table[before + 1]
        return log_snr.to(t.dtype)

    def slope(self, t: Tensor) -> Tensor:
        """The slope of the line that begins at t or holds it. Shapes: t: (*) -> (*)"""
        drops = self.steps * self.table.diff().to(t.device)
        return drops[self._segment(t.to(torch.float64) * self.steps)].to(t.dtype)

    def _segment(self, position: Tensor) -> Tensor:
        return position.detach().floor().clamp(0, self.steps - 1).long()


class LinearBetas(Betas):
    r"""The chain of the first DDPM: betas in equal steps.

    $$\beta_i = \frac{1000}{T}\Big(\beta_0 + \frac{i}{T-1}(\beta_1 - \beta_0)\Big).$$

    The ends are stated for 1000 steps, as in the paper. Another number of steps scales
    them, so that every T ends with about the same noise; without that, 100 steps would keep
    0.36 of the data's variance and the terminal would be no noise at all.

    Args:
        steps: T.
        beta_start: the first beta, if there were 1000 steps.
        beta_end: the last one, if there were 1000 steps.

    Raises:
        ValueError: `steps` is not a whole number from 2 up, an end is not positive, or
            there are so few steps that a scaled beta reaches 1.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 4; scaled as by
        Nichol & Dhariwal (2021), arXiv:2102.09672, in their code.
    """

    def __init__(
        self, steps: Count = 1000, beta_start: Positive = 1e-4, beta_end: Positive = 0.02
    ) -> None:
        check_count(least=2, steps=steps)
        check_positive(beta_start=beta_start, beta_end=beta_end)
        scale = _STEPS_OF_HO / steps
        if scale * max(beta_start, beta_end) >= 1:
            raise ValueError(
                f"steps={steps} is too few: {max(beta_start, beta_end)} * 1000 / {steps}"
                " must stay below 1"
            )
        super().__init__(
            scale * torch.linspace(beta_start, beta_end, steps, dtype=torch.float64)
        )


class _Clipped(Betas):
    """A chain whose betas are clipped at a largest value."""

    def __init__(self, betas: Tensor, max_beta: float) -> None:
        check_between_0_and_1(max_beta=max_beta)
        self.clipped_betas = int((betas > max_beta).sum())
        super().__init__(betas.clamp(max=max_beta))


class CosineBetas(_Clipped):
    r"""The chain of improved DDPM: alpha_bar is a squared cosine.

    $$\bar\alpha_i = \frac{f(i + 1)}{f(0)}, \qquad
      f(k) = \cos^2\theta_k, \quad \theta_k = \frac{k/T + s}{1 + s}\cdot\frac{\pi}{2},
      \qquad \beta_i = \min\Big(1 - \frac{f(i+1)}{f(i)},\ \beta_{max}\Big).$$

    The last beta would be 1 and leave no signal; the cut makes it `max_beta`. Even so
    $1/\sqrt{\bar\alpha_{T-1}}$ is about 20,000 for T = 1000, and a network that predicts
    `eps` needs its x_0 clipped there.

    Args:
        steps: T.
        offset: s; keeps the first betas from vanishing.
        max_beta: the largest beta.

    Raises:
        ValueError: `steps` is not a whole number from 2 up, `offset` is not positive, or
            `max_beta` lies outside (0, 1).

    References:
        Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 17 and section 3.2.
    """

    def __init__(
        self, steps: Count = 1000, offset: Positive = 0.008, max_beta: Fraction = 0.999
    ) -> None:
        check_count(least=2, steps=steps)
        check_positive(offset=offset)
        time = torch.arange(steps + 1, dtype=torch.float64) / steps
        angle = (time + offset) / (1 + offset) * (0.5 * math.pi)
        before, after = angle[:-1], angle[1:]
        # cos^2 a - cos^2 b = sin(b - a) sin(b + a), with all its digits
        fallen = torch.sin(after - before) * torch.sin(after + before)
        super().__init__(fallen / torch.cos(before) ** 2, max_beta)


class Chain(_Clipped):
    r"""Any other schedule as a chain of T steps.

    The curve is read at $t = (i + 1)/T$, and
    $\beta_i = 1 - \bar\alpha_i/\bar\alpha_{i-1}$ with $\bar\alpha_{-1} = 1$, cut at
    `max_beta`. A steep curve with few steps loses some of its betas to the cut, and its end
    moves: `clipped_betas` says how many.

    Args:
        of: the schedule that is tabulated.
        steps: T.
        max_beta: the largest beta.

    Raises:
        ValueError: `steps` is not a whole number from 2 up, `max_beta` lies outside (0, 1),
            or `of` is learned: a table would freeze it.
    """

    def __init__(
        self, of: NoiseSchedule, steps: Count = 1000, max_beta: Fraction = 0.999
    ) -> None:
        check_count(least=2, steps=steps)
        if isinstance(of, torch.nn.Module) and any(True for _ in of.parameters()):
            raise ValueError(f"of must not be learned, got {type(of).__name__}")
        t = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        log_snr = of.log_snr(t)
        # The first step starts from clean data: 1 - alpha_bar without the subtraction.
        first = torch.sigmoid(-log_snr[:1])
        later = -torch.expm1(logsigmoid(log_snr).diff())
        super().__init__(torch.cat((first, later)), max_beta)
