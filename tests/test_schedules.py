"""Laws of every schedule under conf/schedule/, and the exact curves of ours."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.building import build
from snowmelt.schedules import Cosine, Linear, NoiseSchedule, Sigmoid

FILES = sorted((Path(__file__).parents[1] / "conf" / "schedule").glob("*.yaml"))
every_schedule = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
times = st.floats(0.0, 1.0, allow_subnormal=False)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)


def built(file: Path) -> NoiseSchedule:
    return build(OmegaConf.load(file), NoiseSchedule)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_there_are_schedules() -> None:
    assert {"linear", "cosine", "sigmoid"} <= {file.stem for file in FILES}


@every_schedule
@quick
@given(first=times, second=times)
def test_finite_and_strictly_decreasing(file: Path, first: float, second: float) -> None:
    early, late = sorted((first, second))
    at_early, at_late = built(file).log_snr(double(early, late)).tolist()
    assert math.isfinite(at_early)
    assert math.isfinite(at_late)
    if late - early > 1e-12:
        assert at_early > at_late


@every_schedule
def test_decreasing_on_a_fine_grid_in_float32(file: Path) -> None:
    log_snr = built(file).log_snr(torch.linspace(0, 1, 1001))
    assert log_snr.dtype == torch.float32
    assert log_snr.isfinite().all()
    assert (log_snr.diff() < 0).all()


@every_schedule
def test_float32_keeps_its_digits_at_both_ends(file: Path) -> None:
    near = 2.0 ** -torch.arange(1, 20)
    t = torch.cat((torch.zeros(1), near, 1 - near, torch.ones(1)))
    schedule = built(file)
    error = schedule.log_snr(t).double() - schedule.log_snr(t.double())
    assert float(error.abs().max()) < 3e-5


@every_schedule
def test_covers_the_noise_levels_from_data_to_noise(file: Path) -> None:
    start, end = built(file).log_snr(double(0.0, 1.0)).tolist()
    assert start > 5
    assert end < -5


@every_schedule
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_shape_and_precision_are_those_of_the_time(
    file: Path, shape: tuple[int, ...]
) -> None:
    for dtype in (torch.float32, torch.float64):
        log_snr = built(file).log_snr(torch.full(shape, 0.3, dtype=dtype))
        assert log_snr.shape == shape
        assert log_snr.dtype == dtype


@every_schedule
def test_the_slope_is_finite_and_negative(file: Path) -> None:
    t = torch.linspace(0, 1, 101, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(built(file).log_snr(t).sum(), t)
    assert slope.isfinite().all()
    assert (slope < 0).all()


def log_alpha_bar_of_chain(steps: int) -> Tensor:
    """Ho's chain with betas scaled to the number of steps: log alpha_bar of each."""
    betas = torch.linspace(0.1 / steps, 20.0 / steps, steps, dtype=torch.float64)
    return torch.log1p(-betas).cumsum(0)


def test_linear_is_the_limit_of_the_discrete_chain() -> None:
    schedule = Linear(0.1, 20.0, start=1e-3)
    errors = []
    for steps in (1_000, 10_000, 100_000):
        u = torch.arange(1, steps + 1, dtype=torch.float64) / steps
        kept = u >= schedule.start
        t = (u[kept] - schedule.start) / (1 - schedule.start)
        exact = torch.nn.functional.logsigmoid(schedule.log_snr(t))
        errors.append(float((exact - log_alpha_bar_of_chain(steps)[kept]).abs().max()))
    assert errors[0] < 0.1
    for coarse, fine in itertools.pairwise(errors):
        # First order: ten times the steps, a tenth of the difference.
        assert coarse / fine == pytest.approx(10, rel=0.05)


def test_linear_has_a_linear_rate() -> None:
    schedule = Linear(0.3, 12.0, start=0.01)
    t = torch.linspace(0, 1, 11, dtype=torch.float64, requires_grad=True)
    log_kept = torch.nn.functional.logsigmoid(schedule.log_snr(t))
    (slope,) = torch.autograd.grad(log_kept.sum(), t)
    u = 0.01 + 0.99 * t.detach()
    torch.testing.assert_close(-slope / 0.99, 0.3 + u * (12.0 - 0.3), rtol=1e-9, atol=0)
    first = 0.3 * 0.01 + 0.5 * (12.0 - 0.3) * 0.01**2
    assert float(log_kept[0]) == pytest.approx(-first, rel=1e-9)


@quick
@given(st.floats(1.0, 20.0), st.floats(-20.0, -1.0), times)
def test_cosine_is_a_cosine(top: float, bottom: float, t: float) -> None:
    theta_0, theta_1 = math.atan(math.exp(-top / 2)), math.atan(math.exp(-bottom / 2))
    theta = theta_0 + t * (theta_1 - theta_0)
    alpha_bar = torch.sigmoid(Cosine(top, bottom).log_snr(double(t)))
    assert float(alpha_bar) == pytest.approx(math.cos(theta) ** 2, rel=1e-9, abs=1e-15)


def jabri(t: Tensor, start: float, end: float, tau: float) -> Tensor:
    """The formula of the paper as printed, in its own terms."""
    v_start, v_end = torch.sigmoid(double(start / tau)), torch.sigmoid(double(end / tau))
    output = torch.sigmoid((t * (end - start) + start) / tau)
    return (v_end - output) / (v_end - v_start)


@quick
@given(
    st.floats(0.01, 0.99),
    st.floats(-4.0, 1.0),
    st.floats(0.5, 5.0),
    st.floats(0.3, 2.0),
)
def test_sigmoid_is_jabris(t: float, start: float, length: float, tau: float) -> None:
    # With these ends the curve is cut nowhere that float64 could tell.
    schedule = Sigmoid(start, start + length, tau, log_snr_max=80.0, log_snr_min=-80.0)
    gamma = jabri(double(t), start, start + length, tau)
    expected = torch.log(gamma) - torch.log1p(-gamma)
    torch.testing.assert_close(schedule.log_snr(double(t)), expected, rtol=1e-8, atol=1e-8)


def test_sigmoid_moves_between_the_shares_of_its_ends() -> None:
    t = torch.linspace(0, 1, 21, dtype=torch.float64)
    alpha_bar = torch.sigmoid(Sigmoid(-3, 3, 0.9, log_snr_max=5, log_snr_min=-4).log_snr(t))
    top, bottom = torch.sigmoid(double(5, -4)).tolist()
    expected = bottom + (top - bottom) * jabri(t, -3, 3, 0.9)
    torch.testing.assert_close(alpha_bar, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cls", [Cosine, Sigmoid])
def test_the_ends_are_where_they_were_asked_for(cls: type[Cosine] | type[Sigmoid]) -> None:
    ends = cls(log_snr_max=9.0, log_snr_min=-7.0).log_snr(double(0.0, 1.0))
    torch.testing.assert_close(ends, double(9.0, -7.0), rtol=1e-9, atol=0)


@pytest.mark.parametrize("cls", [Cosine, Sigmoid])
def test_a_symmetric_curve_crosses_zero_in_the_middle(
    cls: type[Cosine] | type[Sigmoid],
) -> None:
    t = torch.linspace(0, 1, 11, dtype=torch.float64)
    log_snr = cls().log_snr(t)
    torch.testing.assert_close(log_snr, -log_snr.flip(0), rtol=1e-9, atol=1e-12)


NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("cls", "arguments", "named"),
    [
        (Linear, {"beta_start": 0.0}, "beta_start and beta_end must be positive"),
        (Linear, {"beta_end": -1.0}, "beta_start and beta_end must be positive"),
        (Linear, {"beta_start": NAN}, "beta_start and beta_end must be positive"),
        (Linear, {"start": 0.0}, "start must lie between 0 and 1, got 0.0"),
        (Linear, {"start": 1.0}, "start must lie between 0 and 1, got 1.0"),
        (Cosine, {"log_snr_max": -10.0}, "log_snr_max must lie above log_snr_min"),
        (Cosine, {"log_snr_min": NAN}, "log_snr_max must lie above log_snr_min"),
        (Cosine, {"log_snr_min": -INF}, "log_snr_min=-inf"),
        (Cosine, {"log_snr_max": INF}, "log_snr_max=inf"),
        (Sigmoid, {"log_snr_min": 11.0}, "log_snr_max must lie above log_snr_min"),
        (Sigmoid, {"log_snr_max": INF}, "log_snr_max=inf"),
        (Sigmoid, {"start": 3.0}, "end must lie above start, got start=3.0, end=3.0"),
        (Sigmoid, {"tau": 0.0}, "tau must be positive, got 0.0"),
    ],
)
def test_refused_arguments(
    cls: type[NoiseSchedule], arguments: dict[str, float], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        cls(**arguments)
