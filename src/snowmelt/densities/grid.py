r"""A density given as a grid of values: any picture, known at every time of every process.

The picture is piecewise constant: cell $k$ has the probability $w_k$, spread evenly over
its box $[a_k, b_k]$. Uniform boxes and normal noise both factor over the axes, so with
noise

$$q_t(x) = \sum_k w_k
  \prod_d \frac{\Phi(z^+_{kd}) - \Phi(z^-_{kd})}{\alpha\,(b_{kd}-a_{kd})}, \qquad
  z^-_{kd} = \frac{\alpha a_{kd} - x_d}{\sigma},\quad
  z^+_{kd} = \frac{\alpha b_{kd} - x_d}{\sigma},$$

a mixture of as many components as there are cells, without any approximation. The
responsibilities $r_k(x)$ of the cells give the score and the posterior mean,

$$\nabla\log q_t(x) = \frac1\sigma \sum_k r_k(x)\,\mathrm{E}[z_k], \qquad
  \mathrm{E}[x_0 \mid x] = \sum_k r_k(x)\,\mathrm{E}[u_k],$$

where $z_k$ is normal and cut to cell $k$ (see `intervals`) and $u_k = (x + \sigma z_k) /
\alpha$ is the place in that cell.

A step in the density has no score. With `smoothing` the data is the picture with normal
noise, in the same closed form. Log density and score are then finite everywhere, as MALA
and Hamiltonian Monte Carlo require.
"""

from __future__ import annotations

import copy
import math
from typing import Self

import torch
from torch import Tensor

from snowmelt.common.argument_checks import check_not_negative, check_positive
from snowmelt.common.bounds import NotNegative, Positive
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities.cells import log_sum_and_fractions
from snowmelt.densities.exact import Perturbable, shift_and_scale
from snowmelt.densities.intervals import Cut, cut
from snowmelt.densities.mixture import Numbers, double
from snowmelt.diffusion.processes import Process

_CELL_STEP, _PLACE_STEP, _NORMAL_STEP = 3, 4, 5
# Noise that is nothing beside a cell, in place of none at all.
_SHARP = 1e-9


class GridDensity(Perturbable):
    r"""Values on a grid of equal boxes; the density is proportional to them.

    Args:
        values: not negative, (N_1, ..., N_D): `values[i, j]` is the density in cell i of
            the first axis and cell j of the second. For a picture as it is seen, with rows
            from the top, see `Picture`.
        bounds: (D, 2), the two ends of each axis; None: from -1 to 1.
        smoothing: standard deviation of the normal noise that belongs to the data.

    Raises:
        ValueError: values that are negative, not finite or all zero, bounds that do not
            fit them or are no intervals, or a negative `smoothing`.
    """

    def __init__(
        self, values: Numbers, bounds: Numbers | None = None, smoothing: NotNegative = 0.0
    ) -> None:
        grid = double(values)
        if grid.ndim < 1 or not grid.numel():
            raise ValueError(f"values must be a grid, got the shape {tuple(grid.shape)}")
        if not grid.isfinite().all() or (grid < 0).any() or not grid.sum() > 0:
            raise ValueError("values must be finite, not negative and not all zero")
        ends = double([[-1.0, 1.0]] * grid.ndim if bounds is None else bounds)
        if ends.shape != (grid.ndim, 2):
            raise ValueError(
                f"bounds of a grid of {grid.ndim} axes must be ({grid.ndim}, 2), got the"
                f" shape {tuple(ends.shape)}"
            )
        if not ends.isfinite().all() or not (ends[:, 0] < ends[:, 1]).all():
            raise ValueError(f"bounds must be finite and rising, got {ends.tolist()}")
        check_not_negative(smoothing=smoothing)
        self.weights = grid / grid.sum()
        counts = torch.tensor(grid.shape, dtype=torch.float64)
        self.low, self.widths = ends[:, 0], (ends[:, 1] - ends[:, 0]) / counts
        # The density is that of scale * u + std * z, with u in the grid and normal z.
        self.scale, self.std = double(1.0), double(smoothing)

    @property
    def size(self) -> int:
        """D, the number of elements of an event."""
        return self.weights.ndim

    def centres(self, axis: int) -> Tensor:
        """The centres of the cells along an axis, of the data. Shapes: -> (N_axis,)"""
        place = torch.arange(self.weights.shape[axis], dtype=torch.float64) + 0.5
        return self.low[axis] + self.widths[axis] * place

    def mean(self) -> Tensor:
        """The mean of the density. Shapes: -> (D,) float64"""
        return self.scale * torch.stack(
            [self._marginal(axis) @ self.centres(axis) for axis in range(self.size)]
        )

    def covariance(self) -> Tensor:
        """The covariance of the density. Shapes: -> (D, D) float64"""
        places = torch.cartesian_prod(*(self.centres(axis) for axis in range(self.size)))
        away = self.scale * places.reshape(-1, self.size) - self.mean()
        between = away.T @ (self.weights.flatten()[:, None] * away)
        own = self.scale**2 * self.widths**2 / 12.0 + self.std**2
        return between + torch.diag(own)

    def sample(self, n: int, *, seed: int, dtype: torch.dtype = torch.float32) -> Tensor:
        index, stream = torch.arange(n), Stream.DENSITY
        place = uniform((), seed=seed, stream=stream, index=index, step=_CELL_STEP)
        total = self.weights.flatten().cumsum(0)
        # From the right: a place on an edge never falls into a cell of no weight.
        flat = torch.searchsorted(total, place * total[-1], right=True)
        cell = torch.stack(torch.unravel_index(flat, self.weights.shape), -1)
        shape, step = (self.size,), _PLACE_STEP
        inside = uniform(shape, seed=seed, stream=stream, index=index, step=step)
        noise = normal(shape, seed=seed, stream=stream, index=index, step=_NORMAL_STEP)
        x = self.scale * (self.low + self.widths * (cell + inside))
        return (x + self.std * noise.to(torch.float64)).to(dtype)

    def log_prob(self, x: Tensor) -> Tensor:
        """The logarithm of the density; minus infinity outside a grid without smoothing."""
        flat = self._flat(x)
        if self.std == 0:
            return self._clean_log_prob(flat).to(x.dtype)
        cuts = self._cuts(flat, self.scale, self.std)
        log_prob, _ = log_sum_and_fractions(
            self.weights, [part.log_average for part in cuts]
        )
        return (log_prob - self.size * torch.log(self.std)).to(x.dtype)

    def score(self, x: Tensor) -> Tensor:
        """The gradient; without smoothing zero, as it is everywhere but on the edges."""
        flat = self._flat(x)
        if self.std == 0:
            return torch.zeros_like(x)
        cuts = self._cuts(flat, self.scale, self.std)
        _, shares = log_sum_and_fractions(self.weights, [part.log_average for part in cuts])
        score = _over_cells(shares, [part.mean for part in cuts]) / self.std
        return score.reshape(x.shape).to(x.dtype)

    def at(self, process: Process, t: Tensor) -> Self:
        time = t.to(torch.float64)
        alpha, sigma = (
            part(time).detach().cpu() for part in (process.alpha, process.sigma)
        )
        noisy = copy.copy(self)
        noisy.scale = alpha * self.scale
        noisy.std = torch.hypot(alpha * self.std, sigma)
        return noisy

    def standardised(self, mean: Numbers, std: float) -> Self:
        shift, scale = shift_and_scale(mean, std, self.size)
        moved = copy.copy(self)
        # The picture is laid anew, with no scale of its own: nothing is divided by the
        # alpha of a noisy one, which may be zero.
        moved.low = (self.scale * self.low - shift.to(self.low.device)) / scale
        moved.widths = self.scale * self.widths / scale
        moved.scale, moved.std = torch.ones_like(self.scale), self.std / scale
        return moved

    def estimates(
        self, x: Tensor, alpha: Tensor, sigma: Tensor, labels: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `Perturbable`; without any noise, the nearest place of the grid."""
        flat = self._flat(x)
        alpha, sigma = alpha.reshape(-1, 1), sigma.reshape(-1, 1)
        scale, own = alpha * self.scale.to(x.device), self.std.to(x.device)
        std = torch.hypot(alpha * own, sigma)
        std = torch.maximum(std, _SHARP * scale * self.widths.amin().to(x.device))
        cuts = self._cuts(flat, scale, std)
        _, shares = log_sum_and_fractions(self.weights, [part.log_average for part in cuts])
        normals = _over_cells(shares, [part.mean for part in cuts])
        place = _over_cells(shares, self._places(cuts))
        x_0 = self.scale.to(x.device) * place - alpha * own**2 / std * normals
        return x_0.reshape(x.shape), (-sigma / std * normals).reshape(x.shape)

    def _cuts(self, flat: Tensor, scale: Tensor, std: Tensor) -> list[Cut]:
        """For each axis, the noise that leads from each of its cells to a state.

        Shapes:
            flat: (B, D), scale, std: () or (B, 1) -> D of (B, N_d)
        """
        scale, std, widths = (part.to(flat.device) for part in (scale, std, self.widths))
        return [
            cut(
                (scale * self.centres(axis).to(flat.device) - flat[:, axis, None]) / std,
                scale * widths[axis] / std,
            )
            for axis in range(self.size)
        ]

    def _places(self, cuts: list[Cut]) -> list[Tensor]:
        """The mean place of the data in each cell. Shapes: D of (B, N_d)"""
        device = cuts[0].place.device
        return [
            self.centres(axis).to(device) + self.widths[axis].to(device) * part.place
            for axis, part in enumerate(cuts)
        ]

    def _clean_log_prob(self, flat: Tensor) -> Tensor:
        low, widths, weights = (
            part.to(flat.device) for part in (self.low, self.widths, self.weights)
        )
        cell = torch.floor((flat / self.scale.to(flat.device) - low) / widths)
        counts = torch.tensor(weights.shape, device=flat.device)
        is_inside = ((cell >= 0) & (cell < counts)).all(1)
        place = cell.nan_to_num().clamp(min=0).minimum(counts - 1).to(torch.int64)
        box = torch.log(self.scale.to(flat.device) * widths).sum()
        log_prob = torch.log(weights[tuple(place.T)]) - box
        return log_prob.masked_fill(~is_inside, -math.inf)

    def _marginal(self, axis: int) -> Tensor:
        return self.weights.movedim(axis, 0).reshape(self.weights.shape[axis], -1).sum(1)

    def _flat(self, x: Tensor) -> Tensor:
        flat = x.to(torch.float64).flatten(1)
        if flat.shape[1] != self.size:
            raise ValueError(
                f"events of {self.size} elements are needed, got the shape {tuple(x.shape)}"
            )
        return flat


def _over_cells(shares: list[Tensor], values: list[Tensor]) -> Tensor:
    """Means over the cells of each axis. Shapes: D of (B, N_d) -> (B, D)"""
    pairs = zip(shares, values, strict=True)
    return torch.stack([(share * value).sum(1) for share, value in pairs], 1)


class Picture(GridDensity):
    """A picture as it is seen: rows from the top, brighter is likelier.

    Args:
        rows: (height, width), not negative; the first row is the top one.
        half_width: the picture reaches from minus this to this in its first axis, to the
            right, and as far in its second, upwards, as square pixels make it.
        smoothing: see `GridDensity`.

    Raises:
        ValueError: rows that are no picture, a `half_width` that is not positive, and what
            a `GridDensity` refuses.
    """

    def __init__(
        self, rows: Numbers, half_width: Positive = 1.0, smoothing: NotNegative = 0.0
    ) -> None:
        picture = double(rows)
        if picture.ndim != 2 or not picture.numel():
            raise ValueError(
                f"rows must be (height, width), got the shape {tuple(picture.shape)}"
            )
        check_positive(half_width=half_width)
        height, width = picture.shape
        up = half_width * height / width
        bounds = [[-half_width, half_width], [-up, up]]
        super().__init__(picture.flip(0).T, bounds, smoothing)
