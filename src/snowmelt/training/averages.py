"""Further averages of the weights, and snapshots that any length is made of later."""

from __future__ import annotations

from torch import Tensor, nn

from snowmelt.training.budget import Budget
from snowmelt.training.ema import EMA, PowerEMA
from snowmelt.training.settings import EMASettings
from snowmelt.training.weight_sets import names
from snowmelt.training.weight_sets.snapshots import Snapshot


class Averages(nn.Module):
    """The averages beside the first, and the snapshots of those of power-function profile.

    Args:
        net: the network to follow.
        settings: which there are; without further decays and snapshots there is none.

    Attributes:
        snapshots: the kept ones, oldest first; part of the state that is saved.
    """

    def __init__(self, net: nn.Module, settings: EMASettings) -> None:
        super().__init__()
        self.further = nn.ModuleList(
            EMA(net, decay, settings.warmup_power) for decay in settings.further
        )
        lengths = settings.tracked if settings.snapshots else ()
        self.tracked = nn.ModuleList(PowerEMA(net, length) for length in lengths)
        self.count = settings.snapshots
        self.snapshots: list[Snapshot] = []

    def update(self, net: nn.Module, budget: Budget) -> None:
        """Follow the newest step of a training, and keep a snapshot when one is due."""
        for average in (*self.further, *self.tracked):
            assert isinstance(average, EMA | PowerEMA)
            average.update(net, budget.before, budget.after)
        if self.count and budget.has_reached(self.count):
            for average in self.tracked:
                assert isinstance(average, PowerEMA)
                self.snapshots.append(
                    {
                        "sigma_rel": average.sigma_rel,
                        "place": float(budget.after),
                        "weights": _copied(average.net),
                    }
                )

    def by_decay(self) -> dict[str, dict[str, Tensor]]:
        """The weights of each further average, by its decay as `sample.weights` has it."""
        found = [one for one in self.further if isinstance(one, EMA)]
        return {names.of_decay(one.decay): one.net.state_dict() for one in found}


def _copied(net: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
