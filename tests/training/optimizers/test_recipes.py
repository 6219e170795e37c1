"""Optimisers from configuration: which weights they take, and what they make of them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from tests.project import ROOT
from torch import nn

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.nets.net import Net
from snowmelt.training.optimizers import SOAP, AdamW, Muon, Recipe, Trained
from snowmelt.training.optimizers.recipe import hidden_weights

FILES = sorted((ROOT / "conf" / "optimizer").glob("*.yaml"))
NETS = sorted((ROOT / "conf" / "net").glob("*.yaml"))
SHAPES = {"images": (1, 8, 8), "points": (2,)}


def network(file: Any) -> Net:
    """The network of a file, for the kind of data that it takes."""
    node = OmegaConf.load(file)
    for shape in SHAPES.values():
        try:
            return build(node, Net, shape=shape, outputs=1, classes=3)
        except UserError:
            continue
    raise AssertionError(file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.parametrize("net", NETS, ids=lambda file: file.stem)
def test_every_parameter_is_stepped_once(file: Any, net: Any) -> None:
    trained = network(net)
    schedule = [nn.Parameter(torch.ones(3))]
    recipe = build(OmegaConf.load(file), Recipe)
    optimizer = recipe.optimizer(Trained(trained, schedule, weight_decay=0.1))
    held = [one for group in optimizer.param_groups for one in group["params"]]
    assert sorted(map(id, held)) == sorted(map(id, [*trained.parameters(), *schedule]))
    for group in optimizer.param_groups:
        is_schedule = group["params"] == schedule
        assert group["weight_decay"] == (0.0 if is_schedule else 0.1)


@pytest.mark.parametrize("recipe", [AdamW(), Muon(), SOAP(), SOAP(largest=40)])
@pytest.mark.parametrize("net", ["unet", "mlp"])
def test_what_it_keeps_is_what_its_state_holds(recipe: Recipe, net: str) -> None:
    trained = network(ROOT / "conf" / "net" / f"{net}.yaml")
    optimizer = recipe.optimizer(Trained(trained))
    generator = torch.Generator().manual_seed(0)
    for weight in trained.parameters():
        weight.grad = torch.randn(weight.shape, generator=generator)
    optimizer.step()
    assert recipe.kept(trained) == sum(
        value.numel()
        for state in optimizer.state.values()
        for name, given in state.items()
        if name != "step"
        for value in (given if isinstance(given, list) else [given])
        if value is not None
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_file_says_is_the_default_of_its_class(file: Any) -> None:
    said = build(OmegaConf.load(file), Recipe)
    assert vars(said) == vars(type(said)())


@pytest.mark.parametrize("file", NETS, ids=lambda file: file.stem)
def test_hidden_weights_lie_between_the_ends(file: Any) -> None:
    net = network(file)
    named = dict(net.named_children())
    assert net.ends
    assert set(net.ends) <= named.keys()
    hidden = hidden_weights(net)
    assert hidden
    assert all(weight.ndim > 1 for weight in hidden)
    of_ends = {id(weight) for name in net.ends for weight in named[name].parameters()}
    assert not of_ends & set(map(id, hidden))
    inside = [
        m for name, part in named.items() if name not in net.ends for m in part.modules()
    ]
    expected = [m.weight for m in inside if isinstance(m, nn.Linear | nn.Conv2d)]
    assert sorted(map(id, hidden)) == sorted(map(id, expected))


class Small(nn.Module):
    """A matrix, a convolution in the layout of the U-Net, and vectors."""

    ends = ("last",)

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 7)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.GroupNorm(2, 4)
        self.last = nn.Linear(6, 2)
        self.to(memory_format=torch.channels_last)


def stepped(
    recipe: Recipe, net: Small, steps: int = 4, **trained: Any
) -> list[torch.Tensor]:
    """The weights of a copy after some steps along known gradients."""
    net = copy.deepcopy(net)
    optimizer = recipe.optimizer(Trained(net, **trained))
    generator = torch.Generator().manual_seed(1)
    for _ in range(steps):
        for weight in net.parameters():
            weight.grad = torch.empty_like(weight).normal_(generator=generator)
        optimizer.step()
    return [weight.detach() for weight in net.parameters()]


@pytest.fixture
def net() -> Small:
    torch.manual_seed(0)
    return Small()


def test_adamw_is_that_of_before_there_was_a_choice(net: Small) -> None:
    """The one that gave the bytes of every checkpoint until then."""
    other = copy.deepcopy(net)
    before = torch.optim.AdamW(
        [{"params": list(other.parameters())}],
        lr=2e-3, betas=(0.9, 0.99), weight_decay=0.01, fused=True,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    for _ in range(4):
        for weight in other.parameters():
            weight.grad = torch.empty_like(weight).normal_(generator=generator)
        before.step()
    found = stepped(AdamW(), net, learning_rate=2e-3, weight_decay=0.01)
    for mine, theirs in zip(found, other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("implementation", ["fused", "foreach", "for_loop"])
def test_the_ways_of_adamw_agree_to_rounding(net: Small, implementation: Any) -> None:
    found, straight = (
        stepped(AdamW(implementation=implementation), net),
        stepped(AdamW(), net),
    )
    for mine, theirs in zip(found, straight, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize(
    ("implementation", "is_scaled", "told"),
    [
        ("auto", False, (None, True)),
        ("auto", True, (None, False)),
        ("fused", False, (None, True)),
        ("foreach", False, (True, None)),
        ("for_loop", True, (False, None)),
    ],
)
def test_adamw_tells_torch_how(
    net: Small, implementation: Any, is_scaled: bool, told: tuple[bool | None, ...]
) -> None:
    recipe = AdamW(implementation=implementation)
    (group,) = recipe.optimizer(Trained(net, is_scaled=is_scaled)).param_groups
    assert (group["foreach"], group["fused"]) == told
    assert recipe.takes_scaled == (implementation != "fused")


@pytest.mark.parametrize("recipe", [AdamW(), Muon(), SOAP()])
def test_a_state_that_was_saved_goes_on_to_the_same_bytes(
    net: Small, recipe: Recipe
) -> None:
    straight, torn = copy.deepcopy(net), copy.deepcopy(net)
    first, second = (recipe.optimizer(Trained(one)) for one in (straight, torn))
    generator = torch.Generator().manual_seed(1)
    for step in range(24):
        if step == 11:
            state = second.state_dict()
            second = recipe.optimizer(Trained(torn))
            second.load_state_dict(state)
        for mine, theirs in zip(straight.parameters(), torn.parameters(), strict=True):
            mine.grad = torch.empty_like(mine).normal_(generator=generator)
            theirs.grad = mine.grad.clone()
        first.step()
        second.step()
    for mine, theirs in zip(straight.parameters(), torn.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("recipe", [AdamW(), Muon(), SOAP()])
def test_a_weight_without_a_gradient_stays(net: Small, recipe: Recipe) -> None:
    before = net.conv.weight.detach().clone()
    optimizer = recipe.optimizer(Trained(net, weight_decay=0.1))
    assert optimizer.step(lambda: 5.0) == 5.0
    assert torch.equal(net.conv.weight, before)
