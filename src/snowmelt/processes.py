r"""Processes: what a log-SNR curve means for the data.

A process perturbs data by $x_t = \alpha(t)\,x_0 + \sigma(t)\,\epsilon$ with standard normal
$\epsilon$. Its two scales say the same thing in three ways:

- the *marginal* $q(x_t \mid x_0) = N(\alpha_t x_0, \sigma_t^2)$;
- the *Markov chain* between any two times $s < t$,
  $q(x_t \mid x_s) = N(\tfrac{\alpha_t}{\alpha_s} x_s,\ \sigma_{t|s}^2)$ with
  $\sigma_{t|s}^2 = -\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)$;
- the *stochastic differential equation* $dx = f(t)\,x\,dt + g(t)\,dW$ with
  $f = \tfrac{d}{dt}\log\alpha$ and $g^2 = -\sigma^2\,\tfrac{d\lambda}{dt}$.

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

from snowmelt.schedules import NoiseSchedule


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
        r"""$\lambda(t)$. Shapes: t: (*) -> (*)"""
        return self.schedule.log_snr(t)

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

    def log_snr_slope(self, t: Tensor) -> Tensor:
        r"""$d\lambda/dt$, by differentiating the schedule. Shapes: t: (*) -> (*)"""
        with torch.enable_grad():
            point = t.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(self.schedule.log_snr(point).sum(), point)
        return slope

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
        return mean, expand(self.sigma(s) ** 2 * shrink, x_t)


class VariancePreserving(Process):
    r"""Data of unit variance keeps unit variance: $\alpha^2 + \sigma^2 = 1$.

    Then $\alpha^2 = S(\lambda)$ and $\sigma^2 = S(-\lambda)$, $S$ the logistic function,
    and $f = \tfrac12 \sigma^2\,\tfrac{d\lambda}{dt}$.

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
