r"""One step back: the exact law of $x_s$ given $x_t$, and the normal ones put in its place.

By Bayes' rule $q(x_s \mid x_t) \propto q_s(x_s)\,q(x_t \mid x_s)$. The second factor is a
normal density of $x_s$, the first that of the data with the noise of the time $s$. If that
is a mixture of normals, each component is multiplied by the same normal density, and the
product is a mixture again,

$$q(x_s \mid x_t) = \sum_k r_k(x_t)\,N\!\Big(\alpha_s m_k
  + a\,V_{s,k}V_{t,k}^{-1}(x_t - \alpha_t m_k),\ \ \sigma_{t|s}^2 V_{s,k}V_{t,k}^{-1}\Big),
  \qquad a = \frac{\alpha_t}{\alpha_s},$$

with $V_{t,k} = \alpha_t^2 C_k + \sigma_t^2$ and the shares $r_k$ of the components in a
state.

A diffusion model steps by one normal law instead. How much that loses falls with the
length $h = \lambda_s - \lambda_t$ of the step. The normal factor has the variance
$\sigma_s^2 h$ to first order, so it sees of $\log q_s$ only a stretch of the length
$\sqrt h$: its slope moves the kernel, its bend changes the width, and only its third
derivative, over that stretch $h^{3/2}$, makes it another shape. In a long step the kernel
is what the data is, with all its modes.

- `closest_normal` has the kernel's own mean and covariance; nothing but the shape is lost.
- `ddpm_kernel` has the mean too, since that of $q(x_s \mid x_t, x_0)$ is linear in $x_0$:
  the regression for $\mathrm{E}[x_0 \mid x_t]$ is all that it takes. Its variance is a
  constant, the same for every $x_t$.

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
    """The exact law of the state at an earlier time, given the state at a later one.

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
    shares, means, variances = reverse_components(density, process, x_t[None], t, s)
    # A share may be zero in float64, which the constructor would refuse in a weight.
    kernel = copy.copy(density)
    kernel.weights, kernel.means, kernel.variances = shares[0], means[0], variances
    return kernel


def reverse_components(
    density: GaussianMixture, process: Process, x_t: Tensor, t: Tensor, s: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The parts of the exact kernel for many states: shares, means, and variances along the
    density's axes, which do not depend on the state.

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
    return density.at(process, early).given(x_t, ratio, std)


def closest_normal(kernel: GaussianMixture) -> Gaussian:
    """The normal distribution of the same mean and covariance.

    Of all normal distributions it is the one that is least far from the kernel, by the
    divergence of the second from the first.
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

    $N(\mu(x_t, \mathrm{E}[x_0 \mid x_t]),\ \varsigma^2)$, with the mean of the posterior
    given the data and $\log\varsigma^2$ between those of its variance, right for data of
    one point, and of that of the step forward, right for normal data of unit variance.

    Args:
        share: of the way from the smaller variance to the larger.

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
    r"""$(\sigma_{s|t}^2)^{1-a} (\sigma_{t|s}^2)^a$ for a share $a$. Shapes: t, s: () -> ()

    Raises:
        ValueError: a `share` outside [0, 1].
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"share must lie between 0 and 1, got {share}")
    small, large = process.posterior_variance(t, s), process.transition_variance(s, t)
    return small ** (1.0 - share) * large**share
