r"""Mixtures of normal laws of both ends of a path: flows and bridges known exactly.

Let the pair of a data point and its start be drawn from a mixture of K normal laws in 2 D
dimensions. With an interpolant $x_t = \alpha x_0 + \sigma x_1 + \gamma z$ everything is
normal given the component k: $x_t$ has the covariance

$$V_k = \alpha^2 C_{00} + \sigma^2 C_{11} + \alpha\sigma\,(C_{01} + C_{10}) + \gamma^2 I,$$

and with $p = V_k^{-1}(x - \mu_k)$ the means given $x_t = x$ are
$\mathrm{E}[x_0] = m_0 + (\alpha C_{00} + \sigma C_{01})\,p$,
$\mathrm{E}[x_1] = m_1 + (\alpha C_{10} + \sigma C_{11})\,p$, and
$\mathrm{E}[z] = \gamma p$. The velocity of the flow is the mean of
$\dot\alpha x_0 + \dot\sigma x_1 + \dot\gamma z$, the score that of $-p$, both over the
components, weighed by how likely each is given x.

Four families are of this kind:

- independent ends, `independent`: diffusion, where the start is $N(0, I)$;
- the entropic plan of two normal laws, `entropic`, in closed form;
- the entropic plan of potentials that are mixtures, `of_potentials`: a plan of the form
  $u(x_1)\,v(x_0)\,e^{\langle x_0, x_1\rangle/\varepsilon}$ is the entropic plan of its own
  two marginals, which are mixtures too;
- any other plan that is written down.

Between pairs of the entropic plan of $\varepsilon = s^2$ the Brownian bridges of noise s
make the Schroedinger bridge.

References:
    Janati, Muzellec, Peyre & Cuturi (2020), arXiv:2006.02572, theorem 1 (normal laws);
    Bunne, Hsieh, Cuturi & Krause (2023), arXiv:2202.05722 (their bridge);
    Korotin, Gushchin & Burnaev (2024), arXiv:2310.01174, proposition 3.3 (potentials that
    are mixtures, "LightSB").
"""

from __future__ import annotations

from typing import Self

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.densities.covariances import shared_covariance
from snowmelt.densities.gaussian import Gaussian
from snowmelt.densities.mixture import GaussianMixture, Numbers
from snowmelt.diffusion.interpolants import Interpolant, scales, slopes
from snowmelt.diffusion.processes import Process


class CoupledMixture:
    """A mixture of normal laws of the pair (data, start).

    Args:
        weights: (K,), of sum 1.
        means: (K, 2 D), the data's D elements first.
        covariances: (K, 2 D, 2 D), or variances (K, 2 D), (K,) or ().

    Raises:
        ValueError: the pair has an odd number of elements, or the mixture is refused.
    """

    def __init__(self, weights: Numbers, means: Numbers, covariances: Numbers) -> None:
        self.pair = GaussianMixture(weights, means, covariances)
        if self.pair.size % 2:
            raise ValueError(
                f"a pair of ends has an even number of elements, got {self.pair.size}"
            )
        self.size = self.pair.size // 2
        self.covariances = _covariances(self.pair)

    @classmethod
    def independent(cls, data: GaussianMixture, start: GaussianMixture) -> Self:
        """Pairs of independent draws."""
        weights = (data.weights[:, None] * start.weights).flatten()
        means, spreads = [], []
        for m_0, c_0 in zip(data.means, _covariances(data), strict=True):
            for m_1, c_1 in zip(start.means, _covariances(start), strict=True):
                means.append(torch.cat((m_0, m_1)))
                spreads.append(torch.block_diag(c_0, c_1))
        return cls(weights, torch.stack(means), torch.stack(spreads))

    @classmethod
    def entropic(cls, data: Gaussian, start: Gaussian, entropy: float) -> Self:
        r"""The plan of least $\mathrm{E}\tfrac12\lVert x_0 - x_1\rVert^2 +
        \varepsilon\,\mathrm{KL}$ between two normal laws.

        Its covariance of data and start is

        $$C_{01} = C_0^{1/2}\Big(C_0^{1/2} C_1 C_0^{1/2}
            + \tfrac{\varepsilon^2}4 I\Big)^{1/2} C_0^{-1/2} - \tfrac\varepsilon2 I.$$

        Without entropy the two determine each other, and the plan has no density.

        Args:
            entropy: $\varepsilon$.

        Raises:
            ValueError: `entropy` is not positive, or so small that the pair is degenerate.
        """
        check_positive(entropy=entropy)
        c_0, c_1 = data.covariance(), start.covariance()
        shared = shared_covariance(c_0, c_1, entropy)
        whole = torch.cat((torch.cat((c_0, shared), 1), torch.cat((shared.T, c_1), 1)))
        mean = torch.cat((data.mean(), start.mean()))
        return cls([1.0], mean[None], 0.5 * (whole + whole.T)[None])

    @classmethod
    def of_potentials(
        cls, on_data: GaussianMixture, on_start: GaussianMixture, entropy: float
    ) -> Self:
        r"""The entropic plan $u(x_1)\,v(x_0)\,e^{\langle x_0, x_1\rangle/\varepsilon}$.

        Args:
            on_data, on_start: $v$ and $u$.
            entropy: $\varepsilon$.

        Raises:
            ValueError: the product has no integral: the potentials are too wide for so
                little entropy.
        """
        check_positive(entropy=entropy)
        link = torch.eye(on_data.size, dtype=torch.float64) / entropy
        logs, means, spreads = [], [], []
        for w, r, v in zip(
            on_data.weights, on_data.means, _covariances(on_data), strict=True
        ):
            for a, m, c in zip(
                on_start.weights, on_start.means, _covariances(on_start), strict=True
            ):
                p_0, p_1 = torch.linalg.inv(v), torch.linalg.inv(c)
                precision = torch.cat(
                    (torch.cat((p_0, -link), 1), torch.cat((-link, p_1), 1))
                )
                if float(torch.linalg.eigvalsh(precision)[0]) <= 0:
                    raise ValueError(
                        "the product of the two potentials and the link has no integral:"
                        f" raise the entropy, {entropy:g}, or make the potentials narrower"
                    )
                spread = torch.linalg.inv(precision)
                pull = torch.cat((p_0 @ r, p_1 @ m))
                size = pull @ spread @ pull - r @ p_0 @ r - m @ p_1 @ m
                logs.append(
                    torch.log(w * a)
                    + 0.5 * (size - _log_det(v) - _log_det(c))
                    + 0.5 * _log_det(spread)
                )
                means.append(spread @ pull)
                spreads.append(0.5 * (spread + spread.T))
        return cls(torch.stack(logs).softmax(0), torch.stack(means), torch.stack(spreads))

    @property
    def data(self) -> GaussianMixture:
        """The law of the data."""
        d = self.size
        return GaussianMixture(
            self.pair.weights, self.pair.means[:, :d], self.covariances[:, :d, :d]
        )

    @property
    def start(self) -> GaussianMixture:
        """The law of the start."""
        d = self.size
        return GaussianMixture(
            self.pair.weights, self.pair.means[:, d:], self.covariances[:, d:, d:]
        )

    def sample(self, n: int, *, seed: int) -> tuple[Tensor, Tensor]:
        """Independent pairs. Shapes: -> x_0 (n, D), x_1 (n, D) float64"""
        drawn = self.pair.sample(n, seed=seed, dtype=torch.float64)
        return drawn[:, : self.size], drawn[:, self.size :]

    def at(self, process: Process, interpolant: Interpolant, t: Tensor) -> GaussianMixture:
        """The law of `x_t`, at one time for all. Shapes: t: ()"""
        means, spreads = self._marginal(*scales(process, interpolant, t))
        return GaussianMixture(self.pair.weights, means, spreads)

    def estimates(
        self, x: Tensor, process: Process, interpolant: Interpolant, t: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        r"""$\mathrm{E}[x_0]$, $\mathrm{E}[x_1]$ and $\mathrm{E}[z]$, given $x_t = x$.

        Shapes:
            x: (B, D), t: () -> (B, D), (B, D), (B, D) float64
        """
        alpha, sigma, gamma = scales(process, interpolant, t)
        weights, pulls = self._pulls(x, alpha, sigma, gamma)
        d, c = self.size, self.covariances
        to_data = alpha * c[:, :d, :d] + sigma * c[:, :d, d:]
        to_start = alpha * c[:, d:, :d] + sigma * c[:, d:, d:]
        m_0, m_1 = self.pair.means[:, :d], self.pair.means[:, d:]
        x_0 = m_0 + torch.einsum("kde,bke->bkd", to_data, pulls)
        x_1 = m_1 + torch.einsum("kde,bke->bkd", to_start, pulls)
        means = (weights[..., None] * part for part in (x_0, x_1, gamma * pulls))
        x_0_hat, x_1_hat, z_hat = (part.sum(1) for part in means)
        return x_0_hat, x_1_hat, z_hat

    def velocity(
        self, x: Tensor, process: Process, interpolant: Interpolant, t: Tensor
    ) -> Tensor:
        r"""$b(x, t)$, the mean of $\dot\alpha x_0 + \dot\sigma x_1 + \dot\gamma z$ given x.

        Shapes:
            x: (B, D), t: () -> (B, D) float64
        """
        on_data, on_start, on_noise = slopes(process, interpolant, t)
        x_0, x_1, z = self.estimates(x, process, interpolant, t)
        return on_data * x_0 + on_start * x_1 + on_noise * z

    def score(
        self, x: Tensor, process: Process, interpolant: Interpolant, t: Tensor
    ) -> Tensor:
        r"""$\nabla\log q_t(x)$. Shapes: x: (B, D), t: () -> (B, D) float64"""
        weights, pulls = self._pulls(x, *scales(process, interpolant, t))
        return -(weights[..., None] * pulls).sum(1)

    def _marginal(
        self, alpha: Tensor, sigma: Tensor, gamma: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Means and covariances of the components of x_t. -> (K, D), (K, D, D)"""
        d, c = self.size, self.covariances
        cross = c[:, :d, d:]
        spread = alpha**2 * c[:, :d, :d] + sigma**2 * c[:, d:, d:]
        spread = spread + alpha * sigma * (cross + cross.mT)
        spread = spread + gamma**2 * torch.eye(d, dtype=torch.float64)
        return alpha * self.pair.means[:, :d] + sigma * self.pair.means[:, d:], spread

    def _pulls(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, gamma: Tensor
    ) -> tuple[Tensor, Tensor]:
        """How likely each component is, and its p. x: (B, D) -> (B, K), (B, K, D)"""
        means, spreads = self._marginal(alpha, sigma, gamma)
        away = x.to(torch.float64)[:, None, :] - means
        factor = torch.linalg.cholesky(spreads)
        pulls = torch.cholesky_solve(away[..., None], factor.expand(len(x), -1, -1, -1))
        exponent = (away * pulls[..., 0]).sum(-1) + _log_det(spreads)
        # Less a constant, which the shares do not have.
        log_joint = torch.log(self.pair.weights) - 0.5 * exponent
        return log_joint.softmax(1), pulls[..., 0]


def _log_det(matrix: Tensor) -> Tensor:
    return torch.linalg.slogdet(matrix).logabsdet


def _covariances(mixture: GaussianMixture) -> Tensor:
    """Shapes: -> (K, D, D)"""
    spread = torch.diag_embed(mixture.variances)
    return spread if mixture.axes is None else mixture.axes @ spread @ mixture.axes.mT
