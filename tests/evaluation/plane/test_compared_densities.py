"""Densities of the data, of samples and of the model, on one lattice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.tiny_models import points

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.evaluation.plane import compared_densities as module
from snowmelt.evaluation.plane.compared_densities import compared_densities, own_density
from snowmelt.evaluation.plane.point_model import PointModel
from snowmelt.evaluation.plane.raster import extent_of, raster

TRUTH = DoubleGaussian()
MEAN, STD = (4.0, -2.0), 3.0


def model(process: VariancePreserving | VarianceExploding) -> PointModel:
    """The exact model of points that are the truth, moved and stretched."""
    manifest = replace(points(), mean=MEAN, std=STD)
    return PointModel(TRUTH.denoiser(process, V()), manifest, TRUTH, None, 0)


@pytest.mark.parametrize(
    "process",
    [VariancePreserving(Cosine()), VarianceExploding(Geometric(0.01, 50.0))],
    ids=["preserving", "exploding"],
)
def test_the_density_of_an_exact_model_is_the_true_one(
    process: VariancePreserving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_HIGHEST", 1.0)
    data = TRUTH.standardised(-torch.tensor(MEAN, dtype=torch.float64) / STD, 1 / STD)
    extent = extent_of(data)
    own = own_density(model(process), extent, 14)
    assert own is not None
    true = raster([data], extent, 14).values[0]
    peak = true.max()
    # A raster holds means over cells, the flow what is in the middle of each.
    places = np.log(true[true > 0.2 * peak]), np.log(own[true > 0.2 * peak])
    assert np.abs(places[0] - places[1]).max() < 0.25
    left, right, bottom, top = extent
    area = (right - left) * (top - bottom) / own.size
    assert own.sum() * area == pytest.approx(1.0, abs=0.03)
    assert np.unravel_index(own.argmax(), own.shape) == np.unravel_index(
        true.argmax(), true.shape
    )


def test_a_flow_without_an_end_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    endless = model(VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))))
    samples = TRUTH.sample(50, seed=0).numpy() * STD + np.array(MEAN)
    found = compared_densities(endless, samples, 8)
    assert "zero terminal SNR" in capsys.readouterr().out
    assert set(found) == {"true", "samples", "extent"}
    assert found["true"].shape == found["samples"].shape == (8, 8)
    assert found["extent"].shape == (4,)


def test_all_three_are_there_where_they_can_be() -> None:
    known = model(VariancePreserving(Cosine()))
    samples = TRUTH.sample(50, seed=0).numpy() * STD + np.array(MEAN)
    assert set(compared_densities(known, samples, 6)) == {
        "true",
        "samples",
        "model",
        "extent",
    }
    unknown = replace(known, density=None)
    assert "true" not in compared_densities(unknown, samples, 6)


def test_one_peak_takes_no_tone_from_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        module,
        "_log_prob",
        lambda flow, model, x, rows: (rows == 3).double() * 800,
    )
    own = own_density(model(VariancePreserving(Cosine())), (0.0, 1, 0, 1), 30)
    assert own is not None
    assert own.max() < 1.0


def test_only_the_plane_has_a_picture() -> None:
    solid = replace(model(VariancePreserving(Cosine())), manifest=points(3))
    with pytest.raises(ValueError, match="two coordinates, got 3"):
        compared_densities(solid, np.zeros((4, 3)))


def test_bumps_are_round_whatever_the_cloud_is() -> None:
    points = torch.tensor([[-8.0, 0.0], [8.0, 0.1], [7.0, -0.1]], dtype=torch.float64)
    found = module._suggested(points)
    assert found.variances[:, 0].tolist() == pytest.approx(found.variances[:, 1].tolist())
    still = module._suggested(points * 0.0)
    assert float(still.variances.min()) == pytest.approx(1e-6)
