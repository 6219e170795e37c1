"""Laws of every schedule under conf/schedule/; a new file is tested without an edit."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from torch import Tensor

from snowmelt.common.instantiate import build
from snowmelt.diffusion import schedules
from snowmelt.diffusion.schedules import NoiseSchedule

FILES = sorted((Path(__file__).parents[3] / "conf" / "schedule").glob("*.yaml"))
every_schedule = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
times = st.floats(0.0, 1.0, allow_subnormal=False)
quick = settings(deadline=None, max_examples=30, derandomize=True, database=None)
NEAR = 2.0 ** -torch.arange(1, 20)


@pytest.fixture(autouse=True, scope="module")
def _no_graph() -> Iterator[None]:
    with torch.no_grad():
        yield


@functools.cache
def built(file: Path) -> NoiseSchedule:
    return build(OmegaConf.load(file), NoiseSchedule)


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def before_the_end(schedule: NoiseSchedule, t: Tensor) -> Tensor:
    """The times at which the curve is finite."""
    return t[t < 1] if schedule.has_zero_terminal_snr else t


def grid(schedule: NoiseSchedule, count: int = 1001) -> Tensor:
    return before_the_end(schedule, torch.linspace(0, 1, count, dtype=torch.float64))


def test_every_class_has_a_file() -> None:
    named = {type(built(file)).__name__ for file in FILES}
    classes = {name: getattr(schedules, name) for name in schedules.__all__}
    assert {name for name, cls in classes.items() if not inspect.isabstract(cls)} <= named


@every_schedule
@quick
@given(first=times, second=times)
def test_finite_and_strictly_decreasing(file: Path, first: float, second: float) -> None:
    schedule = built(file)
    early, late = sorted((first, second))
    at_early, at_late = schedule.log_snr(double(early, late)).tolist()
    for t, log_snr in ((early, at_early), (late, at_late)):
        assert math.isfinite(log_snr) or (schedule.has_zero_terminal_snr and t == 1)
    if late - early > 1e-12:
        assert at_early > at_late


@every_schedule
def test_decreasing_on_a_fine_grid_in_float32(file: Path) -> None:
    log_snr = built(file).log_snr(grid(built(file)).float())
    assert log_snr.dtype == torch.float32
    assert log_snr.isfinite().all()
    assert (log_snr.diff() < 0).all()


@every_schedule
def test_the_end_is_what_the_schedule_says(file: Path) -> None:
    schedule = built(file)
    for dtype in (torch.float32, torch.float64):
        end = float(schedule.log_snr(torch.ones((), dtype=dtype)))
        assert math.isinf(end) == schedule.has_zero_terminal_snr
        assert end < -5  # with a zero terminal this is minus infinity
    assert schedule.terminal_log_snr == float(schedule.log_snr(double(1.0)))


@every_schedule
def test_the_start_is_almost_clean(file: Path) -> None:
    assert float(built(file).log_snr(double(0.0))) > 5


@every_schedule
def test_float32_keeps_its_digits_at_both_ends(file: Path) -> None:
    schedule = built(file)
    t = before_the_end(schedule, torch.cat((torch.zeros(1), NEAR, 1 - NEAR, torch.ones(1))))
    error = schedule.log_snr(t).double() - schedule.log_snr(t.double())
    assert float(error.abs().max()) < 5e-6
    torch.testing.assert_close(
        schedule.slope(t).double(), schedule.slope(t.double()), rtol=1e-5, atol=0
    )


@every_schedule
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3)])
def test_shape_and_precision_are_those_of_the_time(
    file: Path, shape: tuple[int, ...]
) -> None:
    schedule = built(file)
    for dtype in (torch.float32, torch.float64):
        t = torch.full(shape, 0.3, dtype=dtype)
        for answer in (schedule.log_snr(t), schedule.slope(t)):
            assert answer.shape == shape
            assert answer.dtype == dtype
        back = schedule.time(schedule.log_snr(t))
        assert back.shape == shape
        assert back.dtype == torch.float64


@every_schedule
def test_the_curve_is_computed_where_the_time_is(file: Path) -> None:
    # The device that holds no numbers tells wrong places as a GPU would.
    t = torch.zeros(3, dtype=torch.float64, device="meta")
    for found in (built(file).log_snr(t), built(file).slope(t)):
        assert found.device == t.device
        assert found.shape == t.shape
        assert found.dtype == t.dtype


@every_schedule
def test_one_time_does_not_depend_on_the_others(file: Path) -> None:
    schedule = built(file)
    t = grid(schedule, 7)
    alone = torch.stack([schedule.log_snr(time) for time in t])
    torch.testing.assert_close(schedule.log_snr(t), alone, rtol=1e-13, atol=1e-13)


@every_schedule
def test_the_slope_is_finite_and_negative(file: Path) -> None:
    schedule = built(file)
    slope = schedule.slope(grid(schedule, 101))
    assert slope.isfinite().all()
    assert (slope < 0).all()


@every_schedule
def test_the_slope_is_that_of_the_curve(file: Path) -> None:
    schedule, half = built(file), 1e-6
    # Between the entries of a table, wherever its number of steps is round.
    t = (torch.arange(100, dtype=torch.float64) + 0.37) / 100
    rise = schedule.log_snr(t + half) - schedule.log_snr(t - half)
    torch.testing.assert_close(schedule.slope(t), rise / (2 * half), rtol=1e-7, atol=0)


@every_schedule
def test_a_closed_slope_agrees_with_differentiation_up_to_the_ends(file: Path) -> None:
    schedule = built(file)
    near = NEAR.double() * 1.3
    t = torch.cat((double(0.0), near, 1 - near))
    t = t[t >= 0]
    by_graph = NoiseSchedule.slope(schedule, t)
    torch.testing.assert_close(schedule.slope(t), by_graph, rtol=1e-8, atol=0)


@every_schedule
@quick
@given(t=times)
def test_the_time_of_a_log_snr_is_where_it_came_from(file: Path, t: float) -> None:
    schedule = built(file)
    log_snr = schedule.log_snr(double(t))
    assert float(schedule.time(log_snr)) == pytest.approx(t, abs=1e-12)


@every_schedule
@quick
@given(share=st.floats(0.0, 1.0))
def test_the_log_snr_at_a_time_is_what_was_asked_for(file: Path, share: float) -> None:
    schedule = built(file)
    first = float(schedule.log_snr(double(0.0)))
    last = max(schedule.terminal_log_snr, -30.0)
    wanted = double(first + share * (last - first))
    back = schedule.log_snr(schedule.time(wanted))
    # A steep curve turns the last digit of t into 5e8 of its own.
    slack = 1e-10 + 2.3e-16 * float(schedule.slope(schedule.time(wanted)).abs())
    torch.testing.assert_close(back, wanted, rtol=0, atol=slack)


@every_schedule
def test_the_time_of_what_the_curve_never_reaches_is_an_end(file: Path) -> None:
    time = built(file).time(double(1e3, math.inf, -math.inf))
    assert time.tolist() == [0.0, 0.0, 1.0]
