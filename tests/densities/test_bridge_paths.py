"""Paths of the bridge between two clouds: their law, against sums over all pairs."""

from __future__ import annotations

import math

import pytest
import torch
from tests.combinations import close, double
from torch import Tensor

from snowmelt.densities import (
    brownian_bridges,
    drawn_ends,
    entropic_plan,
    entropic_potentials,
    expected_end,
)

SHARES = double(1.0, 0.7, 0.45, 0.1, 0.0)


def clouds() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(n, 2, generator=generator).double() for n in (6, 5))  # type: ignore[return-value]


# ---- ends


def test_an_end_is_drawn_as_often_as_the_plan_says() -> None:
    plan = torch.tensor([[0.1, 0.0, 0.3], [0.2, 0.4, 0.0]], dtype=torch.float64)
    even = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    for row, chances in zip(plan, ([0.25, 0.0, 0.75], [1 / 3, 2 / 3, 0.0]), strict=True):
        found = drawn_ends(row.expand(1000, -1), even).bincount(minlength=3) / 1000
        close(found, torch.tensor(chances), rtol=0, atol=2e-3)


def test_a_plan_without_entropy_is_followed_whatever_is_drawn() -> None:
    plan = torch.eye(4, dtype=torch.float64)[[2, 0, 3, 1]]
    for number in (1e-9, 0.4, 1 - 1e-9):
        drawn = torch.full((4,), number, dtype=torch.float64)
        assert drawn_ends(plan, drawn).tolist() == [2, 0, 3, 1]
    with pytest.raises(ValueError, match=r"got the shapes \(4, 4\) and \(3,\)"):
        drawn_ends(plan, torch.rand(3))


# ---- paths


def test_without_noise_paths_are_straight() -> None:
    one, two = (cloud[:5] for cloud in clouds())
    found = brownian_bridges(one, two, SHARES, 0.0, torch.randn(3, 5, 2))
    wanted = SHARES[:, None, None] * one + (1 - SHARES[:, None, None]) * two
    close(found, wanted, rtol=1e-12, atol=1e-12)


def test_the_law_of_a_path_is_that_of_a_brownian_bridge() -> None:
    """A path is linear in its noise; its matrix gives the covariance of all times."""
    std, zero = 0.7, torch.zeros(3, dtype=torch.float64)
    noise = torch.eye(3, dtype=torch.float64)[..., None]  # a path for each draw
    paths = brownian_bridges(zero[:, None], zero[:, None], SHARES, std, noise)[..., 0]
    inside = SHARES[1:-1]
    low = torch.minimum(inside[:, None], inside)
    high = torch.maximum(inside[:, None], inside)
    close(paths[1:-1] @ paths[1:-1].T, std**2 * low * (1 - high), rtol=1e-12, atol=1e-12)
    assert paths[[0, -1]].abs().max() == 0


def test_a_path_of_two_shares_is_its_two_ends() -> None:
    one, two = (cloud[:5] for cloud in clouds())
    paths = brownian_bridges(one, two, double(1.0, 0.0), 1.0, torch.zeros(0, 5, 2))
    assert torch.equal(paths, torch.stack([one, two]).double())


def test_a_path_goes_where_its_noise_points() -> None:
    """Half way of a whole step the deviation is s sqrt(1/4)."""
    zero, noise = torch.zeros(1, 1), torch.full((1, 1, 1), 2.0)
    path = brownian_bridges(zero, zero + 3.0, double(1.0, 0.5, 0.0), 0.4, noise)
    close(path[:, 0, 0], double(0.0, 1.5 + 0.4 * 0.5 * 2.0, 3.0), rtol=1e-12)


@pytest.mark.parametrize(
    ("shares", "noise", "said"),
    [
        (double(1.0, 0.5, 0.1), (1, 5, 2), "shares must fall from 1 to 0"),
        (double(0.0, 0.5, 1.0), (1, 5, 2), "shares must fall from 1 to 0"),
        (double(0.9, 0.5, 0.0), (1, 5, 2), "shares must fall from 1 to 0"),
        (double(1.0, 0.5, 0.5, 0.0), (2, 5, 2), "shares must fall from 1 to 0"),
        (double(1.0, 0.2, 0.5, 0.0), (2, 5, 2), "shares must fall from 1 to 0"),
        (double(1.0), (0, 5, 2), "shares must fall from 1 to 0"),
        (double(1.0, 0.0)[:, None], (0, 5, 2), "shares must fall from 1 to 0"),
        (double(1.0, 0.5, 0.0), (2, 5, 2), r"1 draws of noise .* \(2, 5, 2\)"),
    ],
)
def test_other_clocks_and_shapes_are_refused(
    shares: Tensor, noise: tuple[int, ...], said: str
) -> None:
    one, two = (cloud[:5] for cloud in clouds())
    with pytest.raises(ValueError, match=said):
        brownian_bridges(one, two, shares, 1.0, torch.zeros(noise))
    with pytest.raises(ValueError, match="std must be at least 0"):
        brownian_bridges(one, two, double(1.0, 0.5, 0.0), -1.0, torch.zeros(1, 5, 2))


# ---- the drift


@pytest.mark.parametrize("entropy", [0.1, 0.8])
def test_the_expected_end_is_bayes_rule_over_all_pairs(entropy: float) -> None:
    starts, ends = clouds()
    a = torch.full((6,), 1 / 6, dtype=torch.float64)
    b = double(0.1, 0.3, 0.2, 0.25, 0.15)
    cost = 0.5 * torch.cdist(starts, ends).square()
    plan = entropic_plan(cost, a, b, entropy, tolerance=1e-13)
    _, g = entropic_potentials(cost, a, b, entropy, tolerance=1e-13)
    x = torch.linspace(-1.0, 1.0, 8, dtype=torch.float64).reshape(4, 2)
    for share in double(0.05, 0.4, 0.9):
        middle = share * starts[:, None] + (1 - share) * ends  # (N, M, 2)
        variance = entropy * share * (1 - share)
        squared = (x[:, None, None] - middle).square().sum(3)
        joint = plan * torch.exp(-squared / (2 * variance))
        wanted = joint.sum(1) @ ends / joint.sum((1, 2))[:, None]
        found = expected_end(x, ends, b.log() + g, entropy, share)
        close(found, wanted, rtol=1e-8, atol=1e-9)


def test_from_its_start_a_path_goes_to_the_mean_of_its_row() -> None:
    starts, ends = clouds()
    a, b = (torch.full((n,), 1 / n, dtype=torch.float64) for n in (6, 5))
    cost = 0.5 * torch.cdist(starts, ends).square()
    plan = entropic_plan(cost, a, b, 0.3)
    _, g = entropic_potentials(cost, a, b, 0.3)
    found = expected_end(starts, ends, g + math.log(1 / 5), 0.3, double(1.0)[0])
    close(found, 6 * plan @ ends, rtol=1e-7, atol=1e-9)
    with pytest.raises(ValueError, match="entropy must be positive"):
        expected_end(starts, ends, g, 0.0, double(1.0)[0])
    with pytest.raises(ValueError, match="share must be positive"):
        expected_end(starts, ends, g, 0.3, double(0.0)[0])
