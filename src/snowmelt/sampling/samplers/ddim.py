r"""DDIM with eta: the family of samplers between DDPM's ancestral chain and DDIM.

Given estimates of data and noise at time $t$, the state at an earlier time $s$ is composed
of both, with fresh noise of scale $c$ in place of a part of the estimated noise:

$$x_s = \alpha_s \hat x_0 + \sqrt{\sigma_s^2 - c^2}\;\hat\epsilon + c\,z, \qquad
  c^2 = -\eta^2 \sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s).$$

$\eta = 1$ makes $c^2$ the variance of the posterior $q(x_s \mid x_t, x_0)$: the ancestral
chain of DDPM. $\eta = 0$ is DDIM, a deterministic map from noise to data.

The ancestral chain may add more noise than $c$, to account for the spread of the data
around its estimate $\hat x_0$: `ancestral_variances` has the choices. The mean of the step
does not change.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, algorithm 2;
    Song, Meng & Ermon (2021), arXiv:2010.02502, eqs. 12 and 16.
"""

from __future__ import annotations

from torch import Tensor

from snowmelt.common.bounds import Count, Share
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import expand
from snowmelt.sampling.samplers.ancestral_variances import FixedSmall, Variance
from snowmelt.sampling.samplers.grids import Grid
from snowmelt.sampling.samplers.sampler import Memory, Sampler
from snowmelt.sampling.samplers.thresholds import Threshold


class DDIM(Sampler):
    r"""The sampler of DDIM and, with `eta` 1, of DDPM.

    Args:
        steps: evaluations of the network for one sample.
        eta: 1 for the DDPM chain, 0 for DDIM, or between.
        variance: of the noise that is added; None: $c^2$. Another one needs the whole of
            the chain's noise, `eta` 1.
        grid, threshold: see `Sampler`.

    Raises:
        ValueError: `eta` outside [0, 1], fewer than one step, or a variance that does not
            go with `eta`.
    """

    order = 1

    def __init__(
        self,
        steps: Count,
        eta: Share = 0.0,
        variance: Variance | None = None,
        grid: Grid | None = None,
        threshold: Threshold | None = None,
    ) -> None:
        super().__init__(steps, grid, threshold)
        if not 0.0 <= eta <= 1.0:
            raise ValueError(f"eta must lie between 0 and 1, got {eta}")
        self.variance = FixedSmall() if variance is None else variance
        if eta != 1.0 and not isinstance(self.variance, FixedSmall):
            name = type(self.variance).__name__
            raise ValueError(
                f"eta must be 1 with the variance {name}, which is that of a whole step of"
                f" the DDPM chain, got {eta}"
            )
        self.eta = eta
        self.draws = 1 if eta > 0.0 else 0
        self.needs_learned_variance = self.variance.needs_share

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
        x_0_hat, eps_hat, share = self._asked(denoiser, x_t, t)
        replaced = self.eta**2 * process.posterior_variance(t, s)
        left = (process.sigma(s) ** 2 - replaced).clamp(min=0.0).sqrt()
        mean = expand(process.alpha(s), x_t) * x_0_hat + expand(left, x_t) * eps_hat
        if not self.draws:
            return mean
        return mean + self.eta * self.variance.std(process, t, s, x_t, share) * noise[0]

    def _asked(
        self, denoiser: Denoiser, x_t: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Data, noise and, where it is needed, the share of the variance; one call."""
        if not self.variance.needs_share:
            return *self.estimates(denoiser, x_t, t), None
        output, share = denoiser.with_variance(x_t, t)
        found = denoiser.estimates_from(output, x_t, t)
        return *self.thresholded(*found, denoiser, x_t, t), share
