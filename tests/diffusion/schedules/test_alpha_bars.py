"""Schedules by the share of variance that is left, against their papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from snowmelt.diffusion.schedules import Cosine, NoiseSchedule, Sigmoid

NAN, INF = math.nan, math.inf
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@quick
@given(st.floats(1.0, 20.0), st.floats(-20.0, -1.0), st.floats(0.0, 1.0))
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
    schedule = Sigmoid(start, start + length, tau, log_snr_max=70.0, log_snr_min=-70.0)
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
def test_the_ends_are_where_they_were_asked_for(cls: Any) -> None:
    ends = cls(log_snr_max=9.0, log_snr_min=-7.0).log_snr(double(0.0, 1.0))
    torch.testing.assert_close(ends, double(9.0, -7.0), rtol=1e-9, atol=0)
    for extreme in (20.0, 79.0):
        for dtype in (torch.float32, torch.float64):
            start, end = cls(log_snr_max=extreme, log_snr_min=-extreme).log_snr(
                torch.tensor((0.0, 1.0), dtype=dtype)
            )
            assert float(start) == pytest.approx(extreme, rel=1e-6)
            assert float(end) == pytest.approx(-extreme, rel=1e-6)


def test_defaults() -> None:
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    assert torch.equal(Cosine().log_snr(t), Cosine(10.0, -10.0).log_snr(t))
    expected = Sigmoid(-3.0, 3.0, 1.0, log_snr_max=10.0, log_snr_min=-10.0).log_snr(t)
    assert torch.equal(Sigmoid().log_snr(t), expected)


def test_the_furthest_ends() -> None:
    Cosine(80.0, -80.0)
    for ends in ((80.5, 0.0), (0.0, -80.5)):
        with pytest.raises(ValueError, match="must lie within"):
            Cosine(*ends)
    Sigmoid(78.0, 80.0)
    with pytest.raises(ValueError, match="must lie within"):
        Sigmoid(78.0, 80.5)


@pytest.mark.parametrize("cls", [Cosine, Sigmoid])
@pytest.mark.parametrize("extreme", [10.0, 60.0])
def test_a_symmetric_curve_keeps_its_digits_at_both_ends(cls: Any, extreme: float) -> None:
    near = 2.0 ** -torch.arange(0, 50, dtype=torch.float64)
    schedule = cls(log_snr_max=extreme, log_snr_min=-extreme)
    torch.testing.assert_close(
        schedule.log_snr(near), -schedule.log_snr(1 - near), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize(
    ("cls", "arguments", "said"),
    [
        (Cosine, {"log_snr_max": -10.0}, "log_snr_max must lie above log_snr_min"),
        (Cosine, {"log_snr_min": NAN}, "log_snr_max must lie above log_snr_min"),
        (Cosine, {"log_snr_min": -INF}, "log_snr_min=-inf"),
        (Cosine, {"log_snr_max": INF}, "log_snr_max=inf"),
        (Cosine, {"log_snr_max": 2000.0}, r"must lie within \+-80, got 2000.0 and -10.0"),
        (Cosine, {"log_snr_min": -2000.0}, r"must lie within \+-80, got 10.0 and -2000.0"),
        (Cosine, {"log_snr_max": 1.0, "log_snr_min": 1 - 1e-15}, "too extreme"),
        (Sigmoid, {"log_snr_min": 11.0}, "log_snr_max must lie above log_snr_min"),
        (Sigmoid, {"log_snr_max": INF}, "log_snr_max=inf"),
        (Sigmoid, {"start": 3.0}, "end must lie above start, both finite, got start=3.0"),
        (Sigmoid, {"end": INF}, "end must lie above start, .* end=inf"),
        (Sigmoid, {"tau": 0.0}, "tau must be positive and finite, got 0.0"),
        (
            Sigmoid,
            {"tau": 1e-9},
            "start / tau .* within .*, got start=-3.0, end=3.0, tau=1",
        ),
        (Sigmoid, {"end": 1e9}, "end / tau must lie within .* end=1000000000.0"),
        (Sigmoid, {"start": -1e9}, "start / tau and end / tau must lie within"),
        (Sigmoid, {"tau": 0.05}, "too extreme"),
    ],
)
def test_refused_arguments(
    cls: type[NoiseSchedule], arguments: dict[str, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cls(**arguments)
