"""What lies between a number and its floor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from snowmelt.evaluation.excess import Excess


def test_by_hand() -> None:
    found = Excess.over((1.1, 0.2), (1.6, 0.15))
    assert found.value == pytest.approx(0.5)
    assert found.error == pytest.approx(0.25)
    assert found.interval == pytest.approx((0.5 - 0.48999, 0.5 + 0.48999), abs=1e-4)
    assert not found.holds_zero
    assert found.detectable == pytest.approx(0.25 * (1.95996 + 0.84162), abs=1e-4)
    assert Excess.over((1.1, 0.2), (1.58, 0.15)).holds_zero
    assert Excess.over((1.58, 0.15), (1.1, 0.2)).holds_zero


def test_few_sets_have_students_quantiles() -> None:
    one = Excess.over((0.0, 0.0), (0.0, 1.0), (math.inf, 7))
    assert one.half_width == pytest.approx(2.3646, abs=1e-4)
    both = Excess.over((0.0, 1.0), (0.0, 1.0), (7, 7))
    assert both.freedom == pytest.approx(14)
    assert both.half_width == pytest.approx(math.sqrt(2) * 2.1448, abs=1e-3)


def test_four_of_five_evaluations_find_what_is_called_detectable() -> None:
    random = np.random.default_rng(0)
    size = Excess(0.0, 0.3).detectable
    values = random.normal(size, 0.3, 4000)
    found = np.mean([not Excess(value, 0.3).holds_zero for value in values])
    assert found == pytest.approx(0.8, abs=0.03)
