r"""Predictions: what the network is asked for, and how to turn it into the rest.

The network sees $x_t = \alpha x_0 + \sigma \epsilon$. Given $x_t$, each of $x_0$,
$\epsilon$ and the velocity $v = \alpha\epsilon - \sigma x_0$ determines the two others;
which one the network regresses decides how its error is spread over the noise levels.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2 (eps and x_0);
    Salimans & Ho (2022), arXiv:2202.00512, appendix D (v).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor


class Prediction(ABC):
    """A regression target of the network, and the estimates that follow from it.

    In every method `alpha` and `sigma` are the scales at the times of `x_t`, already of a
    shape that multiplies it.
    """

    @abstractmethod
    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should answer. Shapes: x_0, eps: (B, *D) -> (B, *D)"""

    @abstractmethod
    def x_0(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The estimate of the data. Shapes: output, x_t: (B, *D) -> (B, *D)"""

    @abstractmethod
    def eps(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """The estimate of the noise. Shapes: output, x_t: (B, *D) -> (B, *D)"""


class Eps(Prediction):
    r"""The noise: $\hat x_0 = (x_t - \sigma\hat\epsilon) / \alpha$.

    Where little signal is left a small error in `eps` becomes a large one in `x_0`, by the
    factor $\sigma / \alpha$; samplers that clip `x_0` keep it in check.
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return eps

    def x_0(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x_t - sigma * output) / alpha

    def eps(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return output


class X0(Prediction):
    r"""The data: $\hat\epsilon = (x_t - \alpha\hat x_0) / \sigma$.

    The mirror image of `Eps`: the error of the noise grows where little noise is left.
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return x_0

    def x_0(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return output

    def eps(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (x_t - alpha * output) / sigma


class V(Prediction):
    r"""The velocity $v = \alpha\epsilon - \sigma x_0$, well posed at both ends.

    $$\hat x_0 = \frac{\alpha x_t - \sigma\hat v}{\alpha^2 + \sigma^2}, \qquad
      \hat\epsilon = \frac{\sigma x_t + \alpha\hat v}{\alpha^2 + \sigma^2}.$$
    """

    def target(self, x_0: Tensor, eps: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return alpha * eps - sigma * x_0

    def x_0(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (alpha * x_t - sigma * output) / (alpha**2 + sigma**2)

    def eps(self, output: Tensor, x_t: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        return (sigma * x_t + alpha * output) / (alpha**2 + sigma**2)
