"""The pairs that a flow is asked to join, and the states between them."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double

from snowmelt.densities import CoupledMixture, Gaussian, GaussianMixture
from snowmelt.diffusion.interpolants import BrownianBridge, Constant, Interpolant, Straight
from snowmelt.diffusion.processes import Process, RectifiedFlow, VariancePreserving
from snowmelt.diffusion.schedules import Cosine
from snowmelt.diffusion.schedules import RectifiedFlow as RectifiedClock
from snowmelt.evaluation.transport import true_pairs
from snowmelt.evaluation.transport.true_pairs import is_entropic, pair_law, partners, state
from snowmelt.training.couplings import (
    ClassWise,
    Independent,
    OptimalTransport,
    Paired,
    Sinkhorn,
)

STRAIGHT = RectifiedFlow(RectifiedClock())
DATA = GaussianMixture([0.3, 0.7], [[-1.0, 0.5], [1.5, -0.2]], [[0.3, 0.1], [0.1, 0.4]])
START = GaussianMixture([0.5, 0.5], [[2.0, 2.0], [-2.0, 1.0]], [0.2, 0.5])
ROWS = torch.arange(20)


def drawn(n: int) -> tuple[torch.Tensor, torch.Tensor]:
    return DATA.sample(n, seed=1), START.sample(n, seed=2)


@pytest.mark.parametrize("coupling", [Independent(), Paired()])
def test_pairs_that_nothing_joins_stay_as_they_come(coupling: Independent) -> None:
    x_0, x_1 = drawn(20)
    law = pair_law(coupling, Straight(), 8, (None, None), 0)
    found = law.joined(x_0, x_1, None, 3)
    assert torch.equal(found[0], x_0)
    assert torch.equal(found[1], x_1)
    assert "as they come" in law.said
    assert not law.is_bridge


def test_batches_are_joined_as_the_training_joins_them() -> None:
    x_0, x_1 = drawn(20)
    law = pair_law(OptimalTransport(), Straight(), 8, (DATA, START), 0)
    assert law.said.endswith(
        "joined by OptimalTransport in batches of 8 as in the training"
    )
    data, found = law.joined(x_0, x_1, None, 3)
    close(found, x_1)  # in the order of the starts
    for batch in ROWS.split(8):
        place = OptimalTransport().partners(x_0[batch], x_1[batch], torch.rand(len(batch)))
        close(data[batch][place], x_0[batch])
    place = partners(OptimalTransport(), x_0, x_1, None, 8, 3)
    assert sorted(place.tolist()) == ROWS.tolist()
    assert not torch.equal(place, ROWS)


def test_pairs_within_classes_need_the_classes() -> None:
    x_0, x_1 = drawn(20)
    labels = ROWS % 2
    law = pair_law(ClassWise(OptimalTransport()), Straight(), 20, (None, None), 0)
    data, found = law.joined(x_0, x_1, labels, 3)
    assert not torch.equal(data, x_0)
    for one in (0, 1):  # data of a class goes with starts in the places of that class
        own = [{tuple(row.tolist()) for row in x[labels == one]} for x in (x_0, x_1)]
        for x, y in zip(data, found, strict=True):
            assert (tuple(x.tolist()) in own[0]) == (tuple(y.tolist()) in own[1])


def test_an_entropic_plan_is_a_bridges_with_the_noise_of_its_entropy_alone() -> None:
    assert is_entropic(Sinkhorn(0.25), BrownianBridge(0.5))
    assert not is_entropic(Sinkhorn(0.25), BrownianBridge(0.6))
    assert not is_entropic(Sinkhorn(0.25), Constant(0.5))
    assert not is_entropic(OptimalTransport(), BrownianBridge(0.5))


def test_between_two_normal_laws_pairs_are_those_of_the_closed_form() -> None:
    data, start = Gaussian([0.1], std=1.0), Gaussian([-0.1], std=1.0)
    law = pair_law(Sinkhorn(1.0), BrownianBridge(1.0), 8, (data, start), 0)
    assert law.is_bridge
    assert "two normal laws, in closed form" in law.said
    x_1 = start.sample(40_000, seed=2)
    x_0, found = law.joined(torch.zeros(1, 1), x_1, None, 3)
    close(found, x_1)
    covariance = torch.cat((x_0, x_1.double()), 1).T.cov()
    expected = double(1.0, 0.5 * (math.sqrt(5.0) - 1.0), 1.0)
    close(covariance[[0, 0, 1], [0, 1, 1]], expected, rtol=0, atol=0.02)
    close(x_0.mean(0), double(0.1), rtol=0, atol=0.02)


def test_optimal_pairs_stand_in_for_those_of_a_bridge_that_is_walked() -> None:
    data, start = Gaussian([0.1], std=1.0), Gaussian([-0.1], std=1.0)
    asked = (OptimalTransport(), BrownianBridge(0.7), 8, (data, start), 0)
    law = pair_law(*asked, is_walked=True)
    assert not law.is_bridge
    assert "joined by OptimalTransport in batches of 8" in law.said
    assert law.said_of_bridge is not None
    assert law.bridge is not None
    assert law.bridge.entropy == pytest.approx(0.49)
    assert pair_law(*asked).bridge is None
    straight = (OptimalTransport(), Straight(), 8, (data, start), 0)
    assert pair_law(*straight, is_walked=True).bridge is None


def test_between_mixtures_the_bridge_is_found_by_lightsb(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Beside the exact bridge of potentials, whose marginals are mixtures."""
    for name, few in (("FITTED_ON", 2000), ("COMPONENTS", 8)):
        monkeypatch.setattr(true_pairs, name, few)
    exact = CoupledMixture.of_potentials(
        GaussianMixture([0.4, 0.6], [[-0.6], [0.7]], [0.25, 0.15]),
        GaussianMixture([0.6, 0.4], [[0.4], [-0.5]], [0.2, 0.3]),
        0.5,
    )
    coupling, between = Sinkhorn(0.5), BrownianBridge(math.sqrt(0.5))
    law = pair_law(coupling, between, 8, (exact.data, exact.start), 0)
    assert "by LightSB with 8 components from 2,000 draws" in law.said
    x_1 = exact.start.sample(40_000, seed=4, dtype=torch.float64)
    x_0, _ = law.joined(torch.zeros(1, 1), x_1, None, 3)
    covariance = torch.cat((x_0, x_1), 1).T.cov()
    close(covariance, exact.pair.covariance(), rtol=0, atol=0.05)
    close(x_0.mean(0), exact.data.mean(), rtol=0, atol=0.05)


def test_where_a_law_is_not_known_the_batches_of_the_training_serve() -> None:
    law = pair_law(Sinkhorn(1.0), BrownianBridge(1.0), 16, (DATA, None), 0)
    assert law.is_bridge
    assert "joined by Sinkhorn in batches of 16" in law.said
    law = pair_law(Sinkhorn(1.0), Straight(), 16, (DATA, START), 0)
    assert not law.is_bridge


@pytest.mark.parametrize("interpolant", [Straight(), Constant(0.4), BrownianBridge(0.8)])
@pytest.mark.parametrize("process", [STRAIGHT, VariancePreserving(Cosine())])
def test_states_have_the_law_of_the_interpolant(
    process: Process, interpolant: Interpolant
) -> None:
    x_0, x_1 = drawn(40_000)
    t = double(0.4)[0]
    found = state(process, interpolant, t, (x_0, x_1), 5)
    exact = CoupledMixture.independent(DATA, START).at(process, interpolant, t)
    length = float(process.alpha(t) + process.sigma(t))
    close(found.mean(0), exact.mean() / length, rtol=0, atol=0.03)
    close(found.T.cov(), exact.covariance() / length**2, rtol=0, atol=0.06)


def test_at_the_ends_states_are_the_ends() -> None:
    x_0, x_1 = drawn(20)
    for time, end in ((0.0, x_0), (1.0, x_1)):
        found = state(STRAIGHT, Constant(0.4), double(time)[0], (x_0, x_1), 5)
        close(found, end.double())
