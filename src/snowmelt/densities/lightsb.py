r"""The Schroedinger bridge between two samples in closed form, by a potential of mixtures.

The entropic plan of start and data has the form
$\pi(x_0, x_1) = p_1(x_1)\,v(x_0)\,e^{\langle x_0, x_1\rangle/\varepsilon} / c_v(x_1)$ with
the start's own law $p_1$, so one potential $v$ says all. With a mixture of normal
densities, $v = \sum_k w_k\,N(r_k, V_k)$, the normaliser is

$$c_v(x_1) = \sum_k w_k \exp\Big(\frac{\langle r_k, x_1\rangle}{\varepsilon}
    + \frac{\langle x_1, V_k x_1\rangle}{2\varepsilon^2}\Big),$$

and the data that a start goes to is a mixture too. Let $\pi^*$ be the plan that is looked
for. Its divergence from that of $v$ is the objective

$$\mathcal L(v) = \mathrm{E}_{p_1} \log c_v(x_1) - \mathrm{E}_{p_0} \log v(x_0)
    = \mathrm{KL}(\pi^* \,\|\, \pi_v) + \mathrm{const},$$

since $\mathrm{E}_{\pi^*}\langle x_0, x_1\rangle$ and the start's own law do not depend on
$v$: a maximum of likelihood that needs draws of both ends and of no pairs, and no bound on
any parameter.

Along the bridge, at the share $u$ of the way to the start, the data that is to come has the
law $\propto v(x_0)\,e^{\lVert x_0\rVert^2/2\varepsilon}\,N(x_0;\ x, \varepsilon u I)$ given
$x_u = x$. In the axes of $V_k$, with $l = 1 - u + \varepsilon u/V_k$, it is a mixture of
$N(x + u\,b_k,\ \varepsilon u / l)$ with
$b_k = \big(x + \varepsilon(r_k - x)/V_k\big)/l$, and the mean of $b_k$ over the components
is the drift of the bridge towards the data, $\varepsilon\nabla\log$ of the integral of that
law.

It is an independent answer beside every learned one: no network, no steps, no time.

References:
    Korotin, Gushchin & Burnaev (2024), arXiv:2310.01174, "Light Schroedinger bridge":
    propositions 3.1 and 3.2 (objective and normaliser), 3.3 (drift). Their $S_k$ is
    $V_k/\varepsilon$.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_positive
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities.covariances import principal_axes, shared_covariance
from snowmelt.densities.gaussian import Gaussian
from snowmelt.densities.mixture import GaussianMixture, Numbers, double

# Of the stream of densities, whose first numbers are those of mixtures.
_COMPONENT_STEP, _DATA_STEP, _WAY_STEP = 3, 4, 5
_LEAST_WEIGHT = 1e-300


class LightSB:
    """The Schroedinger bridge of any start under a potential that is a mixture.

    Args:
        log_weights: (K,), of the potential; a constant that is added changes nothing.
        means: (K, D).
        covariances: (), (K,), (K, D) or (K, D, D), as a mixture has them.
        entropy: the square of the bridge's noise.

    Raises:
        ValueError: `entropy` is not positive, or the mixture is refused.
    """

    def __init__(
        self, log_weights: Numbers, means: Numbers, covariances: Numbers, entropy: float
    ) -> None:
        check_positive(entropy=entropy)
        self.entropy = entropy
        self.log_weights, self.means = double(log_weights), double(means)
        if self.means.ndim != 2 or self.log_weights.shape != self.means.shape[:1]:
            raise ValueError(
                f"means must be (K, D), one row for each of {len(self.log_weights)}"
                f" weights, got the shape {tuple(self.means.shape)}"
            )
        self.variances, self.axes = principal_axes(double(covariances), *self.means.shape)

    @classmethod
    def of_potential(cls, on_data: GaussianMixture, entropy: float) -> LightSB:
        """The bridge under a potential that is known, as `CoupledMixture.of_potentials`."""
        axes, spread = on_data.axes, on_data.variances
        if axes is not None:
            spread = axes @ torch.diag_embed(spread) @ axes.mT
        return cls(on_data.weights.log(), on_data.means, spread, entropy)

    @classmethod
    def between_normals(cls, data: Gaussian, start: Gaussian, entropy: float) -> LightSB:
        r"""The bridge between two normal laws, in closed form.

        It is that of `CoupledMixture.entropic`: given a start, the data is normal with the
        mean $m_0 + C_{01} C_1^{-1}(x_1 - m_1)$ and the covariance
        $\varepsilon\,C_{01} C_1^{-1}$.

        Raises:
            ValueError: `entropy` is not positive.
        """
        check_positive(entropy=entropy)
        c_0, c_1 = data.covariance(), start.covariance()
        slope = torch.linalg.solve(c_1, shared_covariance(c_0, c_1, entropy).T).T
        mean = data.mean() - slope @ start.mean()
        return cls([0.0], mean[None], 0.5 * entropy * (slope + slope.T)[None], entropy)

    @property
    def potential(self) -> GaussianMixture:
        """The potential $v$, with which `CoupledMixture.of_potentials` makes a plan."""
        weights = self.log_weights.softmax(0).clamp(min=_LEAST_WEIGHT)
        spread = self.variances
        if self.axes is not None:
            spread = self.axes @ torch.diag_embed(spread) @ self.axes.mT
        return GaussianMixture(weights / weights.sum(), self.means, spread)

    def sample(self, x_1: Tensor, *, seed: int) -> Tensor:
        """Draw the data that each start goes to: pairs of the plan.

        Shapes:
            x_1: (N, D) -> (N, D) float64
        """
        log_shares, drifts, factors = self._given(x_1, 1.0)
        index, stream = torch.arange(len(x_1)), Stream.DENSITY
        place = uniform((), seed=seed, stream=stream, index=index, step=_COMPONENT_STEP)
        shares = log_shares.softmax(1).cumsum(1).contiguous()
        component = torch.searchsorted(shares, place[:, None].contiguous()).clamp(
            max=len(self.means) - 1
        )
        chosen = component[:, 0]
        step, shape = _DATA_STEP, (self.size,)
        noise = normal(shape, seed=seed, stream=stream, index=index, step=step).double()
        spread = (self.entropy / factors[chosen]).sqrt() * noise
        moved = drifts[index, chosen] + spread
        if self.axes is not None:
            moved = torch.einsum("nde,ne->nd", self.axes[chosen], moved)
        return x_1.to(torch.float64) + moved

    def between(self, x_0: Tensor, x_1: Tensor, u: float, *, seed: int) -> Tensor:
        """Draw the state at a share of the way of each pair, by its Brownian bridge.

        Shapes:
            x_0, x_1: (N, D) -> (N, D) float64

        Raises:
            ValueError: `u` is not within [0, 1].
        """
        if not 0.0 <= u <= 1.0:
            raise ValueError(f"u must be from 0 to 1, got {u}")
        index, stream = torch.arange(len(x_1)), Stream.DENSITY
        noise = normal(
            (self.size,), seed=seed, stream=stream, index=index, step=_WAY_STEP
        ).double()
        spread = math.sqrt(self.entropy * u * (1.0 - u))
        return (1.0 - u) * x_0.double() + u * x_1.double() + spread * noise

    def at(self, x_1: Tensor, u: float) -> GaussianMixture:
        """The law of the state at a share of the way from these starts, N K components.

        Shapes:
            x_1: (N, D)

        Raises:
            ValueError: at u = 1, where it is the starts themselves and has no density.
        """
        if not 0.0 <= u < 1.0:
            raise ValueError(f"u must be from 0 up and below 1, got {u}")
        log_shares, drifts, factors = self._given(x_1, 1.0)
        start = x_1.to(torch.float64)
        means = start[:, None] + (1.0 - u) * self._unrotated(drifts)
        spread = (1.0 - u) ** 2 * self.entropy / factors + self.entropy * u * (1.0 - u)
        if self.axes is not None:
            spread = self.axes @ torch.diag_embed(spread) @ self.axes.mT
        shares = log_shares.softmax(1).clamp(min=_LEAST_WEIGHT).flatten()
        every = spread.expand(len(x_1), *spread.shape).flatten(0, 1)
        return GaussianMixture(shares / shares.sum(), means.flatten(0, 1), every)

    def drift(self, x: Tensor, u: float) -> Tensor:
        r"""$(\mathrm{E}[x_0 \mid x_u = x] - x)/u$: the drift towards the data, on the clock
        $1 - u$, of $dx = b\,d(1 - u) + \sqrt\varepsilon\,dW$.

        Shapes:
            x: (B, D) -> (B, D) float64

        Raises:
            ValueError: `u` is not between 0 and 1.
        """
        log_shares, drifts, _ = self._given(x, u)
        return (log_shares.softmax(1)[..., None] * self._unrotated(drifts)).sum(1)

    def data_mean(self, x: Tensor, u: float) -> Tensor:
        r"""$\mathrm{E}[x_0 \mid x_u = x]$. Shapes: x: (B, D) -> (B, D) float64"""
        return x.to(torch.float64) + u * self.drift(x, u)

    @property
    def size(self) -> int:
        """D, the number of elements of an event."""
        return self.means.shape[1]

    def _given(self, x: Tensor, u: float) -> tuple[Tensor, Tensor, Tensor]:
        """The mixture of the data given a state, in the axes of its components.

        Shapes:
            x: (B, D) -> log shares (B, K), drifts b (B, K, D), factors l (K, D)
        """
        if not 0.0 <= u <= 1.0:
            raise ValueError(f"u must lie between 0 and 1, got {u}")
        state, axes = x.to(torch.float64)[:, None, :], self.axes
        means = self.means
        if axes is not None:
            state = torch.einsum("bkd,kde->bke", state.expand(-1, len(axes), -1), axes)
            means = torch.einsum("kd,kde->ke", means, axes)
        precisions = 1.0 / self.variances
        factors = 1.0 - u + self.entropy * u * precisions
        drifts = (state + self.entropy * (means - state) * precisions) / factors
        # What would diverge at u = 0 is common to all components, and left out.
        exponent = self.entropy * u * (means * precisions) ** 2
        exponent = exponent + 2.0 * means * state * precisions
        exponent = (exponent + state**2 * (1.0 / self.entropy - precisions)) / factors
        exponent = exponent - means**2 * precisions
        volume = torch.log(factors * self.variances).sum(-1)
        return self.log_weights + 0.5 * (exponent.sum(-1) - volume), drifts, factors

    def _unrotated(self, vectors: Tensor) -> Tensor:
        """From each component's axes back. Shapes: (B, K, D) -> (B, K, D)"""
        if self.axes is None:
            return vectors
        return torch.einsum("bke,kde->bkd", vectors, self.axes)
