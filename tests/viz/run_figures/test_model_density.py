"""Densities of the data, of samples and of the model, in one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Linear, ZeroTerminal
from snowmelt.evaluation.plane import View, extent_of, raster
from snowmelt.viz.run_figures import Setting, model_density

TRUTH = DoubleGaussian()
MEAN, STD = (4.0, -2.0), 3.0


def setting(process: VariancePreserving | VarianceExploding) -> Setting:
    """Of the exact model of points that are the truth, moved and stretched."""
    denoiser = TRUTH.denoiser(process, V())
    return Setting(denoiser, View(process, MEAN, STD), 2, TRUTH, None, 0)


@pytest.mark.parametrize(
    "process",
    [VariancePreserving(Cosine()), VarianceExploding(Geometric(0.01, 50.0))],
    ids=["preserving", "exploding"],
)
def test_the_density_of_an_exact_model_is_the_true_one(
    process: VariancePreserving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_density, "_HIGHEST", 1.0)
    data = TRUTH.standardised(-torch.tensor(MEAN, dtype=torch.float64) / STD, 1 / STD)
    extent = extent_of(data)
    own = model_density.own_density(setting(process), extent, 14)
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
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = setting(VariancePreserving(ZeroTerminal(Linear(0.1, 20.0))))
    samples = TRUTH.sample(50, seed=0).numpy() * STD + np.array(MEAN)
    model_density.point_densities(endless, samples, tmp_path, 8)
    assert "zero terminal SNR" in capsys.readouterr().out
    with Image.open(tmp_path / "densities.png") as picture:
        assert picture.width > 1.5 * picture.height  # two panels


def test_one_peak_takes_no_tone_from_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        model_density,
        "_log_prob",
        lambda flow, setting, x, rows: (rows == 3).double() * 800,
    )
    own = model_density.own_density(
        setting(VariancePreserving(Cosine())), (0.0, 1, 0, 1), 30
    )
    assert own is not None
    assert own.max() < 1.0


def test_only_the_plane_has_a_picture(tmp_path: Path) -> None:
    flat = setting(VariancePreserving(Cosine()))
    solid = Setting(flat.denoiser, flat.view, 3, TRUTH, None, 0)
    with pytest.raises(ValueError, match="two coordinates, got 3"):
        model_density.point_densities(solid, np.zeros((4, 3)), tmp_path)


def test_bumps_are_round_whatever_the_cloud_is() -> None:
    points = torch.tensor([[-8.0, 0.0], [8.0, 0.1], [7.0, -0.1]], dtype=torch.float64)
    found = model_density._suggested(points)
    assert found.variances[:, 0].tolist() == pytest.approx(found.variances[:, 1].tolist())
    still = model_density._suggested(points * 0.0)
    assert float(still.variances.min()) == pytest.approx(1e-6)
