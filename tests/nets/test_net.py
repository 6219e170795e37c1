"""Laws of every network under conf/net/, whatever it is for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.nets.net import Net

FILES = sorted((Path(__file__).parents[2] / "conf" / "net").glob("*.yaml"))
SHAPES = [(2,), (1, 8, 8), (3, 16, 16), (1, 28, 28)]
LEVELS = torch.tensor([-9.0, 9.0])
# The laws hold at any size, and large networks would take minutes.
MOST = {"widths": 32, "width": 64, "embedding": 128, "head_width": 16, "blocks": 2}
STATED = re.compile(r"([\d.]+) M parameters, ([\d.]+) GFLOP (an image|a point) \(forward")


def reduced(file: Path) -> dict[str, Any]:
    """The configuration of a network, in the same form, and no wider than `MOST`."""
    node: dict[str, Any] = OmegaConf.to_container(OmegaConf.load(file))  # type: ignore[assignment]
    for name, most in MOST.items():
        if isinstance(value := node.get(name), list):
            node[name] = [min(width, most) for width in value]
        elif value is not None:
            node[name] = min(value, most)
    return node


def built(file: Path, shape: tuple[int, ...], **changes: float) -> Net:
    torch.manual_seed(0)
    return build(reduced(file) | changes, Net, shape=shape).eval()


def is_served(file: Path, shape: tuple[int, ...]) -> bool:
    """Whether the network is for such data; if not it must say what is."""
    try:
        built(file, shape)
    except UserError as error:
        cures = ("use net=", "use at most", "use net.patch=")
        if not any(cure in str(error) for cure in cures):
            raise
        return False
    return True


SERVED = [(file, shape) for file in FILES for shape in SHAPES if is_served(file, shape)]
every_net = pytest.mark.parametrize(
    ("file", "shape"), SERVED, ids=[f"{file.stem}-{shape}" for file, shape in SERVED]
)


def shaken(net: Net) -> Net:
    """The network with no weight left at zero."""
    for weight in net.parameters():
        nn.init.normal_(weight, std=0.1)
    return net


def test_there_is_a_network_for_every_kind_of_data() -> None:
    assert {shape for _, shape in SERVED} == set(SHAPES)
    assert {file for file, _ in SERVED} == set(FILES)


def counted(file: Path) -> tuple[int, int]:
    """Parameters, and operations of one answer, two for each multiplication and addition.

    Nothing is computed: on the device `meta` attention is counted as two products, where
    the fused kernels of a CPU are not counted at all.
    """
    shape = next(one for one in ((3, 32, 32), (2,)) if is_served(file, one))
    with torch.device("meta"), torch.no_grad():
        net = build(OmegaConf.load(file), Net, shape=shape).eval()
        with FlopCounterMode(display=False) as flops:
            net(torch.zeros(1, *shape), torch.zeros(1))
    return sum(weight.numel() for weight in net.parameters()), flops.get_total_flops()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_file_states_parameters_and_operations(file: Path) -> None:
    stated = STATED.search(file.read_text(encoding="utf-8"))
    assert stated, "`0.77 M parameters, 0.58 GFLOP an image (forward, 32x32x3)`"
    for count, unit, text in zip(counted(file), (1e6, 1e9), stated.groups(), strict=False):
        digits = len(text.partition(".")[2])
        assert f"{count / unit:.{digits}f}" == text


@every_net
def test_answers_in_the_shape_of_its_input(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape))
    found = net(torch.randn(2, *shape), LEVELS)
    assert found.shape == (2, *shape)
    assert found.dtype == torch.float32
    assert found.isfinite().all()
    assert net(torch.randn(1, *shape), LEVELS[:1]).shape == (1, *shape)


@every_net
def test_double_precision_is_kept(file: Path, shape: tuple[int, ...]) -> None:
    net, x = shaken(built(file, shape)), torch.randn(2, *shape)
    single = net(x, LEVELS)
    double = net.double()(x.double(), LEVELS.double())
    assert double.dtype == torch.float64
    scale = float(double.detach().abs().max())
    torch.testing.assert_close(single.double(), double, rtol=1e-3, atol=1e-3 * scale)


@every_net
def test_the_first_answer_is_zero(file: Path, shape: tuple[int, ...]) -> None:
    net = built(file, shape)
    assert torch.equal(net(torch.randn(2, *shape), LEVELS), torch.zeros(2, *shape))


@every_net
def test_the_noise_level_matters(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape))
    x = torch.randn(1, *shape).expand(2, *shape)
    low, high = net(x, LEVELS)
    assert float((low - high).abs().mean()) > 1e-3
    near, same = net(x, torch.tensor([3.0, 3.0]))
    torch.testing.assert_close(near, same)


@every_net
def test_examples_do_not_see_each_other(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape))
    x, level = torch.randn(3, *shape), torch.tensor([-2.0, 0.0, 5.0])
    whole = net(x, level)
    alone = torch.cat([net(x[row : row + 1], level[row : row + 1]) for row in range(3)])
    torch.testing.assert_close(whole, alone, rtol=1e-4, atol=1e-4)


@every_net
def test_dropout_acts_in_training_only(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape, dropout=0.5))
    x = torch.randn(2, *shape)
    assert torch.equal(net(x, LEVELS), net(x, LEVELS))
    net.train()
    assert not torch.equal(net(x, LEVELS), net(x, LEVELS))
    plain = shaken(built(file, shape, dropout=0.0)).train()
    assert torch.equal(plain(x, LEVELS), plain(x, LEVELS))


@every_net
def test_every_weight_learns(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape)).train()
    net(torch.randn(4, *shape), torch.linspace(-5, 5, 4)).square().mean().backward()
    for name, weight in net.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().max() > 0, name


@every_net
@pytest.mark.parametrize("dropout", [-0.1, 1.5])
def test_a_share_out_of_range_is_refused(
    file: Path, shape: tuple[int, ...], dropout: float
) -> None:
    with pytest.raises(UserError, match="dropout"):
        built(file, shape, dropout=dropout)


@every_net
def test_two_answers_stand_one_after_the_other(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape, outputs=2))
    found = net(torch.randn(2, *shape), LEVELS)
    assert found.shape == (2, 2 * shape[0], *shape[1:])
    first, second = found.chunk(2, dim=1)
    assert not torch.allclose(first, second)
    assert not built(file, shape, outputs=2)(torch.randn(2, *shape), LEVELS).any()


@every_net
def test_each_of_two_arrays_that_it_sees_matters(
    file: Path, shape: tuple[int, ...]
) -> None:
    net = shaken(built(file, shape, inputs=2))
    first, second = torch.randn(2, 2, *shape)
    found = net(torch.cat((first, second), dim=1), LEVELS)
    assert found.shape == (2, *shape)
    for other in ((second, second), (first, first), (second, first)):
        changed = net(torch.cat(other, dim=1), LEVELS)
        assert float((found - changed).abs().mean()) > 1e-3


@every_net
def test_each_class_is_another_answer(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape, classes=3))
    x, level = torch.randn(1, *shape).expand(4, *shape), torch.zeros(4)
    found = net(x, level, torch.tensor([0, 1, 2, -1]))
    for row in range(4):
        for other in range(row):
            assert float((found[row] - found[other]).abs().mean()) > 1e-3
    same = net(x, level, torch.tensor([2, 2, -1, -1]))
    torch.testing.assert_close(same[[0, 1]], found[[2, 2]], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(same[[2, 3]], found[[3, 3]], rtol=1e-4, atol=1e-4)


@every_net
def test_to_be_told_nothing_is_to_be_told_no_class(
    file: Path, shape: tuple[int, ...]
) -> None:
    net = shaken(built(file, shape, classes=3))
    x = torch.randn(2, *shape)
    assert torch.equal(net(x, LEVELS), net(x, LEVELS, torch.tensor([-1, -1])))


@every_net
def test_labels_are_refused_where_there_are_no_classes(
    file: Path, shape: tuple[int, ...]
) -> None:
    net = built(file, shape)
    with pytest.raises(ValueError, match="given to a network that has no classes"):
        net(torch.randn(2, *shape), LEVELS, torch.tensor([0, -1]))


@every_net
def test_every_class_learns_and_so_does_none(file: Path, shape: tuple[int, ...]) -> None:
    net = shaken(built(file, shape, classes=2)).train()
    table = next(w for name, w in net.named_parameters() if name.endswith("classes.weight"))
    assert len(table) == 3
    net(torch.randn(2, *shape), LEVELS, torch.tensor([1, -1])).square().mean().backward()
    assert [bool(row.any()) for row in table.grad] == [False, True, True]
