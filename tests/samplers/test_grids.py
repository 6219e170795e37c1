"""The times that a sampler visits."""

from __future__ import annotations

import pytest
import torch

from snowmelt.samplers.grids import uniform_grid


def test_one_time_for_each_evaluation_from_the_noise_down() -> None:
    assert uniform_grid(1).tolist() == [1.0]
    assert uniform_grid(4).tolist() == [1.0, 0.75, 0.5, 0.25]


@pytest.mark.parametrize("steps", [1, 2, 7, 50, 250, 1000])
def test_equal_steps_that_end_one_step_above_the_data(steps: int) -> None:
    times = uniform_grid(steps)
    assert times.dtype == torch.float64
    assert times[0] == 1.0
    assert times[-1] == 1 / steps
    torch.testing.assert_close(
        times.diff(), torch.full((steps - 1,), -1 / steps, dtype=torch.float64)
    )


@pytest.mark.parametrize("steps", [0, -3])
def test_at_least_one_step(steps: int) -> None:
    with pytest.raises(ValueError, match=f"steps must be at least 1, got {steps}"):
        uniform_grid(steps)
