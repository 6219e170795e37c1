"""What the independent classifier says of samples, by hand."""

from __future__ import annotations

import numpy as np

from snowmelt.evaluation.metrics import class_recognition


def test_confident_share() -> None:
    probabilities = np.array([[0.91, 0.09], [0.05, 0.95], [0.9, 0.1], [0.5, 0.5]])
    assert class_recognition.confident_share(probabilities) == 0.5


def test_class_deviation() -> None:
    expected = np.array([0.5, 0.25, 0.25])
    assert class_recognition.class_deviation(np.array([0, 0, 1, 2]), expected) == 0.0
    assert class_recognition.class_deviation(np.array([0, 0, 0, 0]), expected) == 0.5
    assert class_recognition.class_deviation(np.array([1]), expected) == 0.75
