"""Each row of the tables as a coupling, an interpolant and a loss of snowmelt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import ot
from numpy.typing import NDArray
from torch import Tensor, nn

from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import (
    BrownianBridge,
    Constant,
    Interpolant,
    Straight,
)
from snowmelt.diffusion.predictions import Flow
from snowmelt.diffusion.processes import RectifiedFlow
from snowmelt.diffusion.schedules import RectifiedFlow as StraightClock
from snowmelt.sampling.samplers.ode import Euler
from snowmelt.sampling.samplers.sampler import Sampler
from snowmelt.sampling.samplers.sde import EulerMaruyama
from snowmelt.training.couplings import Coupling, Independent, OptimalTransport, Sinkhorn

PROCESS = RectifiedFlow(StraightClock())
BRIDGE = BrownianBridge(1.0)
BLUR = Constant(0.1)


class QuickSinkhorn(Sinkhorn):
    """Entropic plans by products of exponentials.

    A hundred times as quick as the sums of logarithms, and as good for distances as short
    as those of the tables from noise and of the Gaussian bridge, in units of the entropy.
    """

    def plan(self, x_0: Tensor, x_1: Tensor) -> NDArray[np.float64]:
        even = np.full(len(x_0), 1.0 / len(x_0))
        cost = ot.dist(x_0.double().numpy(), x_1.double().numpy(), metric="sqeuclidean")
        plan: NDArray[np.float64] = ot.sinkhorn(
            even, even, cost, reg=2.0 * self.entropy, numItermax=5000, stopThr=1e-6
        )
        return plan


@dataclass(frozen=True)
class Method:
    """How a flow learns, and how it is followed.

    Attributes:
        rounds: each after the first learns from the pairs that the flow made itself.
        has_score: whether it answers the score too, where there is a bridge.
    """

    name: str
    coupling: Coupling
    interpolant: Interpolant
    rounds: int = 1
    has_score: bool = True

    @property
    def is_bridge(self) -> bool:
        """Whether it is walked with noise, by the score that it answers too."""
        return isinstance(self.interpolant, BrownianBridge) and self.has_score

    @property
    def ways(self) -> int:
        """Two where a network of its own goes back from the data: in rounds of a bridge."""
        return 2 if self.is_bridge and self.rounds > 1 else 1

    def denoiser(self, net: nn.Module) -> Denoiser:
        """A network as the flow of this method."""
        if self.is_bridge:
            return BridgeDenoiser(net, PROCESS, Flow(), self.interpolant)
        return Denoiser(net, PROCESS, Flow())

    def sampler(self, steps: int) -> Sampler:
        """What the paper follows it with: the equation with noise where it is a bridge."""
        return EulerMaruyama(steps) if self.is_bridge else Euler(steps)


METHODS = {
    method.name: method
    for method in (
        Method("[SF]2M-Exact", OptimalTransport(), BRIDGE),
        Method("[SF]2M-Sink", QuickSinkhorn(BRIDGE.std**2), BRIDGE),
        Method("OT-CFM", OptimalTransport(), BLUR),
        Method("I-CFM", Independent(), BLUR),
        Method("[SF]2M-I", Independent(), BRIDGE),
        Method("FM", Independent(), Straight()),
        Method("DSBM-IMF", Independent(), BRIDGE, rounds=10),
        Method("rectified flow", Independent(), Straight(), rounds=2),
        Method("SB-CFM", QuickSinkhorn(BRIDGE.std**2), BRIDGE, has_score=False),
    )
}
