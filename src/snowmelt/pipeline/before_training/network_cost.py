"""What a network costs for one example: counted on the device `meta`, without computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from snowmelt.common.instantiate import build
from snowmelt.training.checkpoint import build_net
from snowmelt.training.optimizers.recipe import Recipe

FLOAT = 4  # bytes


@dataclass(frozen=True)
class NetworkCost:
    """Of one example.

    Attributes:
        parameters: of the network.
        operations: of one answer forward, two for a multiplication and an addition.
        attention: those of them in which places see each other.
        places: of an image, at the resolution with the costliest attention; 0 without any.
        kept_bytes: what the forward pass keeps for the backward one, in float32.
        optimizer: the numbers that the optimiser keeps from step to step.
    """

    parameters: int
    operations: int
    attention: int
    places: int
    kept_bytes: int
    optimizer: int = 0


def cost_of(
    config: Mapping[str, Any], shape: tuple[int, ...], classes: Sequence[str] | None = None
) -> NetworkCost:
    """Count one answer of the network that a configuration describes.

    Args:
        config: the sections net, denoiser and optimizer of it.

    Raises:
        UserError: a part of the configuration is refused.
    """
    with torch.device("meta"):
        net = build_net(config, shape, classes).train()
        asked = config.get("denoiser", {})
        inputs = 2 if asked.get("self_conditioned", False) else 1
        x = torch.zeros(1, inputs * shape[0], *shape[1:])
        is_told = asked.get("conditional", False)
        labels = torch.zeros(1, dtype=torch.int64) if is_told else None
        attention, kept = _Attention(), _Kept(net)
        hooks = torch.autograd.graph.saved_tensors_hooks(kept.keep, lambda value: value)
        with FlopCounterMode(display=False) as counter, hooks, attention:
            net(x, torch.zeros(1), labels)
    return NetworkCost(
        parameters=sum(weight.numel() for weight in net.parameters()),
        operations=counter.get_total_flops() + attention.operations,
        attention=attention.operations,
        places=attention.places,
        kept_bytes=kept.bytes + attention.kept_bytes,
        optimizer=build(config["optimizer"], Recipe).kept(net),
    )


class _Attention(TorchFunctionMode):
    """Counts attention as the fused kernel does it, which keeps no n x n weights."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.places = self.kept_bytes = 0
        self._costliest = 0

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if func is not functional.scaled_dot_product_attention:
            return func(*args, **(kwargs or {}))
        query, key, value = args
        *_, places, _ = query.shape
        operations = 4 * query.numel() * places
        self.operations += operations
        self.kept_bytes += 4 * FLOAT * query.numel()  # query, key, value and the answer
        if operations > self._costliest:
            self._costliest, self.places = operations, places
        return query + key + value  # so that all three have a gradient


class _Kept:
    """Counts what is kept for a backward pass, each array once, without the weights."""

    def __init__(self, net: nn.Module) -> None:
        self._seen = {_place(weight) for weight in net.parameters()}
        self._arrays: list[Tensor] = []  # so that no place in memory is used twice
        self.bytes = 0

    def keep(self, value: Tensor) -> Tensor:
        if (place := _place(value)) not in self._seen:
            self._seen.add(place)
            self._arrays.append(value)
            self.bytes += value.untyped_storage().nbytes()
        return value


def _place(value: Tensor) -> int:
    """Names the memory that an array, or the array that it is a view of, lies in."""
    return int(value.untyped_storage()._cdata)
