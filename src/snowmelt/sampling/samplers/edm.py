r"""EDM's stochastic sampler: a little noise up, then a longer way down.

In the coordinates $y = x/\alpha$ and $r = \sigma/\alpha$ every process is
$y = x_0 + r\epsilon$, and the probability-flow ODE has the slope $dy/dr = \hat\epsilon$:
straight lines where the estimates do not change. A step from $t$ down to $s$ first raises
the noise level to

$$\hat r = r_t\,(1 + \gamma), \qquad \hat y = y_t + S_{noise}\sqrt{\hat r^2 - r_t^2}\;z,$$

which at $S_{noise} = 1$ is just the process's own Markov kernel, and so keeps the marginal;
then it goes down to $r_s$ by Heun's rule. The noise corrects the errors of earlier steps.

$\gamma = \min(S_{churn}/N,\ \sqrt2 - 1)$ for levels between `churn_min` and `churn_max`,
else zero. The network knows no level above that of $t = 1$, so what would be raised above
it stops there (Karras et al. let it go beyond), and the step from $t = 1$ is never raised.

References:
    Karras et al. (2022), arXiv:2206.00364, algorithms 1 and 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative
from snowmelt.common.bounds import Count, Factor, NotNegative
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process, expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold

_LARGEST_RAISE = math.sqrt(2.0) - 1.0


class EDM(Sampler):
    r"""Algorithm 2; without churn it is algorithm 1, which is deterministic.

    The last step, to $r = 0$, is Euler's in both: it lands on the estimate of the data. It
    is not raised here, where the paper would if its level lies between the bounds.

    Args:
        steps: times of the grid, N above; a step evaluates the network twice, the last
            one once.
        churn: $S_{churn}$, noise added over the whole way; 0 for none.
        churn_min, churn_max: between which noise levels $\sigma/\alpha$ it is added; None:
            no upper bound.
        noise_scale: $S_{noise}$. Only 1 keeps the marginals; Karras et al. raise it to
            1.003 or 1.007 for networks that remove slightly too much.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: a negative argument, a `churn_max` that is not above `churn_min`, or
            fewer than one step.
    """

    order = 2
    needs_finite_slope = True

    def __init__(
        self,
        steps: Count,
        churn: NotNegative = 0.0,
        churn_min: NotNegative = 0.0,
        churn_max: NotNegative | None = None,
        noise_scale: Factor = 1.0,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        check_not_negative(churn=churn, noise_scale=noise_scale)
        highest = math.inf if churn_max is None else churn_max
        if not 0.0 <= churn_min < highest:
            raise ValueError(
                "churn_min must be at least 0 and below churn_max, got"
                f" {churn_min} and {churn_max}"
            )
        self.churn = churn
        self.churn_min = churn_min
        self.churn_max = highest
        self.noise_scale = noise_scale
        self.draws = 1 if churn > 0.0 else 0

    @property
    def evaluations(self) -> int:
        return 2 * self.steps - 1

    def step(
        self,
        denoiser: Denoiser,
        x_t: Tensor,
        t: Tensor,
        s: Tensor,
        noise: Tensor,
        memory: Memory,
    ) -> Tensor:
        process = denoiser.process
        # Up, from t to a noisier time.
        if self.draws:
            up = self._raised(process, t)
            mean, variance = process.transition(x_t, t, up)
            x_t, t = mean + self.noise_scale * variance.sqrt() * noise[0], up
        # Down to s by Euler's rule.
        keep = process.alpha(s) / process.alpha(t)
        length = expand(process.sigma(s) - keep * process.sigma(t), x_t)
        kept = expand(keep, x_t) * x_t
        first = self.estimates(denoiser, x_t, t)[1]
        # The same again, with the mean of the slopes at both ends.
        second = self.estimates(denoiser, kept + length * first, s)[1]
        return kept + 0.5 * length * (first + second)

    def _raised(self, process: Process, t: Tensor) -> Tensor:
        """The time to which the noise at `t` is raised."""
        level = torch.exp(-0.5 * process.log_snr(t))
        if not self.churn_min <= float(level) <= self.churn_max:
            return t
        raised = math.log1p(min(self.churn / self.steps, _LARGEST_RAISE))
        # Inverting the curve rounds: it must not come out less noisy than it was.
        return torch.maximum(process.time(process.log_snr(t) - 2.0 * raised), t)
