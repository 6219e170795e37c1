"""Class by class, on points whose classes and distances are known."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snowmelt.evaluation.class_evaluation import FEWEST, measure
from snowmelt.evaluation.conditioned_reference import Real
from snowmelt.evaluation.drawn_samples import Drawn
from snowmelt.evaluation.metrics import sample_metrics
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.settings import EvaluationSettings

NAMES = ("left", "middle", "right")


def heaps(counts: tuple[int, ...], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Heaps at 0, 10 and 20."""
    labels = np.repeat(np.arange(len(counts)), counts)
    points = np.random.default_rng(seed).normal(size=(len(labels), 2))
    points[:, 0] += 10.0 * labels
    return points.astype(np.float32), labels


@pytest.fixture(autouse=True)
def _own_features(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample_metrics, "extract", lambda extractor, stored, desc: stored)


def context(samples: np.ndarray, drawn: Drawn | None = None) -> Context:
    train, labels = heaps((300, 150, 150), 0)
    held_out, held_labels = heaps((100, 50, 50), 1)
    reference: Any = SimpleNamespace(
        extractor=SimpleNamespace(kind="points", digest="e"),
        train=train,
        held_out=held_out,
        independent_classifier=None,
        held_out_probabilities=None,
    )
    real = Real(reference, train, held_out, labels, held_labels)
    settings, drawn = EvaluationSettings(), drawn or Drawn()
    return Context(samples, reference, settings, labels, real=real, drawn=drawn)


def test_shares_with_their_intervals() -> None:
    samples, _ = heaps((100, 60, 40), 2)
    rows = measure(context(samples), NAMES).rows
    assert [row["class"] for row in rows] == list(NAMES)
    assert [row["samples"] for row in rows] == [100, 60, 40]
    assert [row["share"] for row in rows] == [0.5, 0.3, 0.2]
    assert [row["expected_share"] for row in rows] == [0.5, 0.25, 0.25]
    # Heaps ten apart are told without a mistake, which is no certainty.
    error = pytest.approx(math.sqrt(201 / (202**2 * 203)))
    assert [row["expected_share_se"] for row in rows] == [error] * 3
    # 100, 50 and 50 of 200 are due; exact binomial limits for three, somewhat widened.
    limits = [(200 * row["chance_low"], 200 * row["chance_high"]) for row in rows]
    assert limits == [(83, 117), (36, 65), (36, 65)]
    assert rows[0]["visible_deviation"] == pytest.approx(0.12, abs=0.01)
    # Wilson's interval of 100 of 200.
    assert rows[0]["share_low"] == pytest.approx(0.4314, abs=1e-4)
    assert rows[0]["share_high"] == pytest.approx(0.5686, abs=1e-4)


def test_distances_have_floors_of_their_own() -> None:
    samples, labels = heaps((100, 60, 40), 2)
    samples[labels == 1] += np.array([0.0, 2.0], np.float32)
    rows = {row["class"]: row for row in measure(context(samples), NAMES).rows}
    assert rows["middle"]["n"] == 60
    assert rows["middle"]["held_out_n"] == 50
    for name in ("left", "right"):
        row = rows[name]
        error = np.hypot(row["distance_se"], row["floor_se"])
        assert abs(row["distance"] - row["floor"]) < 4 * error
    row = rows["middle"]
    assert row["distance"] - row["floor"] > 4 * np.hypot(
        row["distance_se"], row["floor_se"]
    )


def test_too_few_have_no_distance() -> None:
    samples, _ = heaps((100, FEWEST - 1, FEWEST), 2)
    rows = measure(context(samples), NAMES).rows
    assert rows[1]["n"] == FEWEST - 1
    assert "distance" not in rows[1]
    assert "floor" in rows[1]
    assert "distance" in rows[2]


def test_asked_classes_agree_or_not() -> None:
    samples, labels = heaps((50, 50, 50), 2)
    labels[:10] = 1  # were asked to be of the middle, and are left
    found = measure(context(samples, Drawn(labels=labels)), NAMES)
    rows = found.rows
    assert found.protocol["classes"] == "asked for"
    assert rows[0]["agreement"] == 1.0
    assert rows[1]["agreement"] == pytest.approx(50 / 60)
    assert rows[1]["agreement_real"] == 1.0
    assert rows[1]["agreement_low"] < 50 / 60 < rows[1]["agreement_high"]
    # Where classes were asked for, nothing but mistakes is by chance: none was made here.
    assert [row["expected_share"] for row in rows] == pytest.approx([4 / 15, 0.4, 1 / 3])
    assert rows[2]["chance_low"] <= rows[2]["share"] <= rows[2]["chance_high"]
    assert rows[0]["share"] > rows[0]["chance_high"]
    assert rows[1]["share"] < rows[1]["chance_low"]
    # By what was asked for: the ten strangers are in the distance of the middle.
    assert (rows[0]["n"], rows[1]["n"]) == (40, 60)
    assert rows[1]["distance"] > 10 * rows[2]["distance"]


def test_classes_that_mean_nothing() -> None:
    samples, _ = heaps((50, 50, 50), 2)
    assert measure(context(samples), None).rows == []
    assert measure(context(samples, Drawn(is_completed=True)), NAMES).rows == []
