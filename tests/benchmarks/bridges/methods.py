"""Each row of the tables as a coupling, an interpolant and a loss of snowmelt."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

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
from snowmelt.training.couplings import Coupling, Independent, OptimalTransport, Paired

PROCESS = RectifiedFlow(StraightClock())
BRIDGE = BrownianBridge(1.0)
BLUR = Constant(0.1)


@dataclass(frozen=True)
class Method:
    """How a flow learns, and how it is followed.

    Attributes:
        rounds: of an alternation, each learned from the pairs of the one before.
        of: the method whose own pairs it learns from.
    """

    name: str
    coupling: Coupling
    interpolant: Interpolant
    rounds: int = 1
    of: str | None = None

    @property
    def is_bridge(self) -> bool:
        """Whether it answers the score too, and is walked with noise."""
        return isinstance(self.interpolant, BrownianBridge)

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
        Method("OT-CFM", OptimalTransport(), BLUR),
        Method("I-CFM", Independent(), BLUR),
        Method("[SF]2M-I", Independent(), BRIDGE),
        Method("FM", Independent(), Straight()),
        Method("DSBM-IMF", Independent(), BRIDGE, rounds=10),
        Method("rectified flow", Paired(), Straight(), of="FM"),
    )
}
