"""Levels have probabilities that add up; points have densities in a unit of length."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snowmelt.evaluation.likelihood.value_kinds import (
    LEAST_PROBABILITY,
    Levels,
    Points,
    bits_per_dim,
)

quick = settings(deadline=None, max_examples=60, derandomize=True, database=None)


def levels_of(count: int) -> Tensor:
    """Every level as an example of its own. Shapes: -> (L, 1) float64"""
    return (2.0 * torch.arange(count, dtype=torch.float64) / (count - 1) - 1.0)[:, None]


def probabilities(count: int, mean: float, log_variance: float) -> Tensor:
    x = levels_of(count)
    moments = torch.full_like(x, mean), torch.tensor(log_variance, dtype=torch.float64)
    return torch.exp(-Levels(count).reconstruction_nats(x, *moments))


@quick
@given(st.sampled_from([2, 3, 17, 256]), st.floats(-3, 3), st.floats(-16, 6))
def test_the_levels_have_probability_one_together(
    count: int, mean: float, log_variance: float
) -> None:
    total = float(probabilities(count, mean, log_variance).sum())
    assert total == pytest.approx(1.0, abs=2 * count * LEAST_PROBABILITY + 1e-12)


def test_a_level_has_the_mass_between_its_neighbours_and_the_ends_have_the_tails() -> None:
    normal = torch.distributions.Normal(torch.tensor(0.1, dtype=torch.float64), 0.3)
    edges = normal.cdf((torch.arange(16).double() + 0.5) / 8.0 - 1.0)
    expected = torch.cat((edges[:1], edges.diff(), 1 - edges[-1:]))
    found = probabilities(17, 0.1, 2 * math.log(0.3))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-15)


def test_far_above_the_mean_no_digits_are_lost() -> None:
    found = probabilities(17, -1.0, 2 * math.log(0.3))
    mirrored = probabilities(17, 1.0, 2 * math.log(0.3)).flip(0)
    torch.testing.assert_close(found, mirrored, rtol=1e-9, atol=0)
    expected = 0.5 * math.erfc((14.5 / 8) / 0.3 / math.sqrt(2)) - 0.5 * math.erfc(
        (15.5 / 8) / 0.3 / math.sqrt(2)
    )
    assert float(found[15]) == pytest.approx(expected, rel=1e-6)


def test_no_probability_is_less_than_the_floor() -> None:
    found = probabilities(17, -1.0, -20.0)
    assert float(found[0]) == pytest.approx(1.0)
    assert float(found[-1]) == pytest.approx(1e-12, rel=1e-9)


def test_elements_add_up_and_may_have_a_variance_each() -> None:
    x = levels_of(17)[[3, 9]].reshape(1, 2)
    mean = torch.tensor([[-0.5, 0.2]]).double()
    log_variance = torch.tensor([[-3.0, -1.0]]).double()
    whole = Levels(17).reconstruction_nats(x, mean, log_variance)
    parts = [
        Levels(17).reconstruction_nats(
            x[:, k : k + 1], mean[:, k : k + 1], log_variance[0, k]
        )
        for k in range(2)
    ]
    torch.testing.assert_close(whole, sum(parts))


@pytest.mark.parametrize("bad", [0.01, -1.125, 1.125])
def test_data_between_or_beyond_the_levels_is_refused(bad: float) -> None:
    x = torch.full((1, 1), bad)
    with pytest.raises(ValueError, match="17 levels"):
        Levels(17).reconstruction_nats(x, x, torch.zeros(()))
    with pytest.raises(ValueError, match="17 levels"):
        Levels(17).spread(x, torch.zeros(1, 1))


@pytest.mark.parametrize("count", [2, 17, 256])
def test_levels_that_float32_rounded_are_accepted(count: int) -> None:
    x = levels_of(count).float()
    nats = Levels(count).reconstruction_nats(x, x, torch.tensor(-20.0))
    torch.testing.assert_close(nats, torch.zeros_like(nats))


def test_dequantised_levels_fill_the_space_between_without_overlap() -> None:
    levels, x = Levels(17), levels_of(17)
    low, high = (levels.spread(x, torch.full_like(x, u)) for u in (0.0, 1.0))
    torch.testing.assert_close(high[:-1], low[1:])
    torch.testing.assert_close(0.5 * (low + high), x)
    # A uniform density over all of them gives each level the same share.
    width = float(high[-1] - low[0])
    nats = math.log(width) + levels.offset
    assert nats == pytest.approx(math.log(17))


def test_the_density_of_points_is_that_of_the_normal_distribution() -> None:
    x = torch.tensor([[0.3, -1.2]]).double()
    mean = torch.tensor([[0.1, 0.4]]).double()
    log_variance = torch.tensor(-1.4).double()
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    expected = -normal.log_prob(x).sum(1)
    torch.testing.assert_close(
        Points().reconstruction_nats(x, mean, log_variance), expected
    )


def test_the_unit_of_length_is_the_datas() -> None:
    # Data 5 times as wide has a density of 1/5 a dimension.
    x = torch.tensor([[0.3, -1.2]]).double()
    wide = torch.distributions.Normal(torch.zeros(2).double(), 5.0 * math.exp(-0.7))
    expected = -wide.log_prob(5.0 * x).sum(1)
    found = Points(5.0).reconstruction_nats(
        x, torch.zeros_like(x), torch.tensor(-1.4).double()
    )
    torch.testing.assert_close(found, expected)
    assert Points(5.0).offset == pytest.approx(math.log(5.0))


def test_bits_a_dimension() -> None:
    nats = torch.tensor([math.log(2.0) * 12])
    assert float(bits_per_dim(nats, torch.zeros(1, 3, 2, 2))) == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [1, 0, -3])
def test_fewer_than_two_levels_are_refused(bad: int) -> None:
    with pytest.raises(ValueError, match=f"levels must be at least 2, got {bad}"):
        Levels(bad)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_a_scale_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="scale must be positive and finite"):
        Points(bad)
