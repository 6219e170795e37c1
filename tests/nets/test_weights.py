"""Weights against the network that they are said to be of, before it takes memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.nets.mlp import MLP
from snowmelt.nets.weights import DoNotFit, check_fit, no_larger_than

Change = Callable[[dict[str, Tensor]], None]


def net(width: int = 8, blocks: int = 2) -> MLP:
    return MLP((2,), width=width, blocks=blocks, embedding=4)


def changed(change: Change) -> dict[str, Tensor]:
    state = dict(net().state_dict())
    change(state)
    return state


def some(state: dict[str, Tensor]) -> str:
    return next(name for name, value in state.items() if value.dim() == 2)


def cast(dtype: torch.dtype) -> Change:
    def change(state: dict[str, Tensor]) -> None:
        name = some(state)
        state[name] = state[name].to(dtype)

    return change


def spoilt(value: float) -> Change:
    def change(state: dict[str, Tensor]) -> None:
        name = some(state)
        state[name] = state[name].clone()
        state[name][0, 0] = value

    return change


def test_its_own_weights_fit() -> None:
    check_fit(net(), net().state_dict(), torch.float32)


def test_a_training_in_other_numbers_kept_its_weights_in_these() -> None:
    half = changed(cast(torch.bfloat16))
    check_fit(net(), half, torch.bfloat16)
    with pytest.raises(DoNotFit, match=r"bfloat16"):
        check_fit(net(), half, torch.float32)


@pytest.mark.parametrize(
    "change",
    [
        cast(torch.complex64),
        cast(torch.int64),
        cast(torch.float16),
        cast(torch.float64),
        cast(torch.bool),
        spoilt(float("nan")),
        spoilt(float("inf")),
        lambda state: state.__delitem__(some(state)),
        lambda state: state.update(more=torch.ones(2)),
        lambda state: state.update({some(state): torch.ones(3, 3)}),
    ],
)
def test_weights_of_another_kind_are_refused(change: Change) -> None:
    with pytest.raises(DoNotFit):
        check_fit(net(), changed(change), torch.float32)


@pytest.mark.parametrize("size", [{"width": 10**6}, {"blocks": 10**7}])
def test_a_network_that_is_too_large_is_not_made(size: dict[str, int]) -> None:
    made: list[int] = []
    register = nn.modules.module.register_module_parameter_registration_hook
    hook = register(lambda module, name, value: made.append(value.numel()))
    try:
        with (
            pytest.raises(DoNotFit, match="the network has more"),
            no_larger_than(net().state_dict(), {}),
        ):
            net(**size)
    finally:
        hook.remove()
    assert len(made) < 100
    net()  # nothing is counted any more


def test_a_network_may_be_as_large_as_its_weights() -> None:
    with no_larger_than(net().state_dict(), {}):
        net()
