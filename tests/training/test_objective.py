"""A network learns the mean of the losses, a schedule their mean square."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.losses import VLB, Loss, Simple
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import SubVariancePreserving, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Learned
from snowmelt.nets.mlp import MLP
from snowmelt.training.objective import Objective

KINDS = [VariancePreserving, SubVariancePreserving]


def objective(
    kind: type[VariancePreserving] = VariancePreserving, loss: Loss | None = None
) -> Objective:
    torch.manual_seed(2)
    net = MLP((2,), width=8, blocks=1, embedding=4)
    nn.init.normal_(net.last.weight)
    schedule = Learned(3.0, -3.0, units=3).double()
    for value in schedule.parameters():
        value.data += 0.3 * torch.randn(value.shape)
    return Objective(Denoiser(net, kind(schedule), V()).double(), loss or VLB())


def example() -> tuple[Tensor, Tensor, Tensor]:
    x_0, eps = torch.randn(2, 6, 2, generator=torch.Generator().manual_seed(0)).double()
    return x_0, torch.linspace(0.05, 0.95, 6, dtype=torch.float64), eps


def gradients(module: nn.Module) -> list[Tensor | None]:
    return [value.grad for value in module.parameters()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_schedule_gets_the_gradient_of_the_mean_square(
    kind: type[VariancePreserving],
) -> None:
    asked = objective(kind)
    schedule, net = asked.denoiser.schedule, asked.denoiser.net
    assert schedule is not None
    asked.schedule_losses(*example()).square().mean().backward()
    assert gradients(net) == [None] * len(gradients(net))
    nearby = 1e-5
    for value in schedule.parameters():
        for place in range(value.numel()):
            ends = []
            for move in (nearby, -nearby):
                value.data[place] += move
                with torch.no_grad():
                    ends.append(float(asked(*example()).square().mean()))
                value.data[place] -= move
            difference = (ends[0] - ends[1]) / (2 * nearby)
            assert value.grad is not None
            assert float(value.grad[place]) == pytest.approx(difference, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_gets_the_gradient_of_the_mean(kind: type[VariancePreserving]) -> None:
    asked, plain = objective(kind), objective(kind)
    schedule, net = asked.denoiser.schedule, asked.denoiser.net
    assert schedule is not None
    asked.network_losses(*example()).mean().backward()
    assert gradients(schedule) == [None] * len(gradients(schedule))
    plain(*example()).mean().backward()
    for mine, theirs in zip(gradients(net), gradients(plain.denoiser.net), strict=True):
        assert torch.equal(mine, theirs)


def test_the_values_are_those_of_the_loss() -> None:
    asked = objective()
    expected = VLB()(asked.denoiser, *example())
    for losses in (asked(*example()), asked.network_losses(*example())):
        assert torch.equal(losses, expected)
    assert torch.equal(asked.schedule_losses(*example()), expected)


def test_learning_the_schedule_lowers_the_variance_and_keeps_the_mean() -> None:
    asked = objective()
    schedule = asked.denoiser.schedule
    assert schedule is not None
    generator = torch.Generator().manual_seed(5)
    x_0, eps = torch.randn(2, 2000, 2, generator=generator).double()
    t = (torch.arange(2000) + 0.5).double() / 2000

    def moments() -> tuple[float, float]:
        with torch.no_grad():
            losses = asked(x_0, t, eps)
        return float(losses.mean()), float(losses.var())

    mean, variance = moments()
    optimizer = torch.optim.Adam(schedule.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        asked.schedule_losses(x_0, t, eps).square().mean().backward()
        optimizer.step()
    learned_mean, learned_variance = moments()
    assert learned_variance < 0.9 * variance
    assert learned_mean == pytest.approx(mean, rel=0.1)


def test_when_there_is_a_schedule_to_learn() -> None:
    assert objective().learns_schedule
    assert not objective(loss=Simple()).learns_schedule
    fixed = Denoiser(MLP((2,), 8, 1, 4), VariancePreserving(Cosine()), V())
    assert not Objective(fixed, VLB()).learns_schedule


def test_labels_reach_the_network() -> None:
    net = MLP((2,), width=8, blocks=1, embedding=4, classes=3)
    nn.init.normal_(net.last.weight)
    denoiser = Denoiser(net, VariancePreserving(Cosine()), V()).double()
    asked, labels = Objective(denoiser, Simple()), torch.arange(6) % 3
    expected = Simple()(denoiser.with_labels(labels), *example())
    assert torch.equal(asked(*example(), labels), expected)
    assert torch.equal(asked.network_losses(*example(), labels), expected)
    assert not torch.equal(asked(*example()), expected)
    assert denoiser.labels is None
