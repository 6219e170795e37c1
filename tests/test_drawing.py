"""What is shown of samples on their way."""

from __future__ import annotations

import pytest
import torch

from snowmelt.drawing import visible_scale
from snowmelt.processes import (
    Process,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from snowmelt.schedules import Geometric

SCHEDULE = Geometric(0.01, 50.0)


@pytest.mark.parametrize("time", [0.0, 0.5, 1.0])
def test_states_are_shrunk_only_where_variance_grew(time: float) -> None:
    t = torch.tensor(time, dtype=torch.float64)
    for process in (VariancePreserving(SCHEDULE), SubVariancePreserving(SCHEDULE)):
        assert visible_scale(process, t) == 1.0
    exploding: Process = VarianceExploding(SCHEDULE)
    length = (1.0 + float(exploding.sigma(t)) ** 2) ** 0.5
    assert visible_scale(exploding, t) == pytest.approx(1.0 / length)
