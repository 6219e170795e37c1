"""Scores at several noise levels, where points are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Linear, ZeroTerminal
from snowmelt.evaluation.plane import View, field
from snowmelt.viz.run_figures import Setting, score_field_figure

TRUTH = DoubleGaussian()


def setting(process: VariancePreserving, size: int = 2) -> Setting:
    denoiser = TRUTH.denoiser(process, V())
    return Setting(denoiser, View(process), size, TRUTH, None, 0)


@pytest.mark.parametrize(
    "schedule", [Cosine(), ZeroTerminal(Linear(0.1, 20.0))], ids=["cosine", "no signal"]
)
def test_the_noise_levels_are_those_asked_for(schedule: Cosine) -> None:
    process = VariancePreserving(schedule)
    times = score_field_figure.noise_levels(setting(process))
    levels = [float(process.log_snr(t)) for t in times]
    assert levels == pytest.approx(score_field_figure.LEVELS, abs=1e-6)
    assert times == sorted(times, reverse=True)


def test_a_process_that_does_not_reach_a_level_is_asked_where_it_comes_nearest() -> None:
    short = VariancePreserving(Cosine(log_snr_max=1.0, log_snr_min=-1.0))
    times = score_field_figure.noise_levels(setting(short))
    assert [float(t) for t in times] == pytest.approx([1.0, 0.5, 0.0], abs=1e-6)


def test_arrows_stand_only_where_points_come() -> None:
    arrows = field(TRUTH.score, (-3.0, 3.0, -3.0, 3.0), 30)
    found = score_field_figure._where(TRUTH, arrows)
    log_prob = TRUTH.log_prob(torch.from_numpy(arrows.points)).numpy()
    is_there = np.isfinite(found.vectors).all(axis=1)
    assert is_there.any()
    assert not is_there.all()
    assert log_prob[is_there].min() > log_prob[~is_there].max()
    assert log_prob[is_there].min() > log_prob.max() - score_field_figure.DEEPEST
    np.testing.assert_array_equal(found.vectors[is_there], arrows.vectors[is_there])


def test_only_the_plane_has_a_field(tmp_path) -> None:
    with pytest.raises(ValueError, match="two coordinates, got 3"):
        score_field_figure.score_fields(setting(VariancePreserving(Cosine()), 3), tmp_path)
