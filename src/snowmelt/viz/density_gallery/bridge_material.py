"""One cloud on its way to another: by independent pairs, by optimal ones, along bridges.

All ways begin at the same starts. The flow of independent pairs is known exactly; the
optimal plan and the entropic ones are exact for the two clouds that are drawn, and a path
of a bridge is drawn from its law.
"""

from __future__ import annotations

import contextlib
import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.densities import (
    CoupledMixture,
    ExactFlow,
    GaussianMixture,
    brownian_bridges,
    drawn_ends,
    entropic_potentials,
    expected_end,
)
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import RectifiedFlow
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.sampling.samplers.ode import Euler, Heun
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.trajectories import Trajectory, reverse
from snowmelt.training.couplings import OptimalTransport
from snowmelt.viz.density_gallery.gallery_material import Material, frames_of

COLDEST = (0.02, 0.05, 0.1, 0.2)  # entropies, the first whose plan is found in time
HOTTER = 10  # times as much entropy has the other bridge
ROUNDS = 2000  # of Sinkhorn's iteration: few points take many where there is little entropy
MOST = 800  # points of a cloud: the time of a plan grows with their square
TOLERANCE = 1e-6  # of the plan's marginals; a draw does not see less
PAIRS, FLOW, OPTIMAL = "independent pairs", "their flow", "optimal pairs"
STRAIGHT = RectifiedFlow(RectifiedClock())


def bridge(entropy: float) -> str:
    """What a bridge is called."""
    return f"bridge, entropy {entropy:g}"


@dataclass(frozen=True)
class Clouds:
    """Starts and ends, and the ways between them.

    Attributes:
        material: of the gallery; its entropies are in the square of its unit.
        count: of points of each cloud.
    """

    material: Material
    count: int

    @functools.cached_property
    def starts(self) -> Tensor:
        """Shapes: -> (N, 2) float64"""
        density, seed = self.material.start_density, self.material.seed + 1
        return density.sample(self.count, seed=seed, dtype=torch.float64)

    @functools.cached_property
    def ends(self) -> Tensor:
        """Shapes: -> (N, 2) float64"""
        density, seed = self.material.density, self.material.seed
        return density.sample(self.count, seed=seed, dtype=torch.float64)

    @property
    def index(self) -> Tensor:
        """The numbers of the paths, which key their noise."""
        return torch.arange(self.count)

    @functools.cached_property
    def denoiser(self) -> Denoiser:
        """The exact flow of independent pairs."""
        density, start = self.material.density, self.material.start
        if start is None:
            found = density.denoiser(STRAIGHT, Flow())
        else:
            assert isinstance(density, GaussianMixture)
            law = CoupledMixture.independent(density, start)
            found = Denoiser(ExactFlow(law, STRAIGHT, Straight(), Flow()), STRAIGHT, Flow())
        found.start = lambda index, seed: self.starts[index]
        return found

    def flow(self, sampler: Sampler) -> Trajectory:
        """The starts carried by the flow of independent pairs."""
        return reverse(self.denoiser, sampler, self.index, (2,), seed=self.material.seed)

    @functools.cached_property
    def partners(self) -> Tensor:
        """The end of each start in the optimal plan. Shapes: -> (N,) int64"""
        unused = torch.zeros(self.count)
        return OptimalTransport().partners(self.starts, self.ends, unused)

    @functools.cached_property
    def cost(self) -> Tensor:
        return 0.5 * torch.cdist(self.starts, self.ends).square()

    @functools.cached_property
    def potentials(self) -> dict[float, Tensor]:
        """Under two entropies the potential of the ends over it, the colder first.

        Shapes:
            -> (N,) each

        Raises:
            ValueError: not even the largest of `COLDEST` is enough for the iteration.
        """
        for cold in COLDEST[:-1]:
            with contextlib.suppress(ValueError):
                return self._potentials(cold)
        return self._potentials(COLDEST[-1])

    def _potentials(self, cold: float) -> dict[float, Tensor]:
        even = torch.full((self.count,), 1.0 / self.count, dtype=torch.float64)
        how: dict[str, Any] = {"tolerance": TOLERANCE, "limit": ROUNDS}
        return {
            entropy: entropic_potentials(self.cost, even, even, entropy, **how)[1]
            for entropy in (cold, HOTTER * cold)
        }

    def bridge_partners(self, entropy: float) -> Tensor:
        """An end for each start, drawn from the entropic plan. Shapes: -> (N,) int64"""
        chances = (self.potentials[entropy] - self.cost / entropy).softmax(1)
        drawn = uniform(
            (), seed=self.material.seed, stream=Stream.COUPLING, index=self.index
        )
        return drawn_ends(chances, drawn)

    def paths(self, partners: Tensor, times: Tensor, std: float) -> Tensor:
        """Brownian bridges between the pairs, all of the same noise; lines if std is 0.

        Shapes:
            partners: (N,), times: (K,) from 1 to 0 -> (K, N, 2) float64
        """
        noise = torch.stack([self._noise(step) for step in range(1, len(times) - 1)])
        return brownian_bridges(self.starts, self.ends[partners], times, std, noise)

    def stepped_bridge(self, entropy: float, steps: int) -> Tensor:
        """The ends of the bridge by Euler and Maruyama. Shapes: -> (N, 2) float64"""
        g = self.potentials[entropy]
        shares = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)
        x = self.starts
        for step in range(steps):
            left, length = shares[step], shares[step] - shares[step + 1]
            wanted = expected_end(x, self.ends, g, entropy, left)
            x = x + length / left * (wanted - x)
            if step + 1 < steps:
                x = x + math.sqrt(entropy * float(length)) * self._noise(step + 1)
        return x

    def _noise(self, step: int) -> Tensor:
        seed, stream = self.material.seed, Stream.TRAJECTORY
        return normal((2,), seed=seed, stream=stream, index=self.index, step=step).double()


@functools.lru_cache(maxsize=1)
def clouds_of(material: Material) -> Clouds:
    """The clouds of a gallery."""
    return Clouds(material, min(MOST, material.size.points))


def ways(
    clouds: Clouds, moments: int, *, with_pairs: bool = False
) -> dict[str, Trajectory]:
    """The paths of every kind from the same starts, at the same times from 1 to 0.

    Args:
        moments: how many, at most.
        with_pairs: the straight lines between independent pairs too.
    """
    flow = frames_of(clouds.flow(Heun(clouds.material.size.steps)), moments)
    times = flow.times
    found: dict[str, Tensor] = {}
    if with_pairs:
        found[PAIRS] = clouds.paths(clouds.index, times, 0.0)
    found[FLOW if with_pairs else PAIRS] = flow.states
    found[OPTIMAL] = clouds.paths(clouds.partners, times, 0.0)
    for entropy in clouds.potentials:
        pairs = clouds.bridge_partners(entropy)
        found[bridge(entropy)] = clouds.paths(pairs, times, math.sqrt(entropy))
    return {name: Trajectory(times, states) for name, states in found.items()}


def carried_in_steps(clouds: Clouds, counts: tuple[int, ...]) -> dict[str, list[Tensor]]:
    """Where each kind of way ends, for each number of Euler's steps.

    Along optimal pairs the velocity never changes, so one step is as good as any number.
    """
    optimal = clouds.ends[clouds.partners]
    found = {
        PAIRS: [clouds.flow(Euler(count)).states[-1].double() for count in counts],
        OPTIMAL: [optimal for _ in counts],
    }
    for entropy in clouds.potentials:
        ends = [clouds.stepped_bridge(entropy, count) for count in counts]
        found[bridge(entropy)] = ends
    return found
