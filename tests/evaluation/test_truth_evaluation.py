"""What is measured of a checkpoint against the truth, how, and when nothing is."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from tests.evaluation.ground_truth.conftest import (
    GAUSSIAN,
    Make,
    Prepare,
    as_tensor,
    checkpoint_of,
    prepare,
)

from snowmelt.common.csv_table import csv_text
from snowmelt.common.errors import UserError
from snowmelt.data.known_density import known_density
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.data.prepared.scaling import to_model
from snowmelt.densities import Gaussian
from snowmelt.evaluation import likelihood_evaluation
from snowmelt.evaluation.ground_truth import score_error_table
from snowmelt.evaluation.ground_truth.score_error import (
    ScoreComparison,
    levels,
    uniform_times,
)
from snowmelt.evaluation.ground_truth.training_points import TrainingPoints
from snowmelt.evaluation.likelihood import held_out_examples
from snowmelt.evaluation.protocol import Evaluation, protocol_digest
from snowmelt.evaluation.settings import TruthSettings
from snowmelt.evaluation.truth_evaluation import measure
from snowmelt.training.checkpoint import Checkpoint

__all__ = ["checkpoint_of", "prepare"]

CPU = torch.device("cpu")
SMALL = TruthSettings(points=80, level_points=40, levels=5, draws=400)


def against(
    settings: TruthSettings, checkpoint: Checkpoint, weights: str, data: PreparedData
) -> Evaluation:
    """The data as its own manifest says that it is."""
    return measure(settings, checkpoint, weights, data, known_density(data.manifest), CPU)


def test_the_numbers_of_a_model_that_is_off_by_a_constant(
    prepare: Prepare, checkpoint_of: Make
) -> None:
    data = prepare()
    found = against(SMALL, checkpoint_of(data, added=0.2), "ema", data)
    assert found.metrics["score_error"] == pytest.approx(0.04, rel=1e-3)
    assert found.metrics["score_error_spread"] < 1e-4
    assert found.metrics["score_error_training_points"] > 0
    assert found.metrics["score_error_training_points_spread"] > 0
    value, error = found.metrics["entropy_nats"], found.metrics["entropy_nats_se"]
    exact = Gaussian([4.0, -2.0], std=3.0).entropy()
    assert value == pytest.approx(exact, abs=4 * error)
    assert error == pytest.approx(1 / math.sqrt(400), rel=0.2)
    assert len(found.rows) == 5
    for row in found.rows:
        assert row["score_error"] == pytest.approx(0.04, rel=1e-2)


def test_an_exact_model_has_no_error(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    found = against(SMALL, checkpoint_of(data), "ema", data)
    assert found.metrics["score_error"] < 1e-10
    assert max(row["score_error"] for row in found.rows) < 1e-10


def test_the_table_from_noise_to_data(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    found = against(SMALL, checkpoint_of(data, added=0.2), "ema", data)
    text = csv_text(found.rows, score_error_table.COLUMNS)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == score_error_table.COLUMNS
    process = checkpoint_of(data).denoiser().process
    times, log_snrs = levels(process, 5)
    assert [float(row["time"]) for row in rows] == pytest.approx(times.tolist())
    assert [float(row["log_snr"]) for row in rows] == pytest.approx(log_snrs.tolist())
    train, x_0 = (
        to_model(as_tensor(part), data.manifest) for part in (data.train, data.held_out)
    )
    asked = _asked(data, checkpoint_of, train, x_0)
    for number, row in enumerate(rows):
        errors = asked.errors(times[number], 40, number + 1)
        size = float(errors.size.mean())
        expected = {
            "training_points": float(errors.training_points.mean()),
            "training_points_se": float(errors.training_points.std()) / math.sqrt(40),
            "relative_training_points": float(errors.training_points.mean()) / size,
            "relative_error": float(errors.learned.mean()) / size,
            "score_error_se": float(errors.learned.std()) / math.sqrt(40),
            "irreducible_loss": float(errors.least.mean()),
            "irreducible_loss_se": float(errors.least.std()) / math.sqrt(40),
        }
        for key, value in expected.items():
            assert float(row[key]) == pytest.approx(value, rel=1e-6), key
    whole = asked.errors(uniform_times(80), 80, 0)
    assert found.metrics["score_error_training_points"] == pytest.approx(
        float(whole.training_points.mean())
    )


def _asked(data: Any, checkpoint_of: Make, train: Any, x_0: Any) -> Any:
    density = known_density(data.manifest)
    assert density is not None
    return ScoreComparison(
        checkpoint_of(data, added=0.2).denoiser(),
        density,
        TrainingPoints(train),
        x_0[:80],
        seed=0,
        device=CPU,
    )


def test_the_protocol(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    found = against(SMALL, checkpoint_of(data), "raw", data).protocol
    said = {
        "data": "known",
        "density": "Gaussian",
        "n": 80,
        "training_points_count": 300,
        "levels": 5,
        "level_n": 40,
        "entropy_draws": 400,
        "seed": 0,
        "mean": "over uniform times",
        "weights": "raw",
        "checkpoint_step": 70,
    }
    assert {key: found[key] for key in said} == said
    assert found["first_log_snr"] == pytest.approx(-10.0)
    assert found["last_log_snr"] == pytest.approx(10.0)
    assert found["digest"] == protocol_digest(found)
    other = replace(checkpoint_of(data), identity="other", step=9)
    assert against(SMALL, other, "raw", data).protocol["digest"] == found["digest"]
    for changes in ({"seed": 1}, {"points": 50}, {"level_points": 20}, {"levels": 4}):
        settings = SMALL.model_copy(update=changes)
        again = against(settings, other, "raw", data).protocol
        assert again["digest"] != found["digest"], changes


def test_no_more_points_than_there_are(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    settings = SMALL.model_copy(update={"points": 10_000, "level_points": 10_000})
    found = against(settings, checkpoint_of(data), "ema", data).protocol
    assert (found["n"], found["level_n"]) == (100, 100)


def test_nothing_is_measured_where_there_is_no_truth(
    prepare: Prepare, checkpoint_of: Make
) -> None:
    data = prepare()
    known = checkpoint_of(data)
    nobody_knows = replace(data, manifest=replace(data.manifest, config={}))
    assert against(SMALL, known, "ema", nobody_knows) == Evaluation()
    elsewhere = replace(known, manifest=replace(data.manifest, digests={"points.npy": "x"}))
    assert against(SMALL, elsewhere, "ema", data) == Evaluation()
    told = {"conditional": True, "p_uncond": 0.0}
    assert against(SMALL, checkpoint_of(data, denoiser=told), "ema", data) == Evaluation()
    sometimes = checkpoint_of(data, denoiser=told | {"p_uncond": 0.1})
    assert against(SMALL, sometimes, "ema", data).metrics


def test_a_network_without_bounds(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    with pytest.raises(UserError, match="the score error is not finite"):
        against(SMALL, checkpoint_of(data, added=math.inf), "ema", data)


ODE = {
    "examples": 100,
    "batch_size": 400,
    "seed": 0,
    "bound": None,
    "ode": {
        "_target_": "snowmelt.likelihood.ProbabilityFlow",
        "steps": 24,
        "divergence": {"_target_": "snowmelt.likelihood.Exact"},
    },
}


def likelihood(checkpoint: Any, data: Any, **changes: Any) -> dict[str, float]:
    return likelihood_evaluation.measure(
        ODE | changes, checkpoint, "ema", data, CPU, known_density(checkpoint.manifest)
    ).metrics


def test_an_exact_model_has_no_excess(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    found = likelihood(checkpoint_of(data), data)
    y = as_tensor(data.held_out).double()
    true = -Gaussian(GAUSSIAN["mean"], std=3.0).log_prob(y)
    assert found["ode_nats_floor"] == pytest.approx(float(true.mean()), abs=1e-5)
    assert found["ode_nats_floor_se"] == pytest.approx(float(true.std()) / 10, rel=1e-4)
    assert abs(found["ode_excess_nats"]) < 2e-3
    assert found["ode_excess_nats_se"] < 0.02 * found["ode_nats_se"]
    excess = found["ode_nats"] - found["ode_nats_floor"]
    assert found["ode_excess_nats"] == pytest.approx(excess, abs=1e-9)


def test_the_excess_of_a_wrong_model_is_its_divergence(
    prepare: Prepare, checkpoint_of: Make
) -> None:
    data = prepare(held_out=400)
    scale = data.manifest.std
    assert scale is not None
    mean, std = known_density(data.manifest).mean(), 3.0 / scale  # type: ignore[union-attr]
    wrong_std, off = 1.3 * std, 0.2
    wrong = Gaussian(mean + torch.tensor([off, 0.0], dtype=torch.float64), std=wrong_std)
    found = likelihood(checkpoint_of(data, wrong), data, examples=400)
    ratio = (std / wrong_std) ** 2
    divergence = (ratio - 1 - math.log(ratio)) + 0.5 * (off / wrong_std) ** 2
    error = found["ode_excess_nats_se"]
    assert found["ode_excess_nats"] == pytest.approx(divergence, abs=3 * error)
    assert error < 0.25 * divergence
    assert error < found["ode_nats_se"]


def test_a_bound_has_an_excess_too(prepare: Prepare, checkpoint_of: Make) -> None:
    data = prepare()
    bound = {
        "_target_": "snowmelt.likelihood.Bound",
        "steps": 20,
        "strata": 4,
    }
    found = likelihood(checkpoint_of(data), data, bound=bound, ode=None)
    assert found["bound_excess_nats"] > 0
    excess = found["bound_nats"] - found["bound_nats_floor"]
    assert found["bound_excess_nats"] == pytest.approx(excess, abs=1e-9)


def test_the_excess_is_left_out_where_it_means_nothing(
    prepare: Prepare, checkpoint_of: Make
) -> None:
    data = prepare({"_target_": "snowmelt.densities.DoubleGaussian"}, held_out=20)
    assert "ode_excess_nats" in likelihood(checkpoint_of(data), data)
    told = checkpoint_of(data, denoiser={"conditional": True})
    assert "ode_excess_nats" not in likelihood(told, data)
    nobody_knows = replace(checkpoint_of(data), manifest=replace(data.manifest, config={}))
    found = likelihood(nobody_knows, data)
    assert "ode_nats" in found
    assert "ode_excess_nats" not in found


def test_an_example_off_the_support(
    prepare: Prepare, checkpoint_of: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = prepare()
    checkpoint = checkpoint_of(data)
    monkeypatch.setattr(
        held_out_examples,
        "negative_log_likelihood",
        lambda density, x_0, scale: x_0[:, 0] * math.inf,
    )
    assert "ode_nats_floor" not in likelihood(checkpoint, data)
