"""Statistics of the classes of a set."""

from __future__ import annotations

import numpy as np
import pytest

from snowmelt.evaluation.metrics.class_statistic import OfClasses

FIRST_TWICE = OfClasses(lambda counts: float(2 * counts[0] / counts.sum()), 3)


def test_value_and_derivative_of_a_share() -> None:
    rows = np.array([0, 1, 1, 2])
    assert FIRST_TWICE(rows) == 0.5
    gradient = FIRST_TWICE.gradient(rows)
    # Of a mean the derivative is how far a row is from it.
    assert gradient == pytest.approx([1.5, -0.5, -0.5])
    influence = FIRST_TWICE.influence(np.array([2, 0]), gradient)
    assert influence == pytest.approx([-0.5, 1.5])
