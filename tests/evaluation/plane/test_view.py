"""What is seen of states: shrunk where variance grew, and in the data's own units."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.processes import (
    Process,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.diffusion.schedules import Geometric
from snowmelt.evaluation.plane.view import View
from snowmelt.sampling.trajectories import visible_scale

SCHEDULE = Geometric(0.01, 50.0)
PROCESSES = [VariancePreserving(SCHEDULE), VarianceExploding(SCHEDULE)]


@pytest.mark.parametrize("process", PROCESSES, ids=lambda p: type(p).__name__)
def test_places_follow_the_density_of_what_is_seen(process: Process) -> None:
    t = torch.tensor(0.7, dtype=torch.float64)
    view, truth = View(process, mean=(3.0, -2.0), std=0.5), DoubleGaussian()
    x = truth.at(process, t).sample(50, seed=0, dtype=torch.float64)
    y = view.places(x, t)
    torch.testing.assert_close(view.states(y, t), x)
    expected = truth.at(process, t).log_prob(x) - 2 * np.log(view.length(t))
    torch.testing.assert_close(view.density(truth, t).log_prob(y), expected)
    assert view.length(t) == pytest.approx(0.5 * visible_scale(process, t))
    plain = View(process, mean=(3.0, -2.0), std=0.5, is_scaled=False)
    torch.testing.assert_close(plain.places(x, t), 0.5 * x + torch.tensor([3.0, -2.0]))


def test_a_view_of_some_coordinates() -> None:
    view = View(PROCESSES[0], mean=(3.0, -2.0), std=0.5)
    assert view.along(1) == View(PROCESSES[0], mean=(-2.0,), std=0.5)
    assert view.along(1, 0).mean == (-2.0, 3.0)
    assert View(PROCESSES[0]).along(4) == View(PROCESSES[0])
