"""Real data and samples are measured by many processes as by one: the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.likelihood.held_out import make
from tests.evaluation.test_reference_features import CLASSIFIER, content
from tests.evaluation.test_sample_evaluation import SETTINGS
from tests.groups import in_group

from snowmelt.common.process_group import Group
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation import likelihood_evaluation, reference_features
from snowmelt.evaluation.features import feature_statistics
from snowmelt.evaluation.features.classifier import Classifier
from snowmelt.evaluation.metrics.sample_metrics import Context
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.sample_evaluation import measure
from snowmelt.training.checkpoint import Checkpoint

__all__ = ["make"]


def measured(folder: Path, prepared: Path) -> dict[str, float | None]:
    """The reference and the metrics, in small batches and parts."""
    Classifier.batch, feature_statistics._WHOLE, feature_statistics._PART = 16, 20, 7
    data = PreparedData.open(prepared)
    # One group, as in a stage: a second one would meet the addresses of the first.
    with Group() as group:
        reference_features.write(folder, data, CLASSIFIER, folder.parent)
        reference = Reference.open(folder, data.manifest)
        with group.sharing():
            return measure(Context(np.array(data.train[:50]), reference, SETTINGS))


def test_two_processes_measure_what_one_measures(
    make_images: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, name in (
        (Classifier, "batch"),
        *((feature_statistics, name) for name in ("_WHOLE", "_PART")),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))  # put back at the end
    data = make_images(count=130)
    one = measured(tmp_path / "one", data.folder)
    many = in_group(2, measured, tmp_path / "many", data.folder)
    assert many == [one, one]
    assert list(many[0]) == list(one)
    assert content(tmp_path / "many") == content(tmp_path / "one")


SECTION = {
    "examples": 12,
    "ode_examples": 7,
    "batch_size": 3,
    "seed": 0,
    "bound": {"_target_": "snowmelt.likelihood.Bound", "steps": 20, "strata": 4},
    "ode": {"_target_": "snowmelt.likelihood.ProbabilityFlow", "steps": 4},
}


def likelihood(checkpoint: Checkpoint, data: PreparedData) -> tuple[Any, ...]:
    with Group() as group, group.sharing():
        found = likelihood_evaluation.measure(
            SECTION, checkpoint, "ema", data, torch.device("cpu")
        )
    return found.metrics, found.protocol, found.rows


def test_two_processes_find_the_likelihood_that_one_finds(make: Callable) -> None:
    made = make("images")
    one = likelihood(*made)
    assert in_group(2, likelihood, *made) == [one, one]
