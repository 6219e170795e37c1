"""The moving average against a loop over numbers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snowmelt.training.ema import EMA


class Counting(nn.Module):
    """A weight, a frozen weight and buffers of two types."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
        self.layer = nn.Linear(2, 1).double()
        self.register_buffer("mean", torch.zeros(2))
        self.register_buffer("count", torch.tensor(0))
        self.dropout = nn.Dropout(0.5)


@pytest.mark.parametrize(("decay", "power"), [(0.9, 0.6667), (0.5, 1.0), (0.0, 0.3)])
def test_the_average_is_the_recursion(decay: float, power: float) -> None:
    net = Counting()
    ema = EMA(net, decay, power)
    expected = [1.0, -2.0]
    for step in range(1, 30):
        new = [float(step), (-1.0) ** step]
        net.weight.data.copy_(torch.tensor(new))
        ema.update(net, step - 1, step)
        at = min(decay, 1 - (1 + step) ** -power)
        expected = [
            at * old + (1 - at) * value for old, value in zip(expected, new, strict=True)
        ]
        assert ema.net.weight.tolist() == pytest.approx(expected, rel=1e-12)


def test_the_decay_grows_to_its_full_value() -> None:
    ema = EMA(Counting(), decay=0.999, warmup_power=2 / 3)
    assert ema.decay_at(1) == pytest.approx(1 - 2 ** (-2 / 3))
    assert ema.decay_at(7) == pytest.approx(1 - 1 / 4)
    assert ema.decay_at(999) == pytest.approx(1 - 1 / 100)
    assert ema.decay_at(10**6) == 0.999
    decays = [ema.decay_at(step) for step in range(1, 1000)]
    assert decays == sorted(decays)


def test_the_initial_weights_are_soon_forgotten() -> None:
    net = Counting()
    net.weight.data.fill_(1e6)
    ema = EMA(net, decay=0.999, warmup_power=2 / 3)
    net.weight.data.fill_(0.0)
    for step in range(1, 501):
        ema.update(net, step - 1, step)
    assert float(ema.net.weight.abs().max()) < 1e-3


def test_buffers_are_copied() -> None:
    net = Counting()
    ema = EMA(net, decay=0.9, warmup_power=1.0)
    net.mean.copy_(torch.tensor([3.0, 4.0]))
    net.count.fill_(5)
    ema.update(net, 0, 1)
    assert ema.net.mean.tolist() == [3.0, 4.0]
    assert int(ema.net.count) == 5


def test_the_network_itself_is_left_alone() -> None:
    net = Counting()
    ema = EMA(net, decay=0.9, warmup_power=1.0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    ema.update(net, 2, 3)
    ema.net.weight.data.fill_(9.0)
    assert all(torch.equal(net.state_dict()[name], value) for name, value in before.items())
    assert net.training
    assert all(weight.requires_grad for weight in net.parameters())
    assert not any(weight.requires_grad for weight in ema.parameters())


def test_the_average_is_never_in_training_mode() -> None:
    holder = nn.ModuleDict({"net": Counting(), "ema": EMA(Counting(), 0.9, 1.0)})
    for mode in (True, False, True):
        holder.train(mode)
        assert holder["net"].training == mode
        assert not any(module.training for module in holder["ema"].modules())


def test_the_average_is_part_of_the_state() -> None:
    first, second = EMA(Counting(), 0.9, 1.0), EMA(Counting(), 0.9, 1.0)
    first.net.weight.data.fill_(4.0)
    second.load_state_dict(first.state_dict())
    assert second.net.weight.tolist() == [4.0, 4.0]


def test_another_network_and_moved_buffers_are_followed() -> None:
    first, second = Counting(), Counting()
    ema = EMA(first, decay=0.0, warmup_power=1.0)
    ema.update(first, 0, 1)
    second.weight.data.fill_(7.0)
    second.count.fill_(3)
    ema.update(second, 1, 2)
    assert ema.net.weight.tolist() == [7.0, 7.0]
    assert int(ema.net.count) == 3
    for module in (ema, second):
        module.to(torch.bfloat16)  # makes new buffers
    second.mean.fill_(5.0)
    ema.update(second, 2, 3)
    assert ema.net.mean.tolist() == [5.0, 5.0]
