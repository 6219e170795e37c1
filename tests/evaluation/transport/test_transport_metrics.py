"""The metrics of a flow on sets for which the answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from snowmelt.evaluation.metrics.wasserstein import optimal_pairs, wasserstein_2
from snowmelt.evaluation.transport import transport_metrics
from snowmelt.evaluation.transport.flow_paths import FlowPaths
from snowmelt.evaluation.transport.transport_metrics import Transport, over_sets
from snowmelt.evaluation.transport.transport_sets import (
    AtTime,
    Points,
    TransportSets,
    optimal_joint,
)

SHAPE = (3, 40, 2)


def cloud(seed: int, shift: float = 0.0) -> Points:
    return np.random.default_rng(seed).standard_normal(SHAPE) + shift


def made(**changes: object) -> TransportSets:
    starts, train = cloud(0), cloud(2, 5.0)
    usual = TransportSets(
        starts=starts,
        carried=cloud(3, 5.0),
        held_out=cloud(1, 5.0),
        train=train,
        energies=np.full(SHAPE[:2], 60.0),
        times=[
            AtTime(1.0, starts, starts, cloud(4)),
            AtTime(0.5, cloud(5, 2.5), cloud(6, 2.5), cloud(7, 2.5)),
            AtTime(0.0, cloud(3, 5.0), cloud(1, 5.0), train),
        ],
    )
    return replace(usual, **changes)


def both(sets: TransportSets | None, paths: FlowPaths | None = None) -> list[Transport]:
    """What the values and what the floors are measured of."""
    given = paths or FlowPaths(torch.zeros(4, 2), torch.ones(4, 2), torch.full((4,), 2.0))
    return [Transport(given, sets, is_carried) for is_carried in (True, False)]


def test_true_examples_in_the_place_of_samples_are_at_the_floor() -> None:
    sets = made()
    flow, floor = both(replace(sets, carried=sets.train))
    for metric in (transport_metrics.wasserstein_2,):
        assert metric(flow) == metric(floor)
    value = transport_metrics.wasserstein_2(floor)
    assert value is not None
    distances = [
        wasserstein_2(a, b) for a, b in zip(sets.train, sets.held_out, strict=True)
    ]
    assert value.value == pytest.approx(np.mean(distances))
    assert value.spread == pytest.approx(np.std(distances, ddof=1) / np.sqrt(3))
    assert value.freedom == 2


def test_shifted_samples_are_as_far_as_the_shift() -> None:
    sets = made()
    flow, floor = both(replace(sets, carried=sets.held_out + np.array([3.0, 4.0])))
    value, least = (transport_metrics.wasserstein_2(one) for one in (flow, floor))
    assert value is not None
    assert least is not None
    assert value.value == pytest.approx(5.0)
    assert least.value < 2.0  # what is carried is no part of the floor


def test_the_path_energy_of_the_exact_plan_is_zero() -> None:
    sets = made()
    exact = np.repeat(sets.plan_costs[:, None], SHAPE[1], axis=1)
    flow, floor = both(replace(sets, energies=exact))
    value = transport_metrics.path_energy(flow)
    assert value is not None
    assert value.value == pytest.approx(0.0, abs=1e-12)
    flow, _ = both(replace(sets, energies=1.25 * exact))
    value = transport_metrics.path_energy(flow)
    assert value is not None
    assert value.value == pytest.approx(0.25)
    flow, _ = both(replace(sets, energies=0.9 * exact))  # shorter than the plan: wrong too
    assert transport_metrics.path_energy(flow).value == pytest.approx(0.1)
    value = transport_metrics.path_energy(floor)
    assert value is not None
    costs = [
        [wasserstein_2(a, b) ** 2 for a, b in zip(sets.starts, other, strict=True)]
        for other in (sets.train, sets.held_out)
    ]
    ratio = np.abs(np.array(costs[0]) / np.array(costs[1]) - 1)
    assert value.value == pytest.approx(ratio.mean())


def test_the_cost_stands_beside_that_of_the_exact_plan() -> None:
    sets = made()
    flow, floor = both(sets)
    cost, least = (transport_metrics.transport_cost(one) for one in (flow, floor))
    assert cost is not None
    assert least is not None
    assert cost.value == pytest.approx(np.square(sets.carried - sets.starts).sum(-1).mean())
    assert least.value == pytest.approx(sets.plan_costs.mean())
    assert cost.value > least.value  # pairs at random


def test_of_images_the_cost_is_told_by_value_and_without_a_plan() -> None:
    starts = torch.zeros(4, 1, 2, 2)
    flow, floor = both(None, FlowPaths(starts, starts + 0.5, torch.full((4,), 2.0)))
    cost = transport_metrics.transport_cost(flow)
    assert cost is not None
    assert cost.value == pytest.approx(0.25)
    assert transport_metrics.transport_cost(floor) is None
    for metric in ("wasserstein_2", "path_energy", "marginals", "coupling"):
        assert getattr(transport_metrics, metric)(flow) is None


def test_straightness_is_what_the_energy_has_more_than_the_cost() -> None:
    starts = torch.zeros(3, 2).double()
    ends = torch.tensor([[2.0, 0.0], [0.0, 2.0], [4.0, 0.0]]).double()
    paths = FlowPaths(starts, ends, torch.tensor([5.0, 6.0, 16.0]).double())
    value = transport_metrics.straightness(Transport(paths, None))
    assert value is not None
    assert value.value == pytest.approx(3.0 / 24.0)
    residual = np.array([1.0, 2.0, 0.0]) - 3.0 / 24.0 * np.array([4.0, 4.0, 16.0])
    spread = residual.std(ddof=1) / np.sqrt(3) / 8.0
    assert value.spread == pytest.approx(spread)
    assert transport_metrics.straightness(Transport(paths, None, has_noise=True)) is None
    assert transport_metrics.straightness(Transport(paths, None, is_carried=False)) is None
    still = FlowPaths(starts, starts, torch.zeros(3).double())
    assert transport_metrics.straightness(Transport(still, None)) is None


def test_the_error_by_time_is_told_of_what_lies_between() -> None:
    sets = made()
    flow, floor = both(sets)
    found = [transport_metrics.marginals(one) for one in (flow, floor)]
    middle = sets.times[1]
    for estimate, states in zip(found, (middle.carried, middle.true), strict=True):
        pairs = zip(states, middle.reference, strict=True)
        assert estimate == over_sets(np.array([wasserstein_2(a, b) for a, b in pairs]))
    carried, true = sets.by_time
    assert carried.shape == true.shape == (3, 3)
    np.testing.assert_array_equal(carried[0], true[0])  # at the start they are the same
    assert not np.array_equal(carried[2], true[2])
    assert transport_metrics.marginals(both(replace(sets, times=sets.times[:1]))[0]) is None


def test_pairs_are_compared_in_twice_the_dimensions() -> None:
    """Right ends that are wrongly joined are told from pairs of the plan."""
    sets = made()
    one, two = (
        optimal_joint(d, s)
        for d, s in ((sets.held_out, sets.starts), (sets.train, cloud(9)))
    )
    wrong = np.concatenate((sets.held_out[:, ::-1], sets.starts), axis=2)
    flow, floor = both(replace(sets, joint=(wrong, one, two)))
    value, least = (transport_metrics.coupling(part) for part in (flow, floor))
    assert value is not None
    assert least is not None
    assert value.value > 1.2 * least.value
    right, _ = both(replace(sets, joint=(one, one, two)))
    assert transport_metrics.coupling(right).value == pytest.approx(least.value)


def test_the_pairs_of_a_plan_are_the_nearest() -> None:
    one = np.array([[0.0], [1.0], [2.0]])
    two = np.array([[2.1], [0.1], [1.1]])
    np.testing.assert_array_equal(optimal_pairs(one, two), [1, 2, 0])
    joint = optimal_joint(two[None], one[None])
    np.testing.assert_allclose(joint[0], [[0.1, 0.0], [1.1, 1.0], [2.1, 2.0]])
    with pytest.raises(ValueError, match="sets of one size, got 3 and 2"):
        optimal_pairs(one, two[:2])


def test_of_one_set_the_error_is_unknown() -> None:
    assert over_sets(np.array([2.0])).spread is None


def test_the_error_of_two_sets_is_half_of_their_difference() -> None:
    found = over_sets(np.array([2.0, 5.0]))
    assert (found.value, found.spread) == pytest.approx((3.5, 1.5))


def test_the_drift_error_is_that_of_the_samples_alone() -> None:
    paths = FlowPaths(torch.zeros(4, 2), torch.ones(4, 2), torch.full((4,), 2.0))
    errors = torch.tensor([1.0, 2.0, 3.0, 6.0], dtype=torch.float64)
    found, floor, unknown = (
        transport_metrics.drift_error(
            Transport(paths, None, is_carried, drift_errors=known)
        )
        for is_carried, known in ((True, errors), (False, errors), (True, None))
    )
    assert found is not None
    assert found.value == pytest.approx(3.0)
    assert floor is None
    assert unknown is None
