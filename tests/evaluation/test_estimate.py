"""A mean and its standard error."""

from __future__ import annotations

import math

import pytest
import torch

from snowmelt.evaluation.estimate import Estimate


def test_the_error_of_a_mean() -> None:
    values = torch.tensor([1.0, 2.0, 4.0, 5.0], dtype=torch.float64)
    found = Estimate.of_mean(values)
    assert found.value == 3.0
    assert found.spread == pytest.approx(math.sqrt(10 / 3) / 2)


def test_another_unit() -> None:
    assert Estimate(3.0, 0.5).scaled(2.0) == Estimate(6.0, 1.0)
    assert Estimate(3.0, None).scaled(2.0) == Estimate(6.0, None)
