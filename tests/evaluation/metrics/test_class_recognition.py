"""What the independent classifier says of samples, by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from snowmelt.evaluation.metrics import class_recognition


def test_whether_it_is_sure() -> None:
    probabilities = np.array([[0.91, 0.09], [0.05, 0.95], [0.9, 0.1], [0.5, 0.5]])
    sure = class_recognition.is_confident(probabilities)
    assert sure.tolist() == [True, True, False, False]


def test_class_deviation() -> None:
    expected = np.array([0.5, 0.25, 0.25])
    assert class_recognition.class_deviation(np.array([0, 0, 1, 2]), expected) == 0.0
    assert class_recognition.class_deviation(np.array([0, 0, 0, 0]), expected) == 0.5
    assert class_recognition.class_deviation(np.array([1]), expected) == 0.75


@pytest.mark.parametrize("missed", [0, 1, 60])
def test_shares_have_errors_though_all_are_hit(missed: int) -> None:
    probabilities = np.tile([0.95, 0.05], (64, 1))
    probabilities[:missed] = 0.4, 0.6
    asked = np.zeros(64, int)
    examples: Any = SimpleNamespace(
        probabilities=probabilities,
        named_classes=probabilities.argmax(axis=1),
        is_generated=True,
        context=SimpleNamespace(real=None, drawn=SimpleNamespace(labels=asked)),
    )
    for measure in (class_recognition.confidence, class_recognition.agreement):
        found = measure(examples)
        assert found is not None
        assert found.value == 1 - missed / 64
        assert found.spread == pytest.approx(stats.beta(65 - missed, missed + 1).std())
