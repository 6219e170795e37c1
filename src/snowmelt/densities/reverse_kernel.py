r"""The exact reverse kernel $q(x_s \mid x_t)$, and the normal laws that approximate it.

By Bayes' rule $q(x_s \mid x_t) \propto q_s(x_s)\,q(x_t \mid x_s)$. The second factor is a
normal density of $x_s$, the first that of the data with the noise of the time $s$. If that
is a mixture of normals, each component is multiplied by the same normal density, and the
product is a mixture again,

$$q(x_s \mid x_t) = \sum_k r_k(x_t)\,N\!\Big(\alpha_s m_k
  + a\,V_{s,k}V_{t,k}^{-1}(x_t - \alpha_t m_k),\ \ \sigma_{t|s}^2 V_{s,k}V_{t,k}^{-1}\Big),
  \qquad a = \frac{\alpha_t}{\alpha_s},$$

with $V_{t,k} = \alpha_t^2 C_k + \sigma_t^2$ and the responsibilities $r_k$ of the
components at $x_t$.

A diffusion model steps by one normal law instead. The error of that falls with the length
$h = \lambda_s - \lambda_t$ of the step. The normal factor has the variance $\sigma_s^2 h$
to first order, so $\log q_s$ matters only over a distance of order $\sqrt h$: its gradient
moves the kernel, its curvature changes the width, and only its third derivative, which
contributes $h^{3/2}$ over that distance, makes the shape other than normal. In a long step
the kernel is as multimodal as the data.

- `closest_normal` has the kernel's own mean and covariance; only the shape is lost.
- `ddpm_kernel` has the exact mean too, since that of $q(x_s \mid x_t, x_0)$ is linear in
  $x_0$ and a regression gives $\mathrm{E}[x_0 \mid x_t]$. Its variance is a constant, the
  same for every $x_t$.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 2 (why the reverse step is normal)
    and section 3.2 (its two variances);
    Bao, Li, Zhu & Zhang (2022), arXiv:2201.06503 (the best of all constant variances);
    Xiao, Kreis & Vahdat (2022), arXiv:2112.07804, section 3 (long steps have many modes).
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from snowmelt.densities.gaussian import Gaussian
from snowmelt.densities.mixture import GaussianMixture
from snowmelt.diffusion.processes import Process


def reverse_kernel(
    density: GaussianMixture, process: Process, x_t: Tensor, t: Tensor, s: Tensor
) -> GaussianMixture:
    """The exact distribution of the state at time s, given the state at the later time t.

    Args:
        density: of the data.

    Shapes:
        x_t: (D,), t, s: () with 0 <= s < t

    Raises:
        ValueError: a state of another shape, or times out of order.
    """
    if x_t.shape != (density.size,):
        raise ValueError(
            f"x_t must be one state of {density.size} elements, got the shape"
            f" {tuple(x_t.shape)}"
        )
    weights, means, variances = reverse_components(density, process, x_t[None], t, s)
    # A weight may be zero in float64, which the constructor would refuse.
    kernel = copy.copy(density)
    kernel.weights, kernel.means, kernel.variances = weights[0], means[0], variances
    return kernel


def reverse_components(
    density: GaussianMixture, process: Process, x_t: Tensor, t: Tensor, s: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights, means and variances of the exact kernel's components, for many states.

    The variances are along the density's axes and do not depend on the state.

    Shapes:
        x_t: (B, D), t, s: () -> (B, K), (B, K, D), (K, D) float64

    Raises:
        ValueError: times out of order.
    """
    early, late = s.to(torch.float64), t.to(torch.float64)
    if not 0.0 <= float(early) < float(late) <= 1.0:
        raise ValueError(
            f"a step back needs 0 <= s < t <= 1, got s = {float(s)}, t = {float(t)}"
        )
    ratio = process.alpha(late) / process.alpha(early)
    std = process.transition_variance(early, late).sqrt()
    return density.at(process, early).posterior(x_t, ratio, std)


def closest_normal(kernel: GaussianMixture) -> Gaussian:
    """The normal distribution of the same mean and covariance.

    Of all normal distributions N it minimises the divergence KL(kernel || N).
    """
    return Gaussian(kernel.mean(), covariance=kernel.covariance())


def ddpm_kernel(
    density: GaussianMixture,
    process: Process,
    x_t: Tensor,
    t: Tensor,
    s: Tensor,
    share: float = 0.0,
) -> Gaussian:
    r"""The normal step of DDPM with the best possible estimate of the data.

    It is $N(\mu(x_t, \mathrm{E}[x_0 \mid x_t]),\ \varsigma^2)$, with the mean $\mu$ of the
    posterior given the data. The variance $\varsigma^2$ lies between the posterior's, which
    is exact for data of one point, and the forward step's, which is exact for normal data
    of unit variance.

    Args:
        share: where $\log\varsigma^2$ lies between the two, 0 for the posterior's.

    Shapes:
        x_t: (D,), t, s: () with 0 <= s < t

    Raises:
        ValueError: a `share` outside [0, 1].
    """
    x, late, early = (part.to(torch.float64) for part in (x_t[None], t, s))
    x_0 = density.posterior_mean(x, process, late)
    mean, _ = process.posterior(x, x_0, late, early)
    variance = ddpm_variance(process, late, early, share)
    return Gaussian(mean[0], std=variance.sqrt())


def ddpm_variance(process: Process, t: Tensor, s: Tensor, share: float) -> Tensor:
    r"""$(\sigma_{s|t}^2)^{1-a} (\sigma_{t|s}^2)^a$, $a$ the `share`. Shapes: t, s: () -> ()

    Raises:
        ValueError: a `share` outside [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    small, large = process.posterior_variance(t, s), process.transition_variance(s, t)
    return small ** (1.0 - share) * large**share
