"""Scores at several noise levels, where points are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.tiny_models import points

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear, ZeroTerminal
from snowmelt.evaluation.plane import compared_fields as module
from snowmelt.evaluation.plane.compared_fields import compared_fields, noise_levels
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.plane.score_fields import field

TRUTH = DoubleGaussian()


def model(process: VariancePreserving, size: int = 2) -> PointModel:
    manifest = replace(points(size), mean=(0.0,) * size, std=1.0)
    return PointModel(TRUTH.denoiser(process, V()), manifest, TRUTH, None, 0)


@pytest.mark.parametrize(
    "schedule", [Cosine(), ZeroTerminal(Linear(0.1, 20.0))], ids=["cosine", "no signal"]
)
def test_the_noise_levels_are_those_asked_for(schedule: Cosine) -> None:
    process = VariancePreserving(schedule)
    times = noise_levels(model(process))
    levels = [float(process.log_snr(t)) for t in times]
    assert levels == pytest.approx(module.LEVELS, abs=1e-6)
    assert times == sorted(times, reverse=True)


def test_a_process_that_does_not_reach_a_level_is_asked_where_it_comes_nearest() -> None:
    short = VariancePreserving(Cosine(log_snr_max=1.0, log_snr_min=-1.0))
    times = noise_levels(model(short))
    assert [float(t) for t in times] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


def test_arrows_stand_only_where_points_come() -> None:
    arrows = field(TRUTH.score, (-3.0, 3.0, -3.0, 3.0), 30)
    found = module._where(TRUTH, arrows)
    log_prob = TRUTH.log_prob(torch.from_numpy(arrows.points)).numpy()
    is_there = np.isfinite(found.vectors).all(axis=1)
    assert is_there.any()
    assert not is_there.all()
    assert log_prob[is_there].min() > log_prob[~is_there].max()
    assert log_prob[is_there].min() > log_prob.max() - module.DEEPEST
    np.testing.assert_array_equal(found.vectors[is_there], arrows.vectors[is_there])


def test_the_exact_model_has_the_true_score_at_every_level() -> None:
    found = compared_fields(model(VariancePreserving(Cosine())))
    levels = len(module.LEVELS)
    arrows = (levels, module.ARROWS**2, 2)
    for name in ("points", "learned", "true"):
        assert found[name].shape == arrows, name
    is_there = np.isfinite(found["true"])
    assert is_there.any()
    np.testing.assert_array_equal(is_there, np.isfinite(found["learned"]))
    np.testing.assert_allclose(
        found["learned"][is_there], found["true"][is_there], rtol=1e-6, atol=1e-9
    )
    assert found["log_snr"] == pytest.approx(module.LEVELS, abs=1e-6)
    assert (np.diff(found["times"]) < 0).all()
    assert found["behind"].shape[0] == levels
    assert found["extents"].shape == (levels, 4)


def test_without_the_truth_the_learned_score_comes_times_sigma() -> None:
    process = VariancePreserving(Cosine())
    known = model(process)
    real = TRUTH.sample(200, seed=0)
    found = compared_fields(replace(known, density=None, real=real))
    assert set(found) == {"times", "log_snr", "points", "learned"}
    t = torch.tensor(found["times"][1], dtype=torch.float64)
    places = torch.from_numpy(found["points"][1])
    score = TRUTH.at(process, t).score(places).numpy() * float(process.sigma(t))
    is_there = np.isfinite(found["learned"][1])
    assert is_there.any()
    assert not is_there.all()
    np.testing.assert_allclose(found["learned"][1][is_there], score[is_there], rtol=1e-6)


def test_only_the_plane_has_a_field() -> None:
    with pytest.raises(ValueError, match="two coordinates, got 3"):
        compared_fields(model(VariancePreserving(Cosine()), 3))
