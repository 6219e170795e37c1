r"""Interpolants: a random path between a data point and a start, whatever the start is.

A process mixes data with normal noise. Put a draw $x_1$ of any distribution in the place of
the noise, and perhaps some noise in between that is gone at both ends:

$$x_t = \alpha_t\,x_0 + \sigma_t\,x_1 + \gamma_t\,z, \qquad z \sim N(0, I),$$

with the data at $t = 0$, the start at $t = 1$, and the scales $\alpha$ and $\sigma$ of any
process on any schedule. A point of such a path moves at
$u = \dot\alpha x_0 + \dot\sigma x_1 + \dot\gamma z$, and the flow
$\dot x = b(x, t) = \mathrm{E}[u \mid x_t = x]$ carries the law of $x_t$ along.

**Effective ends.** Among all pairs of ends there is one whose path *without* noise has this
place and this velocity: $\alpha x_0^* + \sigma x_1^* = x_t$ and
$\dot\alpha x_0^* + \dot\sigma x_1^* = u$. With $f = \dot\alpha/\alpha$ and
$\tfrac12\dot\lambda = \dot\alpha/\alpha - \dot\sigma/\sigma$ it is

$$x_0^* = x_0 + \frac{\gamma}{\alpha}\,(1 - \rho)\,z, \qquad
  x_1^* = x_1 + \frac{\gamma}{\sigma}\,\rho\,z, \qquad
  \rho = \frac{2}{\dot\lambda}\Big(f - \frac{\dot\gamma}{\gamma}\Big).$$

Every quotient of two slopes is the same on every clock, and of the Brownian bridge none is
left. A denoiser that is trained on the effective ends, as if they were data and noise,
learns $\mathrm{E}[x_0^* \mid x_t]$ and $\mathrm{E}[x_1^* \mid x_t]$; the slope that a
sampler of the probability flow makes of these,
$f x_t - \tfrac12\sigma\dot\lambda\,\mathrm{E}[x_1^*\mid x_t]$, is $b$. So nothing else in
this package has to know that there is another start, other pairs, or noise on the way.

With $\gamma = 0$ and an $x_1$ that is normal and independent of the data this is diffusion
itself. Only then is $-\mathrm{E}[x_1^*\mid x_t]/\sigma$ a score.

References:
    Albergo, Boffi & Vanden-Eijnden (2023), arXiv:2303.08797, definition 1 and theorem 6;
    Tong et al. (2024), arXiv:2302.00482, section 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Positive
from snowmelt.diffusion.processes import Process, expand


class Interpolant(ABC):
    """The noise on the way between the two ends."""

    is_straight: bool = False
    """Whether there is none."""

    std: float = 0.0
    """The size s of the noise, in the model's units; 0 where there is none."""

    @abstractmethod
    def gamma(self, process: Process, t: Tensor) -> Tensor:
        r"""The scale $\gamma(t)$ of the noise on the way. Shapes: t: (*) -> (*)"""

    @abstractmethod
    def share(self, process: Process, t: Tensor) -> Tensor:
        r"""$\rho(t)$: the share of the noise that moves like the start. (*) -> (*)"""

    def ends(
        self, process: Process, x_0: Tensor, x_1: Tensor, z: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""The effective ends $x_0^*$ and $x_1^*$ of a path.

        Args:
            z: standard normal noise.

        Shapes:
            x_0, x_1, z: (B, *D), t: (B,) or () -> (B, *D), (B, *D)

        Raises:
            ValueError: the three have different shapes.
        """
        if not x_0.shape == x_1.shape == z.shape:
            shapes = ", ".join(str(tuple(part.shape)) for part in (x_0, x_1, z))
            raise ValueError(f"both ends and the noise must have one shape, got {shapes}")
        gamma, share = self.gamma(process, t), self.share(process, t)
        on_data = gamma * (1.0 - share) / process.alpha(t)
        on_start = gamma * share / process.sigma(t)
        return x_0 + expand(on_data, x_0) * z, x_1 + expand(on_start, x_1) * z


class Straight(Interpolant):
    """No noise on the way: the ends are what they are."""

    is_straight = True

    def gamma(self, process: Process, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def share(self, process: Process, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def ends(
        self, process: Process, x_0: Tensor, x_1: Tensor, z: Tensor, t: Tensor
    ) -> tuple[Tensor, Tensor]:
        return x_0, x_1


class Constant(Interpolant):
    r"""The same noise all along, $\gamma = s$: conditional flow matching's.

    Then $\rho = 2f/\dot\lambda$, which is $\sigma$ in a rectified flow, whose two ends so
    move by the same $s\,z$, and $\sigma^2$ where the variance is preserved. At the ends of
    the path the noise stays: start and data are blurred by it.

    Args:
        std: $s$, in the model's units.

    Raises:
        ValueError: `std` is not positive.

    References:
        Tong et al. (2024), arXiv:2302.00482, eqs. 14 and 15.
    """

    def __init__(self, std: Positive = 0.1) -> None:
        check_positive(std=std)
        self.std = std

    def gamma(self, process: Process, t: Tensor) -> Tensor:
        return torch.full_like(t, self.std)

    def share(self, process: Process, t: Tensor) -> Tensor:
        return 2.0 * process.drift(t) / process.log_snr_slope(t)


class BrownianBridge(Interpolant):
    r"""The noise of a Brownian motion that is held at both ends,
    $\gamma = s\sqrt{\alpha\sigma}$.

    In a rectified flow that is $s\sqrt{u(1 - u)}$ at the share $u$ of the way, the bridge
    of $dx = s\,dW$. Then $\rho = \tfrac12$ whatever the process:
    $x_0^* = x_0 + \tfrac s2\sqrt{\sigma/\alpha}\,z$ and
    $x_1^* = x_1 + \tfrac s2\sqrt{\alpha/\sigma}\,z$.

    Between pairs of the entropic plan of $\varepsilon = s^2$ it is the Schroedinger bridge.

    Args:
        std: $s$, in the model's units.

    Raises:
        ValueError: `std` is not positive.

    References:
        Tong et al. (2024), arXiv:2307.03672, eqs. 6 and 7; Leonard (2014),
        arXiv:1308.0215 (the bridge is a mixture of these).
    """

    def __init__(self, std: Positive = 1.0) -> None:
        check_positive(std=std)
        self.std = std

    def gamma(self, process: Process, t: Tensor) -> Tensor:
        return self.std * (process.alpha(t) * process.sigma(t)).sqrt()

    def share(self, process: Process, t: Tensor) -> Tensor:
        return torch.full_like(t, 0.5)


def scales(
    process: Process, interpolant: Interpolant, t: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Alpha, sigma and gamma, in float64. Shapes: t: (*) -> (*) each"""
    t = t.detach().to(torch.float64)
    alpha, sigma = process.alpha(t).detach(), process.sigma(t).detach()
    return alpha, sigma, interpolant.gamma(process, t).detach()


def slopes(
    process: Process, interpolant: Interpolant, t: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """The slopes of the three scales, by differentiating. Shapes: t: () -> () each"""
    found = []
    for scale in (process.alpha, process.sigma, lambda u: interpolant.gamma(process, u)):
        with torch.enable_grad():
            point = t.detach().to(torch.float64).clone().requires_grad_()
            value = scale(point)
            slope = torch.zeros_like(point)
            if value.requires_grad:
                (slope,) = torch.autograd.grad(value, point)
        found.append(slope)
    alpha, sigma, gamma = found
    return alpha, sigma, gamma
