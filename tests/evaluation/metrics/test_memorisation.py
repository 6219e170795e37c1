"""What copies look like."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.features.nearest_neighbours import typical_distance
from snowmelt.evaluation.metrics import memorisation


def test_near_share() -> None:
    random = np.random.default_rng(0)
    train, held_out, fresh = (random.normal(size=(400, 4)) for _ in range(3))
    typical = typical_distance(held_out, train)
    assert memorisation.near_share(held_out, train, typical) == pytest.approx(0.5, abs=0.01)
    assert memorisation.near_share(fresh, train, typical) == pytest.approx(0.5, abs=0.08)
    assert memorisation.near_share(train[:50], train, typical) == 1.0
    assert memorisation.near_share(fresh + 50.0, train, typical) == 0.0
