r"""DPM-Solver++(2M) and its stochastic form: the data by two points, the rest exactly.

Put the estimate of the data into the reverse SDE of noise $\eta g$, and take
$\ell = \lambda/2 = \log(\alpha/\sigma)$ as the time. It becomes

$$dx = \Big(\frac{d\log\sigma}{d\ell} - \eta^2\Big)\,x\,d\ell
       + (1 + \eta^2)\,\alpha\,\hat x_0\,d\ell + \sqrt2\,\eta\,\sigma\,dW_\ell .$$

All but $\hat x_0$ can be integrated in closed form over a step $h = \ell_s - \ell_t$:

$$x_s = \frac{\sigma_s}{\sigma_t}\,e^{-\eta^2 h}\,x_t
      + \alpha_s\,\big(1 - e^{-(1 + \eta^2) h}\big)\,D
      + \sigma_s \sqrt{1 - e^{-2\eta^2 h}}\;z .$$

With $D = \hat x_0(x_t, t)$ that is a step of first order (DDIM at $\eta = 0$, the DDPM
chain at $\eta = 1$). The multistep rule looks at the middle of the step instead, along the
line through the last two estimates, whose distance was $h'$:

$$D = \hat x_0 + \frac{h}{2h'}\,(\hat x_0 - \hat x_0').$$

The first step has no predecessor, and is of first order. So is the second where the first
came from no signal at all, by the formula itself: $h'$ is infinite there. The end needs no
rule of its own: from the last time of the grid to no noise is $h = \infty$, where only the
first order is finite, and that is the estimate of the data.

References:
    Lu et al. (2022), "DPM-Solver++", arXiv:2211.01095: algorithm 2, and the section on
    solvers for diffusion SDEs. Theirs are the two ends of this family.
"""

from __future__ import annotations

import torch
from torch import Tensor

from snowmelt.common.bounds import Count, Share
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold


class DPM(Sampler):
    r"""The family above: one evaluation a step, second order.

    Args:
        steps: evaluations of the network for one sample.
        eta: 0 for DPM-Solver++(2M), 1 for SDE-DPM-Solver++(2M), or between.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `eta` outside [0, 1], or fewer than one step.
    """

    order = 2

    def __init__(
        self,
        steps: Count,
        eta: Share = 0.0,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if not 0.0 <= eta <= 1.0:
            raise ValueError(f"eta must lie between 0 and 1, got {eta}")
        self.eta = eta
        self.draws = 1 if eta > 0.0 else 0

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
        h = 0.5 * (process.log_snr(s) - process.log_snr(t))
        # From no signal h is infinite, and zero times infinity is not a number.
        lost = self.eta**2 * h if self.eta > 0.0 else torch.zeros_like(h)
        x_0_hat = self.estimates(denoiser, x_t, t)[0]
        middle = x_0_hat
        if "x_0_hat" in memory:
            ahead = expand(0.5 * h / memory["h"], x_t)
            middle = x_0_hat + ahead * (x_0_hat - memory["x_0_hat"])
        memory["x_0_hat"], memory["h"] = x_0_hat, h
        keep = process.sigma(s) / process.sigma(t) * torch.exp(-lost)
        fill = -process.alpha(s) * torch.expm1(-h - lost)
        x_s = expand(keep, x_t) * x_t + expand(fill, x_t) * middle
        if not self.draws:
            return x_s
        fresh = process.sigma(s) * torch.sqrt(-torch.expm1(-2.0 * lost))
        return x_s + expand(fresh, x_t) * noise[0]
