r"""DEIS: the noise by a polynomial, the rest of the probability-flow ODE exactly.

In $y = x/\alpha$ and $r = \sigma/\alpha$ the equation is $dy/dr = \hat\epsilon$. With
$\ell = -\log r$ as the clock, a step $h = \ell_s - \ell_t$ is

$$x_s = \frac{\alpha_s}{\alpha_t}\,x_t
      - \sigma_s\,h \int_0^1 e^{h(1 - u)}\,\hat\epsilon(u)\,du ,$$

and $\hat\epsilon$ is replaced by the polynomial in $\ell$ through the last estimates
(`interpolation`). One point is DDIM; two are the counterpart of DPM-Solver++(2M) that looks
at the noise instead of the data. Estimates of the noise leave the range of the data where
little signal is left, so with few steps and thresholds the rules on data do better.

The first steps have fewer estimates to look back on. What they do wrong is of second order
in the end, whatever `points` is.

References:
    Zhang & Chen (2023), arXiv:2204.13902, eqs. 13 to 15; the clock of the polynomial is
    that of their "rho" variants in its logarithm, as their program has it.
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.common.bounds import Count, Memories
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.interpolation import combined, weights
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold


class DEIS(Sampler):
    """The log-rho form of DEIS: one evaluation a step.

    Args:
        steps: evaluations of the network for one sample.
        points: estimates that the polynomial goes through, that of the step itself
            included: 1 to 4.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `points` outside 1 to 4, or fewer than one step.
    """

    needs_finite_slope = True

    def __init__(
        self,
        steps: Count,
        points: Memories = 2,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if not 1 <= points <= 4:
            raise ValueError(f"points must lie between 1 and 4, got {points}")
        self.points = points
        self.order = min(points, 2)

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
        now, after = (0.5 * float(process.log_snr(u)) for u in (t, s))
        h, eps_hat = after - now, self.estimates(denoiser, x_t, t)[1]
        # The last estimates with their places on the clock, the newest first.
        past = [(now, eps_hat), *memory.get("past", [])][: self.points]
        memory["past"] = past
        found = weights([(place - now) / h for place, _ in past], -h)
        mean = combined(found, [estimate for _, estimate in past])
        keep = process.alpha(s) / process.alpha(t)
        return expand(keep, x_t) * x_t - expand(process.sigma(s) * h, x_t) * mean
