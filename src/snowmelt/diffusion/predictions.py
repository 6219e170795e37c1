r"""Predictions: the network's regression target, and the estimates that follow from it.

The network sees $x = \alpha x_0 + \sigma\epsilon$ in coordinates in which
$\alpha^2 + \sigma^2 = 1$: those of a variance-preserving process, into which the denoiser
scales any other. Given $x$, each of $x_0$, $\epsilon$, the velocity
$v = \alpha\epsilon - \sigma x_0$ and the score $-\epsilon/\sigma$ determines all others;
which one the network regresses decides how its error is spread over the noise levels. Every
estimate of the data is affine in the network's output,
$\hat x_0 = a\,x + c\,\mathrm{output}$, and $c$ is the prediction's `x_0_slope`.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2 (eps and x_0);
    Salimans & Ho (2022), arXiv:2202.00512, appendix D (v);
    Lipman et al. (2023), arXiv:2210.02747 (flow);
    Karras et al. (2022), arXiv:2206.00364, table 1 (EDM).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.bounds import Positive


class Prediction(ABC):
    """A regression target of the network, and the estimates that follow from it.

    In every method `alpha` and `sigma` are the scales at the times of `x`, on the unit
    circle and of a shape that multiplies it.
    """

    needs_signal: bool = False
    """Whether the data is found by dividing by alpha, so lost where no signal is left."""

    @abstractmethod
    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should answer. Shapes: x_0, eps: (B, *D) -> (B, *D)"""

    @abstractmethod
    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The estimate of the data. Shapes: output, x: (B, *D) -> (B, *D)"""

    @abstractmethod
    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The estimate of the noise. Shapes: output, x: (B, *D) -> (B, *D)"""

    @abstractmethod
    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        r"""$\partial\hat x_0 / \partial\,\mathrm{output}$. Shapes: (*) -> (*)"""

    def input_scale(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What `x` is multiplied by before the network sees it. Shapes: (*) -> (*)"""
        return torch.ones_like(alpha)


class Eps(Prediction):
    r"""The noise: $\hat x_0 = (x - \sigma\hat\epsilon) / \alpha$.

    Where little signal is left a small error in `eps` becomes a large one in `x_0`, by the
    factor $\sigma / \alpha$; samplers that clip `x_0` keep it in check.
    """

    needs_signal = True

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return eps

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x - sigma * output) / alpha

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return output

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return -sigma / alpha


class X0(Prediction):
    r"""The data: $\hat\epsilon = (x - \alpha\hat x_0) / \sigma$.

    The mirror image of `Eps`: the error of the noise grows where little noise is left.
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return x_0

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return output

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x - alpha * output) / sigma

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.ones_like(alpha)


class V(Prediction):
    r"""The velocity $v = \alpha\epsilon - \sigma x_0$, well posed at both ends.

    On the unit circle $\hat x_0 = \alpha x - \sigma\hat v$ and
    $\hat\epsilon = \sigma x + \alpha\hat v$.
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha * eps - sigma * x_0

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha * x - sigma * output

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return sigma * x + alpha * output

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return -sigma


class Flow(Prediction):
    r"""The velocity of the straight line, $u = \epsilon - x_0$: flow matching's target.

    $$\hat x_0 = \frac{x - \sigma\hat u}{\alpha + \sigma}, \qquad
      \hat\epsilon = \frac{x + \alpha\hat u}{\alpha + \sigma}.$$

    It is well posed at both ends, and needs no unit variance of either: in place of the
    noise there may be a draw of any distribution. With `Simple` and the process
    `RectifiedFlow` the loss is that of conditional flow matching; `V` asks for another
    mixture of the same two.

    References:
        Lipman et al. (2023), arXiv:2210.02747, eq. 23; Tong et al. (2024),
        arXiv:2302.00482, eq. 15.
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return eps - x_0

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x - sigma * output) / (alpha + sigma)

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x + alpha * output) / (alpha + sigma)

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return -sigma / (alpha + sigma)


class Score(Prediction):
    r"""The score of the perturbed density, $\nabla\log q(x) = -\hat\epsilon/\sigma$.

    The target grows like $1/\sigma$ near the data, so the plain squared error of it would
    be all about the last trace of noise: train it with a weighted loss.

    References:
        Vincent (2011), "A connection between score matching and denoising autoencoders";
        Song & Ermon (2019), arXiv:1907.05600, eq. 5.
    """

    needs_signal = True

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return -eps / sigma

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x + sigma**2 * output) / alpha

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return -sigma * output

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return sigma**2 / alpha


class EDM(Prediction):
    r"""Karras's preconditioning: input and target of unit variance at every noise level.

    With data of standard deviation $\sigma_d$ the variance of $x$ is
    $n^2 = \sigma^2 + \alpha^2\sigma_d^2$. The network sees $x / n$, and

    $$\hat x_0 = \frac{\alpha\sigma_d^2}{n^2}\,x
                 + \frac{\sigma\sigma_d}{n}\,\mathrm{output}.$$

    In the paper $\alpha = 1$ and $\sigma$ is the ratio $\sigma/\alpha$ of here; the two are
    the same map. With $\sigma_d = 1$ the output is $-v$.

    Args:
        sigma_data: $\sigma_d$, the standard deviation of the data in the model's range.

    Raises:
        ValueError: `sigma_data` is not positive and finite.

    References:
        Karras et al. (2022), arXiv:2206.00364, table 1 and appendix B.6.
    """

    def __init__(self, sigma_data: Positive = 0.5) -> None:
        check_positive(sigma_data=sigma_data)
        self.sigma_data = sigma_data

    def _variance(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return sigma**2 + (alpha * self.sigma_data) ** 2

    def input_scale(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return torch.rsqrt(self._variance(alpha, sigma))

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        # (x_0 - skip * x) / c, with the part of x_0 in x taken out by hand: the difference
        # would lose its digits near the data.
        scale = self._variance(alpha, sigma).sqrt()
        return (sigma * x_0 - alpha * self.sigma_data**2 * eps) / (scale * self.sigma_data)

    def x_0(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        skip = alpha * self.sigma_data**2 / self._variance(alpha, sigma)
        return skip * x + self.x_0_slope(alpha, sigma) * output

    def eps(self, output: Tensor, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        variance = self._variance(alpha, sigma)
        slope = -alpha * self.sigma_data * torch.rsqrt(variance)
        return sigma / variance * x + slope * output

    def x_0_slope(self, alpha: Tensor, sigma: Tensor) -> Tensor:
        return sigma * self.sigma_data * torch.rsqrt(self._variance(alpha, sigma))
