"""What a configuration says of an optimiser, and what it is made for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer


@dataclass(frozen=True)
class Trained:
    """What is trained, and how fast.

    Attributes:
        net: the network.
        schedule: the parameters of a learned schedule; empty for every other.
        learning_rate: the largest of the training.
        weight_decay: of the network. The schedule has none: it would pull the curve towards
            a meaningless one.
        is_scaled: whether the gradients are scaled against underflow, as by
            trainer.precision=16-mixed.
    """

    net: nn.Module
    schedule: Sequence[nn.Parameter] = ()
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    is_scaled: bool = False

    def groups(self) -> list[dict[str, Any]]:
        """The weights of the network, and those of a learned schedule without a decay."""
        found: list[dict[str, Any]] = [{"params": list(self.net.parameters())}]
        if self.schedule:
            found.append({"params": list(self.schedule), "weight_decay": 0.0})
        return found


class Recipe(ABC):
    """The settings of an optimiser, which make one for a training.

    Attributes:
        takes_scaled: whether it can be had for gradients that are scaled.
    """

    takes_scaled: bool = True

    @abstractmethod
    def optimizer(self, trained: Trained) -> Optimizer:
        """An optimiser of these parameters, with torch's interface."""

    def kept(self, net: nn.Module) -> int:
        """How many numbers it keeps of a network from step to step: Adam's two moments."""
        return 2 * sum(weight.numel() for weight in net.parameters())


def hidden_weights(net: nn.Module) -> list[Tensor]:
    """The matrices and convolutions between the ends of a network.

    The parts that `net.ends` names are left out, and so is all that is no weight of a
    linear layer or a convolution: embeddings, norms, biases.
    """
    ends = getattr(net, "ends", ())
    return [
        module.weight
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d)
        and name.partition(".")[0] not in ends
    ]
