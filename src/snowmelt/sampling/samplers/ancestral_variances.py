r"""Variances of a reverse step of the ancestral chain.

Of data of unit variance in a variance-preserving process, the true reverse step
$q(x_s \mid x_t)$ has on average a variance that lies between two known ones:

$$\sigma_{s|t}^2 = -\sigma_s^2\,\mathrm{expm1}(\lambda_t - \lambda_s)
  \quad\text{(posterior)}, \qquad
  \sigma_{t|s}^2 = -\sigma_t^2\,\mathrm{expm1}(\lambda_t - \lambda_s)
  \quad\text{(forward step)}.$$

The first is right for data that is one point, in every process, the second for data that is
white noise of variance one. A chain of many short steps can take either, since their ratio
$\sigma_s^2/\sigma_t^2$ is then almost one; with few steps it matters, and a network can be
asked where between the two the truth lies.

The step to the data adds no noise, so no variance is asked for at $s = 0$. A table of
variances, one an index, has to fill its entry 0, where the posterior's is zero and its
logarithm minus infinity: improved-diffusion writes the entry 1 there, for the small and the
large variance alike. No sample depends on it.

References:
    Ho, Jain & Abbeel (2020), arXiv:2006.11239, section 3.2;
    Nichol & Dhariwal (2021), arXiv:2102.09672, section 3.1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from snowmelt.diffusion.processes import Process, expand


class Variance(ABC):
    """How much noise an ancestral step adds."""

    needs_share: bool = False
    """Whether the network is asked for a share; see `Learned`."""

    @abstractmethod
    def std(
        self, process: Process, t: Tensor, s: Tensor, x_t: Tensor, share: Tensor | None
    ) -> Tensor:
        """The standard deviation of the step from t to s, in a shape that multiplies `x_t`.

        Shapes:
            t, s: () with 0 < s < t, x_t: (B, *D), share: (B, *D) where it is needed
                -> () or (B, *D)
        """


class FixedSmall(Variance):
    """That of the posterior: exact for data that is a single point."""

    def std(
        self, process: Process, t: Tensor, s: Tensor, x_t: Tensor, share: Tensor | None
    ) -> Tensor:
        return expand(process.posterior_variance(t, s).sqrt(), x_t)


class FixedLarge(Variance):
    r"""That of the forward step; on a chain of one's own steps it is Ho's $\beta_i$."""

    def std(
        self, process: Process, t: Tensor, s: Tensor, x_t: Tensor, share: Tensor | None
    ) -> Tensor:
        return expand(process.transition_variance(s, t).sqrt(), x_t)


class Learned(Variance):
    r"""Between the two, where the network says, on a scale of logarithms.

    With the network's share $v$ of each coordinate, the logarithm of the variance is $v
    \log\sigma_{t|s}^2 + (1 - v)\log\sigma_{s|t}^2$. The share belongs to the noise level,
    so it was learned for steps of one length and is used for those of another; the two ends
    move with the length, which is why a share is learned and not a variance.

    References:
        Nichol & Dhariwal (2021), arXiv:2102.09672, eq. 15.
    """

    needs_share = True

    def std(
        self, process: Process, t: Tensor, s: Tensor, x_t: Tensor, share: Tensor | None
    ) -> Tensor:
        if share is None:
            raise ValueError("a learned variance needs the network's share, got none")
        large = expand(process.transition_variance(s, t).log(), x_t)
        small = expand(process.posterior_variance(t, s).log(), x_t)
        return torch.exp(0.5 * (share * large + (1.0 - share) * small))
