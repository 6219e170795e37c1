"""Whether weights are those of a network, told before the network takes much memory.

A checkpoint comes with the configuration of its network, and either may be a stranger's.
One that asks for ten million blocks would be built for minutes and gigabytes before its
weights turn out to be those of a small network; and torch copies complex or whole numbers
into weights with no more than a warning.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn.modules import module as registration

_SPARE_NUMBERS, _SPARE_PARTS = 2**20, 1000  # buffers that are no weights; parts without any
_PARTS = 8  # per tensor


class DoNotFit(Exception):
    """Weights and network do not belong together; says why."""


@contextlib.contextmanager
def no_larger_than(*weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Stop what is made inside as soon as it is larger than these weights.

    A part is counted as it is given to its module, before its numbers are drawn.

    Raises:
        DoNotFit: it has more weights or parts.
    """
    values = [value for state in weights for value in state.values()]
    left = {
        "weights": len(values),
        "numbers": sum(value.numel() for value in values) + _SPARE_NUMBERS,
        "parts": _PARTS * len(values) + _SPARE_PARTS,
    }

    def take(kind: str, count: int) -> None:
        left[kind] -= count
        if left[kind] < 0:
            raise DoNotFit(f"the network has more {kind} than the file")

    def weight(_: nn.Module, name: str, value: Tensor | None) -> None:
        if value is not None:
            take("weights", 1)
            take("numbers", value.numel())

    def buffer(_: nn.Module, name: str, value: Tensor | None) -> None:
        take("numbers", 0 if value is None else value.numel())

    def part(*_: object) -> None:
        take("parts", 1)

    hooks = [
        registration.register_module_parameter_registration_hook(weight),
        registration.register_module_buffer_registration_hook(buffer),
        registration.register_module_module_registration_hook(part),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def check_fit(module: nn.Module, weights: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Compare weights with the module that they are for.

    Args:
        dtype: in which the training may have kept the weights, beside the module's own.

    Raises:
        DoNotFit: the names or shapes are others, or a weight is of another kind of number
            or not finite.
    """
    own = module.state_dict()
    for name, value in weights.items():
        if name not in own or own[name].shape != value.shape:
            there = f"of shape {tuple(own[name].shape)}" if name in own else "none"
            raise DoNotFit(
                f"{name} is of shape {tuple(value.shape)}, the network has {there}"
            )
        allowed = {own[name].dtype} | ({dtype} if own[name].is_floating_point() else set())
        if value.dtype not in allowed:
            raise DoNotFit(f"{name} holds {value.dtype}, the network {own[name].dtype}")
        if not torch.isfinite(value).all():
            raise DoNotFit(f"{name} holds numbers that are not finite")
    if missing := [name for name in own if name not in weights]:
        raise DoNotFit(f"{missing[0]} is missing")
