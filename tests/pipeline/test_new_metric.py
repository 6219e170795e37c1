"""A new metric is one function and one entry of the catalogue; everything else finds it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from snowmelt.evaluation.catalogue import METRICS, Metric
from snowmelt.evaluation.catalogue.metric import HIGHER, Section, Subject
from snowmelt.evaluation.catalogue.readings import readings
from snowmelt.evaluation.comparison import Job, compare, comparison_table
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.ground_truth.truth_metrics import KnownTruth
from snowmelt.evaluation.likelihood.likelihood_metrics import ModelLikelihood
from snowmelt.evaluation.metrics.sample_metrics import Examples
from snowmelt.pipeline.stages import evaluate
from snowmelt.tracking import RunReader
from snowmelt.tracking.settings import TrackingSettings
from snowmelt.viz.report.page import render
from tests.pipeline.stages.test_evaluate import likelihood, project, put_known, run
from tests.viz.report.test_page import material

__all__ = ["project"]
MakeProject = Callable[..., DictConfig]


def feature_power(examples: Examples) -> Estimate:
    """The mean square of the features."""
    squares = np.square(examples.features, dtype=np.float64).mean(axis=1)
    return Estimate(float(squares.mean()), float(squares.std() / len(squares) ** 0.5))


POWER = Metric(
    "feature_power",
    "power of the features ({features})",
    feature_power,
    unit="squared features",
    better=HIGHER,
    floor="floor",
    column="power",
    sentence="The features have a power of {value}",
)


@pytest.fixture
def measured(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """metrics.json of a project in which the new metric is registered."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setitem(METRICS, POWER.key, POWER)
    config = project()
    config.tracking = {"enabled": True}
    return run(config, tmp_path)


def test_it_is_measured_with_its_floor(measured: dict[str, Any]) -> None:
    for key in ("feature_power", "feature_power_floor"):
        assert measured[key] > 0
        assert measured[f"{key}_spread"] > 0


def test_the_report_tells_it(measured: dict[str, Any]) -> None:
    (reading,) = (item for item in readings(measured) if item.key == POWER.key)
    assert reading.label == "power of the features (random_conv)"
    assert reading.floor == measured["feature_power_floor"]
    page = render(material(metrics=measured))
    assert page.count(reading.label) >= 2  # the table and the figure
    assert f"The features have a power of {reading.text} and of" in page
    assert HIGHER in page


def test_jobs_are_compared_by_it_if_asked(measured: dict[str, Any]) -> None:
    other = {**measured, "feature_power": measured["feature_power"] + 100.0}
    jobs = [
        Job(name, {"schedule": name}, metrics=metrics, protocol="p")
        for name, metrics in (("linear", measured), ("cosine", other))
    ]
    asked = compare(jobs, "feature_power")
    assert asked.metric_label == "power of the features (random_conv)"
    assert [group.label for group in asked.groups] == ["cosine", "linear"]
    assert asked.groups[0].verdict == "highest of these runs (one seed)"
    assert asked.groups[1].verdict == "lower than cosine by 100 in these runs (one seed)"
    assert "Cosine and linear have one seed" in asked.summary
    usual = compare(jobs)
    assert usual.metric == "frechet_distance"
    assert "power" in comparison_table(usual).splitlines()[0].split()


def test_the_tracker_logs_it(measured: dict[str, Any], tmp_path: Path) -> None:
    (found,) = RunReader(TrackingSettings(), tmp_path).runs()
    assert found.metrics["feature_power"] == measured["feature_power"]
    assert found.metrics["feature_power_floor"] == measured["feature_power_floor"]
    assert found.tags["main_metric"] == "frechet_distance"


def test_metrics_of_the_model_are_found_in_the_same_way(
    project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worst_bits(model: ModelLikelihood) -> float:
        return float(model.bits.max())

    def worst_error(truth: KnownTruth) -> float:
        return float(truth.errors.learned.max())

    entries = (
        Metric(
            "ode_worst_bits", "bits of the worst example", worst_bits,
            Subject.FLOW, Section.LIKELIHOOD, unit="bits/dim",
        ),
        Metric(
            "worst_score_error", "score error of the worst point", worst_error,
            Subject.TRUTH, Section.GROUND_TRUTH, remark="of {n} points",
        ),
    )  # fmt: skip
    for entry in entries:
        monkeypatch.setitem(METRICS, entry.key, entry)
    config = project("points", "coordinates")
    put_known(config, tmp_path)
    config.likelihood = OmegaConf.create(likelihood("ode"))
    config.likelihood.ode.steps = 4
    found = json.loads(evaluate.run(config, tmp_path).read_text())
    assert found["ode_worst_bits"] > found["ode_bits_per_dim"]
    assert found["worst_score_error"] > found["score_error"]
    page = render(replace(material("points"), metrics=found))
    assert "bits of the worst example" in page
    assert "score error of the worst point" in page
    assert "of 20 points" in page
    assert not {entry.key for entry in entries} & {item.key for item in readings(found)}
