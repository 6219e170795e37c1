"""Iterated fitting: the order of its turns, and the law that it obeys between normals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.sampling.exact_flows import STRAIGHT, ExactBridge, ExactFlow
from torch import Tensor

from snowmelt.densities import CoupledMixture
from snowmelt.diffusion.bridge_denoiser import BridgeDenoiser
from snowmelt.diffusion.denoiser import Denoiser
from snowmelt.diffusion.interpolants import BrownianBridge, Straight
from snowmelt.diffusion.predictions import Flow
from snowmelt.sampling.samplers import EulerMaruyama, Heun, sample
from snowmelt.training.iterated_fitting import Iteration, iterated, planned

COUNT, SIZE = 4000, 6
Pairs = tuple[Tensor, Tensor]


# ---- the order of the turns


def test_bridges_go_there_and_back_and_start_from_their_own_kind() -> None:
    plan = planned(5, alternates=True)
    assert [one.to_data for one in plan] == [True, False, True, False, True]
    assert [one.before for one in plan] == [None, None, 1, 2, 3]
    assert [one.pairs for one in plan] == [None, 1, 2, 3, 4]


def test_reflow_goes_to_the_data_each_time() -> None:
    plan = planned(3, alternates=False)
    assert [one.to_data for one in plan] == [True] * 3
    assert [one.before for one in plan] == [None, 1, 2]
    assert [one.pairs for one in plan] == [None, 1, 2]


@pytest.mark.parametrize("count", [0, -1])
def test_there_is_one_iteration_at_least(count: int) -> None:
    with pytest.raises(ValueError, match=f"one iteration at least, got {count}"):
        planned(count, alternates=True)


def test_each_model_gets_the_pairs_of_the_last_and_the_weights_of_its_way() -> None:
    told: list[Any] = []

    def fit(turn: Iteration, pairs: str | None, before: str | None) -> str:
        told.append((turn.number, pairs, before))
        return f"model {turn.number}"

    def draw(turn: Iteration, model: str) -> str:
        told.append(f"drawn by {model}")
        return f"pairs {turn.number}"

    found = [model for _, model in iterated(planned(4, alternates=True), fit, draw)]
    assert found == ["model 1", "model 2", "model 3", "model 4"]
    assert told == [
        (1, None, None),
        "drawn by model 1",
        (2, "pairs 1", None),
        "drawn by model 2",
        (3, "pairs 2", "model 1"),
        "drawn by model 3",
        (4, "pairs 3", "model 2"),
    ], "nobody learns from pairs of the last"


# ---- between normal laws all of it is known


def covariances(count: int, of_data: float, of_start: float, noise: float) -> list[float]:
    r"""The covariance of the two ends after each turn, from independent pairs on.

    Pairs of the covariance c have bridges of the variance $q(u)$. The Markov process of the
    same marginals is linear, $dx = a\,x\,du + s\,dW$ with $q' = 2 a q + s^2$, and so the
    covariance of its own ends is
    $\sqrt{v_0 v_1}\,\exp\big(-\tfrac12 s^2 \int_0^1 du / q(u)\big)$.
    """
    u = torch.linspace(0.0, 1.0, 20_001, dtype=torch.float64)
    found, shared = [], 0.0
    for _ in range(count):
        q = (1 - u) ** 2 * of_data + u**2 * of_start + u * (1 - u) * (2 * shared + noise**2)
        decay = float(torch.trapezoid(1.0 / q, u))
        shared = math.sqrt(of_data * of_start) * math.exp(-0.5 * noise**2 * decay)
        found.append(shared)
    return found


def test_the_law_ends_in_the_schroedinger_bridge() -> None:
    found = covariances(12, 1.0, 1.0, 1.0)
    assert found[0] == pytest.approx(math.exp(-math.pi / math.sqrt(27.0)), abs=1e-8)
    assert found[-1] == pytest.approx(0.5 * (math.sqrt(5.0) - 1.0), abs=1e-6)
    assert found == sorted(found)
    (wide,) = covariances(40, 1.0, 4.0, 1.5)[-1:]
    assert wide == pytest.approx(math.sqrt(4.0 + 1.5**4 / 4) - 0.5 * 1.5**2, abs=1e-6)


@pytest.mark.parametrize(
    ("of_start", "noise"), [(1.0, 1.0), (4.0, 1.5)], ids=["equal", "wider"]
)
def test_bridges_without_error_obey_it_turn_by_turn(of_start: float, noise: float) -> None:
    """The exact bridge of what the pairs are, walked with its noise, and once more."""
    x_0 = 0.1 + drawn(1)
    x_1 = -0.1 + math.sqrt(of_start) * drawn(2)
    between = BrownianBridge(noise)

    def exact(data: Tensor, start: Tensor) -> BridgeDenoiser:
        net = ExactBridge(law_of(data, start), STRAIGHT, between, Flow())
        return BridgeDenoiser(net, STRAIGHT, Flow(), between)

    found = followed(x_0, x_1, exact, EulerMaruyama(120), alternates=True)
    expected = covariances(4, 1.0, of_start, noise)
    for pairs, shared in zip(found, expected, strict=True):
        ends = mean_covariance(*pairs)
        assert float(ends[0, 1]) == pytest.approx(shared, abs=0.035 * math.sqrt(of_start))
        assert float(ends[0, 0]) == pytest.approx(1.0, abs=0.06)
        assert float(ends[1, 1]) == pytest.approx(of_start, abs=0.06 * of_start)


def test_reflow_of_normals_ends_in_the_optimal_map_at_once() -> None:
    """A linear flow has no crossings left, so nothing changes after the first turn."""
    x_0, x_1 = drawn(1), 2.0 * drawn(2)

    def exact(data: Tensor, start: Tensor) -> Denoiser:
        net = ExactFlow(law_of(data, start), STRAIGHT, Straight(), Flow())
        denoiser = Denoiser(net, STRAIGHT, Flow())
        denoiser.has_score = False
        return denoiser

    found = followed(x_0, x_1, exact, Heun(60), alternates=False)
    for ends, start in found:
        torch.testing.assert_close(ends, 0.5 * start, rtol=0, atol=0.3)
        assert float((ends - 0.5 * start).square().mean().sqrt()) < 0.05


def drawn(seed: int) -> Tensor:
    """Standard normal numbers. Shapes: -> (COUNT, SIZE)"""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(COUNT, SIZE, dtype=torch.float64, generator=generator)


def law_of(data: Tensor, start: Tensor) -> CoupledMixture:
    """The normal law with the moments of pairs; a little noise keeps it one."""
    both = torch.cat((data, start), 1)
    spread = both.T.cov() + 1e-5 * torch.eye(2 * SIZE, dtype=torch.float64)
    return CoupledMixture([1.0], both.mean(0)[None], spread[None])


def followed(
    x_0: Tensor,
    x_1: Tensor,
    exact: Callable[[Tensor, Tensor], Denoiser],
    sampler: EulerMaruyama | Heun,
    *,
    alternates: bool,
) -> list[Pairs]:
    """The pairs of four turns, the data first, by models that make no error."""
    found: list[Pairs] = []

    def fit(turn: Iteration, pairs: Pairs | None, _: Denoiser | None) -> Denoiser:
        data, start = pairs or (x_0, x_1)
        return exact(data, start) if turn.to_data else exact(start, data)

    def draw(turn: Iteration, denoiser: Denoiser) -> Pairs:
        real = x_1 if turn.to_data else x_0
        denoiser.start = lambda index, seed: real[index]
        index = torch.arange(COUNT)
        ends = sample(denoiser, sampler, index, (SIZE,), seed=turn.number)
        found.append((ends, real) if turn.to_data else (real, ends))
        return found[-1]

    for _ in iterated(planned(5, alternates=alternates), fit, draw):
        pass
    return found


def mean_covariance(x_0: Tensor, x_1: Tensor) -> Tensor:
    """Of one coordinate of data and start, the mean over all. Shapes: -> (2, 2)"""
    blocks = torch.cat((x_0, x_1), 1).T.cov().reshape(2, SIZE, 2, SIZE)
    return blocks.diagonal(dim1=1, dim2=3).mean(-1)
