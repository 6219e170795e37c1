r"""Weightings by the noise level, each as the weight $w$ of the error of the data.

All are functions of $s = e^\lambda$ and are evaluated in the logarithm where a power of $s$
could overflow. At zero signal, $\lambda = -\infty$, each of them is finite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative, check_positive
from snowmelt.common.bounds import Positive
from snowmelt.diffusion.losses.loss import Weighted
from snowmelt.diffusion.processes import Process


class MinSNR(Weighted):
    r"""The weight of the noise, with a cap near the data: $w = \min(s, \gamma)$.

    For a network that predicts eps the weight is $\min(s, \gamma)/s$, for one that predicts
    v it is $\min(s, \gamma)/(s + 1)$.

    Args:
        gamma: the cap.

    Raises:
        ValueError: `gamma` is not positive and finite.

    References:
        Hang et al. (2023), arXiv:2303.09556, section 3.
    """

    def __init__(self, gamma: Positive = 5.0) -> None:
        check_positive(gamma=gamma)
        self.gamma = gamma

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        return torch.exp(process.log_snr(t).clamp(max=math.log(self.gamma)))


class SoftMinSNR(Weighted):
    r"""Min-SNR without the corner: $w = s\gamma/(s + \gamma)$.

    With the noise-to-signal ratio $\tilde\sigma$, $s = \tilde\sigma^{-2}$, this is
    $1/(\tilde\sigma^2 + 1/\gamma)$.

    Args:
        gamma: what the weight tends to near the data; $1/\sigma_d^2$ for data of standard
            deviation $\sigma_d$, so 4 for EDM's 0.5.

    Raises:
        ValueError: `gamma` is not positive and finite.

    References:
        Crowson et al. (2024), arXiv:2401.11605, where it is named and gamma is 4.
    """

    def __init__(self, gamma: Positive = 4.0) -> None:
        check_positive(gamma=gamma)
        self.gamma = gamma

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        return self.gamma * torch.sigmoid(process.log_snr(t) - math.log(self.gamma))


class P2(Weighted):
    r"""Less weight where little noise is left: $(k + s)^{-\gamma}$ for the error of eps.

    Then $w = s\,(k + s)^{-\gamma}$.

    Args:
        k: keeps the weight finite where no signal is left.
        gamma: how fast the weight falls; 0 is the plain loss of eps.

    Raises:
        ValueError: `k` is not positive and finite, or `gamma` is negative or not finite.

    References:
        Choi et al. (2022), arXiv:2204.00227, section 3.
    """

    def __init__(self, k: Positive = 1.0, gamma: Positive = 1.0) -> None:
        check_positive(k=k)
        check_not_negative(gamma=gamma)
        self.k = k
        self.gamma = gamma

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        log_snr = process.log_snr(t)
        # log(k + s), without s itself, which may overflow
        level = torch.logaddexp(log_snr, torch.full_like(log_snr, math.log(self.k)))
        return torch.exp(log_snr - self.gamma * level)


class EDM(Weighted):
    r"""Equal weight for outputs of EDM's preconditioning: $w = s + 1/\sigma_d^2$.

    With the noise-to-signal ratio $\tilde\sigma$ this is the paper's
    $(\tilde\sigma^2 + \sigma_d^2)/(\tilde\sigma\sigma_d)^2$. Under the prediction `edm` of
    the same $\sigma_d$ it is the simple loss. It goes with the paper's density of times:
    `time_sampling=log_normal`.

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

    def x_0_weight(self, process: Process, t: Tensor) -> Tensor:
        return torch.exp(process.log_snr(t)) + self.sigma_data**-2
