r"""The paths along which a sampler carries starts to data: their energy and straightness.

Any interpolant $x = \alpha x_0 + \sigma x_1$ without noise on the way becomes a straight
line at constant speed in the coordinates

$$y = \frac{x}{\alpha + \sigma}, \qquad u = \frac{\sigma}{\alpha + \sigma}, \qquad
  y = (1 - u)\,x_0 + u\,x_1,$$

where the start is at $u = 1$ and the data at $u = 0$, whatever process and schedule are. So
paths are measured there; in a rectified flow $y$ is the state and $u$ the time itself. With
the velocity $v = dy/du$ the energy of a path is $\int_0^1 \lVert v\rVert^2\,du$. Of all
paths with the same ends the straight one has the least, $\lVert x_0 - x_1\rVert^2$; what
lies above it is the straightness of Liu et al.,

$$\int_0^1 \big\lVert (x_1 - x_0) - v \big\rVert^2\,du
  = \int_0^1 \lVert v\rVert^2\,du - \lVert x_0 - x_1\rVert^2 ,$$

which is 0 on straight paths at constant speed. A sampler goes straight from state to state,
so that the integral is $\sum_k \lVert y_{k+1} - y_k\rVert^2 / |u_{k+1} - u_k|$: of Euler's
rule in a rectified flow exactly the sum of $\lVert v\rVert^2$ times the step. It needs no
further call of the network, and is as right for a conditional or guided one.

References:
    Tong et al. (2024), arXiv:2302.00482, section 5 (path energy); Liu, Gong & Liu (2023),
    arXiv:2209.03003, definition 3.3 (straightness); Benamou & Brenier (2000) (the least
    energy of all flows between two distributions is $W_2^2$).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.processes import Process
from snowmelt.sampling.samplers.loop import sample
from snowmelt.sampling.samplers.sampler import Sampler

Listener = Callable[[float, Tensor], None]


@dataclass(frozen=True, eq=False)
class FlowPaths:
    """What is known of the paths of N starts.

    Attributes:
        starts, ends: where they begin and end, (N, *D) float64 in the model's units.
        energies: of each path, (N,) float64, in the square of that unit.
    """

    starts: Tensor
    ends: Tensor
    energies: Tensor

    @property
    def costs(self) -> Tensor:
        """The squared distance of start and end. Shapes: -> (N,)"""
        return (self.ends - self.starts).flatten(1).square().sum(1)

    @property
    def bends(self) -> Tensor:
        """The straightness of each path: 0 where it is straight. Shapes: -> (N,)"""
        return self.energies - self.costs

    @staticmethod
    def joined(parts: list[FlowPaths]) -> FlowPaths:
        """The paths of several batches."""
        return FlowPaths(
            torch.cat([part.starts for part in parts]),
            torch.cat([part.ends for part in parts]),
            torch.cat([part.energies for part in parts]),
        )


class PathMeter:
    """Adds up the energy of paths while a sampler walks them; a `Watcher`.

    Args:
        process: of the denoiser that is sampled.
        listen: called as `listen(u, y)` with the states that are measured, from the start
            on; the last one at its time is the one that counts.
    """

    def __init__(self, process: Process, listen: Listener | None = None) -> None:
        self.process = process
        self.listen = listen
        self._first: Tensor | None = None
        self._before: tuple[float, Tensor] | None = None
        self._here: tuple[float, Tensor] | None = None
        self._energies: Tensor | None = None

    def __call__(self, step: int, t: Tensor, x: Tensor) -> None:
        """Take the state of a step; see `snowmelt.sampling.samplers.loop.descend`."""
        found = straightened(self.process, t, x)
        if self.listen is not None:
            self.listen(*found)
        if self._here is None:
            self._first = found[1]
            self._energies = torch.zeros(len(x), dtype=torch.float64)
        elif found[0] < self._here[0]:
            self._walk()
            self._before = self._here
        # Else the sampler corrects the state of the same time, which takes its place.
        self._here = found

    def paths(self) -> FlowPaths:
        """The paths, once the sampler is at the data.

        Raises:
            ValueError: it is not.
        """
        if self._here is None or self._here[0] != 0.0:
            raise ValueError("the paths have not come to the data, at t = 0, yet")
        self._walk()
        self._before = self._here
        assert self._first is not None
        assert self._energies is not None
        return FlowPaths(self._first, self._here[1], self._energies)

    def _walk(self) -> None:
        """Add the way from the state before to this one."""
        if self._before is None or self._here is None or self._before is self._here:
            return
        (u, y), (v, z) = self._before, self._here
        assert self._energies is not None
        self._energies += (z - y).flatten(1).square().sum(1) / (u - v)


def straightened(process: Process, t: Tensor, x: Tensor) -> tuple[float, Tensor]:
    r"""The share of the way to the start $u$, and the state as it is on a straight line.

    At t = 1 the state is the start itself and at t = 0 the data, as the sampling loop has
    it, whatever a schedule with finite ends leaves of the other there.

    Shapes:
        t: (), x: (B, *D) -> y (B, *D) float64
    """
    state = x.detach().to(device="cpu", dtype=torch.float64)
    if float(t) in (0.0, 1.0):
        return float(t), state
    alpha, sigma = float(process.alpha(t)), float(process.sigma(t))
    return sigma / (alpha + sigma), state / (alpha + sigma)


def followed(
    denoiser: Denoiser,
    sampler: Sampler,
    index: Tensor,
    shape: tuple[int, ...],
    *,
    seed: int,
    listen: Listener | None = None,
) -> FlowPaths:
    """Walk the paths of a flow from its starts to the data and measure them.

    Args:
        index, shape, seed: see `snowmelt.sampling.samplers.loop.sample`.
        listen: see `PathMeter`.

    Shapes:
        index: (N,)

    Raises:
        ValueError: the sampler adds noise, whose path has no finite energy.
    """
    check_smooth(sampler)
    meter = PathMeter(denoiser.process, listen)
    sample(denoiser, sampler, index, shape, seed=seed, watch=meter)
    return meter.paths()


def check_smooth(sampler: Sampler) -> None:
    """Refuse a sampler that adds noise.

    Raises:
        ValueError: naming it.
    """
    if sampler.draws:
        raise ValueError(
            f"{type(sampler).__name__} adds noise, and a path with noise has no finite"
            " energy: measure it along a deterministic sampler, such as Euler"
        )


def normalised_path_energy(energies: Tensor, squared_distance: float) -> float:
    r"""$|\mathrm{E}\int\lVert v\rVert^2\,du - W_2^2| / W_2^2$: 0 of the optimal flow.

    Args:
        squared_distance: $W_2^2$ of starts and data, in the unit of the energies.

    Shapes:
        energies: (N,)

    Raises:
        ValueError: the distance is not positive and finite.

    References:
        Tong et al. (2024), arXiv:2302.00482, section 5.
    """
    if not 0.0 < squared_distance < math.inf:
        raise ValueError(f"squared_distance must be positive, got {squared_distance}")
    return abs(float(energies.mean()) - squared_distance) / squared_distance
