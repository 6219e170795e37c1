"""What the base class does for a schedule that writes nothing but its curve."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snowmelt.diffusion.schedules import NoiseSchedule

Curve = Callable[[Tensor], Tensor]


class Written(NoiseSchedule):
    def __init__(self, curve: Curve) -> None:
        self.curve = curve

    def log_snr(self, t: Tensor) -> Tensor:
        return self.curve(t)


class WrittenToTheEnd(Written):
    has_zero_terminal_snr = True


class Trained(NoiseSchedule, nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.power = nn.Parameter(torch.tensor(3.0))

    def log_snr(self, t: Tensor) -> Tensor:
        return 6.0 - 12.0 * t**self.power


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_time_is_found_by_bisection() -> None:
    schedule = Written(lambda t: 7.0 - 10.0 * t**3)
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    torch.testing.assert_close(schedule.time(7.0 - 10.0 * t**3), t, rtol=1e-14, atol=0)


def test_the_time_is_an_end_where_the_curve_is_left() -> None:
    schedule = Written(lambda t: 7.0 - 10.0 * t)
    assert schedule.time(double(8, 7, -3, -4, math.inf)).tolist() == [0, 0, 1, 1, 0]


def test_the_time_is_found_in_float64_from_float32() -> None:
    time = Written(lambda t: 7.0 - 10.0 * t).time(torch.tensor(4.0))
    assert time.dtype == torch.float64
    assert float(time) == pytest.approx(0.3, rel=1e-15)


def test_the_slope_is_the_derivative() -> None:
    t = torch.linspace(0, 1, 9, dtype=torch.float64)
    slope = Written(lambda t: 7.0 - 10.0 * t**3).slope(t)
    torch.testing.assert_close(slope, -30.0 * t**2)
    assert not slope.requires_grad


def test_the_slope_is_found_where_no_graph_is_kept() -> None:
    with torch.no_grad():
        assert float(Written(lambda t: 7.0 - 10.0 * t).slope(double(0.5))) == -10.0
        assert not Trained().slope(double(0.5)).requires_grad


def test_the_slope_of_a_trained_schedule_can_be_trained() -> None:
    schedule = Trained()
    schedule.slope(double(0.5)).sum().backward()
    # d/dp of -12 p t^(p-1) at p = 3, t = 1/2
    expected = -12 * 0.25 * (1 + 3 * math.log(0.5))
    assert schedule.power.grad is not None
    assert float(schedule.power.grad) == pytest.approx(expected, rel=1e-5)


def test_the_terminal_is_the_value_at_the_end() -> None:
    assert Written(lambda t: 7.0 - 10.0 * t).terminal_log_snr == -3.0
    assert Trained().terminal_log_snr == -6.0


@pytest.mark.parametrize(
    ("curve", "where"),
    [
        (lambda t: 10.0 * t, "t = 0.001:"),
        (lambda t: 5.0 - 10.0 * torch.clamp(t, min=0.5), "t = 0.001:"),
        (lambda t: 5.0 - 10.0 * torch.clamp(t, max=0.5), "t = 0.501:"),
        (lambda t: -torch.log(t), "t = 0:"),
        (lambda t: torch.log(1 - t), "t = 1:"),
        (lambda t: -t / (t != 0.5), "t = 0.5:"),
        # beyond float32 alone
        (lambda t: 1e39 * (0.5 - t), "t = 0:"),
        (lambda t: 5.0 - t if t.dtype == torch.float64 else t, "t = 0.001:"),
    ],
    ids=["rising", "flat", "flat end", "start", "end", "hole", "float32", "two curves"],
)
def test_a_broken_curve_is_refused(curve: Curve, where: str) -> None:
    with pytest.raises(ValueError, match=f"of this Written is not finite .* {where}"):
        Written(curve).check_curve()


def test_a_sound_curve_is_not_refused() -> None:
    Written(lambda t: 7.0 - 10.0 * t).check_curve()
    # flat in float32 alone, which cannot tell such times apart
    Written(lambda t: 7.0 - 1e-6 * t).check_curve()


def test_minus_infinity_at_the_end_has_to_be_declared() -> None:
    WrittenToTheEnd(lambda t: torch.log(1 - t)).check_curve()
    with pytest.raises(ValueError, match=r"t = 0\.999"):
        WrittenToTheEnd(lambda t: torch.log(torch.relu(0.9985 - t))).check_curve()
