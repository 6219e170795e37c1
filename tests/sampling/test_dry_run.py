"""The dry run sees what a sampler does by itself, and only that."""

from __future__ import annotations

import math

import pytest
import torch

from snowmelt.diffusion.predictions import EDM as EDMPrediction
from snowmelt.diffusion.predictions import Eps, Prediction, V
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Exponential, Karras
from snowmelt.sampling.dry_run import dry_run, law
from snowmelt.sampling.samplers import (
    DDIM,
    EDM,
    Adaptive,
    EulerMaruyama,
    FixedSmall,
    Heun,
    Learned,
    Sampler,
)
from snowmelt.sampling.samplers.thresholds import Clip

PROCESS = VariancePreserving(Cosine())


@pytest.mark.parametrize("is_points", [True, False])
@pytest.mark.parametrize(
    "sampler",
    [
        DDIM(60),
        DDIM(60, eta=1.0),
        DDIM(60, eta=1.0, variance=FixedSmall()),
        Heun(40),
        EDM(30, churn=5.0),
        Adaptive(5, block=4096),
    ],
    ids=lambda sampler: type(sampler).__name__,
)
def test_a_good_sampler_follows_the_law(sampler: Sampler, is_points: bool) -> None:
    shape = (2,) if is_points else (1, 4, 4)
    found = dry_run(PROCESS, V(), sampler, shape, is_points=is_points)
    assert found.is_finite
    assert found.mean_error < 0.05
    assert 0.9 < found.deviation < 1.1
    assert found.at_edge < 0.05


@pytest.mark.parametrize("prediction", [Eps(), EDMPrediction(0.5)])
def test_the_prediction_does_not_matter(prediction: Prediction) -> None:
    found = dry_run(PROCESS, prediction, DDIM(30), (1, 4, 4))
    expected = dry_run(PROCESS, V(), DDIM(30), (1, 4, 4))
    assert math.isclose(found.deviation, expected.deviation, rel_tol=1e-3)


def test_a_network_that_answers_variances_is_stood_in_for() -> None:
    sampler = DDIM(60, eta=1.0, variance=Learned())
    found = dry_run(PROCESS, V(), sampler, (1, 4, 4), learned_variance=True)
    assert 0.85 < found.deviation < 1.1


def test_a_start_from_the_wrong_distribution_is_seen() -> None:
    signal_left = VariancePreserving(Cosine(log_snr_min=1.0))
    found = dry_run(signal_left, V(), DDIM(60), (1, 4, 4))
    assert found.mean_error > 0.08
    assert found.deviation > 1.5


def test_steps_too_long_for_an_explicit_rule_are_seen() -> None:
    steep = VarianceExploding(Karras())
    found = dry_run(steep, V(), EulerMaruyama(10), (2,), is_points=True)
    assert found.deviation > 2.0
    clipped = dry_run(steep, V(), EulerMaruyama(10, threshold=Clip()), (1, 4, 4))
    assert clipped.deviation > 1.5


def test_a_last_step_that_blurs_is_seen() -> None:
    blurred = VariancePreserving(Exponential(rate=12.0))
    assert dry_run(blurred, V(), DDIM(50), (1, 4, 4)).deviation < 0.8


def test_the_same_again_is_the_same() -> None:
    first, again = (dry_run(PROCESS, V(), DDIM(9, eta=1.0), (1, 4, 4)) for _ in range(2))
    assert first == again


def test_the_law_of_images_lies_in_their_range_and_that_of_points_is_standardised() -> None:
    images = law((1, 4, 4), is_points=False).sample(500, seed=0)
    assert (images.abs() < 1).double().mean() > 0.97
    points = law((2,), is_points=True)
    torch.testing.assert_close(points.mean(), torch.zeros(2).double(), rtol=0, atol=1e-3)
    torch.testing.assert_close(points.std(), torch.ones(2).double(), rtol=0.01, atol=0)
