"""Schedules by their noise level, against their papers."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from snowmelt.diffusion.schedules import (
    Geometric,
    Karras,
    Laplace,
    NoiseSchedule,
    RandomWalk,
)

NAN, INF = math.nan, math.inf
T = torch.linspace(0, 1, 21, dtype=torch.float64)


def sigma(schedule: NoiseSchedule, t: Tensor = T) -> Tensor:
    return torch.exp(-0.5 * schedule.log_snr(t))


def test_geometric_is_songs() -> None:
    expected = 0.02 * (30.0 / 0.02) ** T
    torch.testing.assert_close(sigma(Geometric(0.02, 30.0)), expected, rtol=1e-12, atol=0)


def test_geometric_diffuses_as_songs() -> None:
    schedule = Geometric(0.02, 30.0)
    g = 0.02 * (30.0 / 0.02) ** T * math.sqrt(2 * math.log(30.0 / 0.02))
    growth = -schedule.slope(T) * sigma(schedule) ** 2  # d sigma^2 / dt
    torch.testing.assert_close(growth, g**2, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rho", [1.0, 3.0, 7.0])
def test_karras_takes_the_levels_of_edm(rho: float) -> None:
    steps, low, high = 18, 0.004, 60.0
    i = torch.arange(steps, dtype=torch.float64)
    sigmas = (
        high ** (1 / rho) + i / (steps - 1) * (low ** (1 / rho) - high ** (1 / rho))
    ) ** rho
    found = sigma(Karras(low, high, rho), 1 - i / (steps - 1))
    torch.testing.assert_close(found, sigmas, rtol=1e-11, atol=0)


def test_karras_defaults_are_the_papers() -> None:
    assert sigma(Karras(), T[[0, -1]]).tolist() == pytest.approx([0.002, 80.0], rel=1e-12)
    middle = ((0.002 ** (1 / 7) + 80 ** (1 / 7)) / 2) ** 7
    assert float(sigma(Karras())[10]) == pytest.approx(middle, rel=1e-12)


def test_a_high_root_is_almost_geometric() -> None:
    far = Karras(0.01, 50.0, rho=1e5).log_snr(T)
    torch.testing.assert_close(far, Geometric(0.01, 50.0).log_snr(T), rtol=0, atol=1e-3)


def test_the_walk_gains_the_same_variance_at_each_time() -> None:
    variance = sigma(RandomWalk(0.01, 9.0)) ** 2
    assert variance[[0, -1]].tolist() == pytest.approx([0.01, 9.0], rel=1e-12)
    torch.testing.assert_close(
        variance.diff(),
        torch.full((20,), 8.99 / 20, dtype=torch.float64),
        rtol=1e-9,
        atol=0,
    )


def test_the_walk_has_a_constant_diffusion() -> None:
    schedule = RandomWalk(0.01, 9.0)
    growth = -schedule.slope(T) * sigma(schedule) ** 2
    torch.testing.assert_close(growth, torch.full_like(T, 8.99), rtol=1e-12, atol=0)


def test_geometric_and_walk_default_to_the_same_ends() -> None:
    for schedule in (Geometric(), RandomWalk()):
        assert sigma(schedule, T[[0, -1]]).tolist() == pytest.approx([0.01, 50], rel=1e-12)


@pytest.mark.parametrize(("mean", "scale"), [(0.0, 0.5), (1.5, 0.7), (-2.0, 1.0)])
def test_laplace_is_hangs(mean: float, scale: float) -> None:
    # Cut so far out that the middle cannot tell.
    schedule = Laplace(
        mean, scale, log_snr_max=mean + 32 * scale, log_snr_min=mean - 32 * scale
    )
    t = T[1:-1]
    spread = torch.sgn(0.5 - t) * torch.log(1 - 2 * (t - 0.5).abs())
    torch.testing.assert_close(
        schedule.log_snr(t), mean - scale * spread, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(
    ("mean", "scale", "top", "bottom"),
    [
        (0.0, 0.5, 10.0, -10.0),
        (1.0, 2.0, 6.0, -3.0),
        (4.0, 1.0, 3.0, -3.0),
        (-5.0, 2.0, 5.0, -4.0),
    ],
)
def test_uniform_times_have_the_log_snrs_of_a_cut_laplace_distribution(
    mean: float, scale: float, top: float, bottom: float
) -> None:
    log_snr = Laplace(mean, scale, top, bottom).log_snr(T)
    assert log_snr[[0, -1]].tolist() == pytest.approx([top, bottom], rel=1e-9)
    cdf = torch.distributions.Laplace(
        torch.tensor(mean, dtype=torch.float64), torch.tensor(scale, dtype=torch.float64)
    ).cdf
    at_top, at_bottom = cdf(torch.tensor((top, bottom), dtype=torch.float64))
    above = (at_top - cdf(log_snr)) / (at_top - at_bottom)
    torch.testing.assert_close(above, T, rtol=0, atol=1e-12)


def test_laplace_keeps_its_digits_at_both_ends() -> None:
    near = 2.0 ** -torch.arange(1, 50, dtype=torch.float64)
    schedule = Laplace(0.0, 0.3, 20.0, -20.0)
    torch.testing.assert_close(
        schedule.log_snr(near), -schedule.log_snr(1 - near), rtol=1e-12, atol=1e-12
    )


def test_laplace_defaults() -> None:
    assert (
        Laplace().log_snr(T).tolist() == Laplace(0.0, 0.5, 10.0, -10.0).log_snr(T).tolist()
    )


@pytest.mark.parametrize("cls", [Geometric, Karras])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"sigma_min": 0.0}, "sigma_min must be positive and finite, got 0.0"),
        ({"sigma_min": NAN}, "sigma_min must be positive and finite, got nan"),
        ({"sigma_max": 1e-3}, "sigma_max must lie above sigma_min, .* sigma_max=0.001"),
        ({"sigma_max": INF}, "sigma_max must lie above sigma_min, both finite"),
        ({"sigma_min": 1.5, "sigma_max": 1.5 + 1e-15}, "too extreme"),
    ],
)
def test_refused_levels(
    cls: type[Geometric] | type[Karras], arguments: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cls(**{"sigma_min": 0.002, **arguments})


@pytest.mark.parametrize(
    ("cls", "arguments", "said"),
    [
        (Karras, {"rho": 0.0}, "rho must be positive and finite, got 0.0"),
        (Karras, {"rho": INF}, "rho must be positive and finite, got inf"),
        (Karras, {"rho": 1e-3}, "too extreme"),
        (Karras, {"rho": 1e18}, "too extreme"),
        (RandomWalk, {"variance_start": 0.0}, "variance_start must be positive"),
        (RandomWalk, {"variance_end": 1e-5}, "variance_end must lie above variance_start"),
        (RandomWalk, {"variance_end": INF}, "variance_end must lie above variance_start"),
        (RandomWalk, {"variance_start": 1e-60}, "too extreme"),
        (Laplace, {"scale": 0.0}, "scale must be positive and finite, got 0.0"),
        (Laplace, {"mean": NAN}, "mean must be finite, got nan"),
        (Laplace, {"mean": INF}, "mean must be finite, got inf"),
        (Laplace, {"log_snr_max": -11.0}, "log_snr_max must lie above log_snr_min"),
        (Laplace, {"log_snr_max": 90.0}, "log_snr_max and log_snr_min must lie within"),
        (Laplace, {"scale": 0.05}, "too extreme"),
    ],
)
def test_refused_arguments(
    cls: type[NoiseSchedule], arguments: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cls(**arguments)
