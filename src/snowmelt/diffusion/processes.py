r"""Processes: how data is perturbed along a log-SNR curve.

A process perturbs data by $x_t = \alpha(t)\,x_0 + \sigma(t)\,\epsilon$ with standard normal
$\epsilon$. Its two scales say the same thing in three ways:

- the *marginal* $q(x_t \mid x_0) = N(\alpha_t x_0, \sigma_t^2)$;
- the *Markov chain* between any two times $s < t$,
  $q(x_t \mid x_s) = N(\tfrac{\alpha_t}{\alpha_s} x_s,\ \sigma_{t|s}^2)$ with
  $\sigma_{t|s}^2 = -\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$;
- the *stochastic differential equation* $dx = f(t)\,x\,dt + g(t)\,dW$ with
  $f = \tfrac{d}{dt}\log\alpha$ and $g^2 = -\sigma^2\,\tfrac{d\lambda}{dt}$.

$\lambda$ is the logarithm of $\alpha^2 / \sigma^2$: the schedule's own curve, unless a
process reads its schedule in another way and says so. Ask the process for it, not the
schedule.

Conditioned on the data the chain runs backwards in closed form, by Bayes' rule:
$q(x_s \mid x_t, x_0)$ is normal with the mean and variance of `posterior`.

References:
    Kingma, Salimans, Poole & Ho (2021), arXiv:2107.00630, appendix A;
    Song et al. (2021), arXiv:2011.13456, section 3.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional

from snowmelt.diffusion.noise_schedule import NoiseSchedule


def expand(coefficient: Tensor, x: Tensor) -> Tensor:
    """Give one coefficient an example the shape and the precision that multiply `x`.

    Shapes:
        coefficient: (B,) or (), x: (B, *D) -> (B, 1, ...) or ()
    """
    if coefficient.ndim > 1:
        raise ValueError(
            f"one time an example is needed, got shape {tuple(coefficient.shape)}"
        )
    if coefficient.ndim == 1 and coefficient.shape[0] != x.shape[0]:
        raise ValueError(
            f"times of shape {tuple(coefficient.shape)} do not fit a batch of shape"
            f" {tuple(x.shape)}"
        )
    if coefficient.ndim == 1:
        coefficient = coefficient.reshape(-1, *[1] * (x.ndim - 1))
    return coefficient.to(x.dtype)


class Process(ABC):
    """The perturbation of data along a schedule.

    Coefficients are computed in the precision of the time that is given: give float64, and
    they are cast to the data's own type only when they meet it.
    """

    def __init__(self, schedule: NoiseSchedule) -> None:
        self.schedule = schedule

    def log_snr(self, t: Tensor) -> Tensor:
        r"""$\lambda(t) = \log(\alpha^2 / \sigma^2)$. Shapes: t: (*) -> (*)"""
        return self.schedule.log_snr(t)

    def log_snr_slope(self, t: Tensor) -> Tensor:
        r"""$d\lambda/dt$. Shapes: t: (*) -> (*)"""
        return self.schedule.slope(t)

    def time(self, log_snr: Tensor) -> Tensor:
        r"""The time at which $\lambda$ has a value. Shapes: log_snr: (*) -> (*) float64"""
        return self.schedule.time(log_snr)

    @abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        r"""The scale of the signal, $\alpha(t)$. Shapes: t: (*) -> (*)"""

    @abstractmethod
    def sigma(self, t: Tensor) -> Tensor:
        r"""The scale of the noise, $\sigma(t)$. Shapes: t: (*) -> (*)"""

    @abstractmethod
    def drift(self, t: Tensor) -> Tensor:
        r"""The coefficient $f(t)$ of the linear drift $f(t)\,x$. Shapes: t: (*) -> (*)"""

    @abstractmethod
    def prior_std(self) -> float:
        """The scale of the normal distribution that sampling starts from."""

    def diffusion_sq(self, t: Tensor) -> Tensor:
        r"""The squared diffusion $g(t)^2$. Shapes: t: (*) -> (*)"""
        return -(self.sigma(t) ** 2) * self.log_snr_slope(t)

    def perturb(self, x_0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        r"""Draw from the marginal: $x_t = \alpha_t x_0 + \sigma_t \epsilon$.

        Shapes:
            x_0: (B, *D), t: (B,) or (), eps: (B, *D) -> (B, *D)

        Raises:
            ValueError: `eps` has another shape than `x_0`.
        """
        if eps.shape != x_0.shape:
            raise ValueError(
                f"noise of shape {tuple(eps.shape)} does not fit data of {tuple(x_0.shape)}"
            )
        return expand(self.alpha(t), x_0) * x_0 + expand(self.sigma(t), x_0) * eps

    def transition(self, x_s: Tensor, s: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        r"""Mean and variance of the Markov kernel $q(x_t \mid x_s)$, for $s \le t$.

        Shapes:
            x_s: (B, *D), s, t: (B,) or () -> mean (B, *D), variance (B, 1, ...) or ()
        """
        ratio = self.alpha(t) / self.alpha(s)
        return expand(ratio, x_s) * x_s, expand(self.transition_variance(s, t), x_s)

    def transition_variance(self, s: Tensor, t: Tensor) -> Tensor:
        r"""$\sigma_{t|s}^2 = -\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$.

        Shapes:
            s, t: (*) -> (*)
        """
        return -(self.sigma(t) ** 2) * torch.expm1(self.log_snr(t) - self.log_snr(s))

    def posterior(
        self, x_t: Tensor, x_0: Tensor, t: Tensor, s: Tensor
    ) -> tuple[Tensor, Tensor]:
        r"""Mean and variance of $q(x_s \mid x_t, x_0)$, for $s < t$.

        $$\mu = \frac{\alpha_t}{\alpha_s}\frac{\sigma_s^2}{\sigma_t^2}\,x_t
              + \alpha_s\frac{\sigma_{t|s}^2}{\sigma_t^2}\,x_0, \qquad
          \sigma_{s|t}^2 = -\sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s).$$

        Shapes:
            x_t, x_0: (B, *D), t, s: (B,) or () -> mean (B, *D), variance (B, 1, ...) or ()

        References:
            Ho, Jain & Abbeel (2020), arXiv:2006.11239, eqs. 6 and 7.
        """
        shrink = -torch.expm1(self.log_snr(t) - self.log_snr(s))
        keep = (self.alpha(t) / self.alpha(s)) * (self.sigma(s) / self.sigma(t)) ** 2
        mean = expand(keep, x_t) * x_t + expand(self.alpha(s) * shrink, x_t) * x_0
        return mean, expand(self.posterior_variance(t, s), x_t)

    def posterior_variance(self, t: Tensor, s: Tensor) -> Tensor:
        r"""$\sigma_{s|t}^2 = -\sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$, $s < t$.

        Shapes:
            t, s: (*) -> (*)
        """
        return -(self.sigma(s) ** 2) * torch.expm1(self.log_snr(t) - self.log_snr(s))


class VariancePreserving(Process):
    r"""Data of unit variance keeps unit variance: $\alpha^2 + \sigma^2 = 1$.

    Then $\alpha^2 = S(\lambda)$ and $\sigma^2 = S(-\lambda)$, $S$ the logistic function,
    and $f = \tfrac12 \sigma^2\,\tfrac{d\lambda}{dt}$. With the rate $\beta = -2f$ this is
    $dx = -\tfrac12\beta x\,dt + \sqrt\beta\,dW$.

    References:
        Ho, Jain & Abbeel (2020), arXiv:2006.11239; Song et al. (2021), arXiv:2011.13456,
        eq. 11.
    """

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(0.5 * functional.logsigmoid(self.log_snr(t)))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.exp(0.5 * functional.logsigmoid(-self.log_snr(t)))

    def drift(self, t: Tensor) -> Tensor:
        return 0.5 * self.sigma(t) ** 2 * self.log_snr_slope(t)

    def prior_std(self) -> float:
        return 1.0


class VarianceExploding(Process):
    r"""Noise is added and the data is never scaled down: $\alpha = 1$.

    Then $\sigma = e^{-\lambda/2}$ and $dx = g\,dW$, a random walk. Data must be small
    beside $\sigma(1)$, or the walk does not end in the prior $N(0, \sigma(1)^2)$.

    Args:
        schedule: one that leaves some signal at $t = 1$.

    Raises:
        ValueError: the schedule has zero terminal SNR, where $\sigma$ would be infinite.

    References:
        Song et al. (2021), arXiv:2011.13456, eq. 9; Karras et al. (2022), arXiv:2206.00364.
    """

    def __init__(self, schedule: NoiseSchedule) -> None:
        super().__init__(schedule)
        if schedule.has_zero_terminal_snr:
            raise ValueError(
                "a variance-exploding process reaches zero terminal SNR only with infinite"
                " noise: use a variance-preserving process or a schedule that ends before"
            )

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.exp(-0.5 * self.log_snr(t))

    def drift(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    @torch.no_grad()
    def prior_std(self) -> float:
        return float(self.sigma(torch.ones((), dtype=torch.float64)))


class SubVariancePreserving(Process):
    r"""The signal of the variance-preserving process, with less noise.

    The schedule's curve $\ell(t)$ is read as that of the variance-preserving process, whose
    rate $\beta$ both equations share: $\alpha^2 = S(\ell)$ as there, and
    $\sigma = 1 - \alpha^2 = S(-\ell)$. The log-SNR is therefore another one,
    $\lambda = \log S(\ell) - 2\log S(-\ell)$, with
    $\tfrac{d\lambda}{dt} = (1 + S(\ell))\,\tfrac{d\ell}{dt}$.

    References:
        Song et al. (2021), arXiv:2011.13456, eq. 12, and eq. 29 for the kernel.
    """

    def log_snr(self, t: Tensor) -> Tensor:
        curve = self.schedule.log_snr(t)
        return functional.logsigmoid(curve) - 2.0 * functional.logsigmoid(-curve)

    def log_snr_slope(self, t: Tensor) -> Tensor:
        return (1.0 + torch.sigmoid(self.schedule.log_snr(t))) * self.schedule.slope(t)

    def time(self, log_snr: Tensor) -> Tensor:
        # From r = alpha / (1 - alpha^2): alpha = 2 r / (1 + sqrt(1 + 4 r^2)).
        ratio = torch.exp(0.5 * log_snr.to(torch.float64))
        alpha = 2.0 * ratio / (1.0 + torch.sqrt(1.0 + 4.0 * ratio**2))
        # 1 - alpha^2 = alpha / r keeps its digits where alpha is almost one.
        return self.schedule.time(torch.log(alpha) + torch.log(ratio))

    def alpha(self, t: Tensor) -> Tensor:
        return torch.exp(0.5 * functional.logsigmoid(self.schedule.log_snr(t)))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sigmoid(-self.schedule.log_snr(t))

    def drift(self, t: Tensor) -> Tensor:
        return 0.5 * self.sigma(t) * self.schedule.slope(t)

    def prior_std(self) -> float:
        return 1.0


class RectifiedFlow(Process):
    r"""The straight line from data to start: $\alpha + \sigma = 1$.

    Then $\alpha = S(\lambda/2)$ and $\sigma = S(-\lambda/2)$, $S$ the logistic function,
    and $f = \tfrac12\sigma\,\tfrac{d\lambda}{dt}$. On the clock $\sigma$ a point moves at
    the constant velocity $x_1 - x_0$ from data to start; along the schedule of the same
    name that clock is time itself.

    References:
        Liu, Gong & Liu (2023), arXiv:2209.03003, eq. 1; Lipman et al. (2023),
        arXiv:2210.02747, eq. 20 with $\sigma_{\min} = 0$.
    """

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sigmoid(0.5 * self.log_snr(t))

    def sigma(self, t: Tensor) -> Tensor:
        return torch.sigmoid(-0.5 * self.log_snr(t))

    def drift(self, t: Tensor) -> Tensor:
        return 0.5 * self.sigma(t) * self.log_snr_slope(t)

    def prior_std(self) -> float:
        return 1.0
