"""What the pictures of one model share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Learned
from snowmelt.evaluation.plane import View
from snowmelt.viz.run_figures import Setting
from snowmelt.viz.run_figures.point_setting import on_processor

COSINE = VariancePreserving(Cosine())
EXPLODING = VarianceExploding(Geometric(0.01, 50.0))
TRUTH = DoubleGaussian()
POINTS = TRUTH.sample(200, seed=3)


def setting(
    process: Process = COSINE,
    density: DoubleGaussian | None = TRUTH,
    real: torch.Tensor | None = POINTS,
    size: int = 2,
) -> Setting:
    view = View(process, (5.0, -3.0, 1.0)[:size], 2.0)
    return Setting(TRUTH.denoiser(process, V()), view, size, density, real, 0)


@pytest.mark.parametrize("process", [COSINE, EXPLODING], ids=["preserving", "exploding"])
def test_data_and_noise_are_in_the_picture_in_the_datas_units(process: Process) -> None:
    left, right, bottom, top = setting(process).extent_with()
    assert left < 5.0 - 4.0 < 5.0 + 4.0 < right, "two standard deviations of the noise"
    assert bottom < -3.0 - 4.0 < -3.0 + 4.0 < top
    assert right - left < 20.0, "states that grew are shrunk"


def test_without_real_points_the_data_is_what_is_given() -> None:
    far = np.array([[40.0, -3.0]] * 4000)
    assert setting(density=None, real=None).extent_with(far)[1] > 40.0
    assert setting(density=None, real=None).extent_with()[1] < 20.0
    assert setting(density=None).extent_with(far)[1] < 20.0, "real points are at hand"


def test_the_density_of_each_time_lies_behind() -> None:
    extent = (-15.0, 25.0, -23.0, 17.0)
    found = setting().rasters([1.0, 0.5, 0.0], extent)
    assert found is not None
    assert found.extent == extent
    cell = (40.0 / found.values.shape[2]) ** 2
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)) * cell, 1.0, atol=1e-2)
    peaks = found.values.max(axis=(1, 2))
    assert peaks[0] < peaks[1] < peaks[2]


def test_real_points_lie_behind_where_no_density_can() -> None:
    assert setting().reference() is None
    expected = 2.0 * POINTS.double().numpy() + [5.0, -3.0]
    np.testing.assert_allclose(setting(density=None).reference(), expected)
    assert setting(density=None).rasters([0.0], (0, 1, 0, 1)) is None
    assert setting(density=None, real=None).reference() is None
    line = DoubleGaussian(size=1)
    on_line = setting(density=line, real=line.sample(9, seed=0), size=1)
    assert on_line.rasters([0.0], (0, 1, 0, 1)) is None
    assert on_line.reference().shape == (9, 1)


def test_of_more_coordinates_the_first_two_are_shown() -> None:
    solid = DoubleGaussian(size=3)
    extent = (-5.0, 15.0, -13.0, 7.0)
    found = setting(density=solid, real=None, size=3).rasters([0.0], extent)
    plain = setting().rasters([0.0], extent)
    np.testing.assert_allclose(found.values, plain.values, atol=1e-12)


def test_a_learned_schedule_is_asked_where_the_pictures_are_made() -> None:
    process = VariancePreserving(Learned())
    here = on_processor(process)
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(here.log_snr(t), process.log_snr(t))
    assert here.schedule is not process.schedule, "the network's own stays where it is"
    assert on_processor(COSINE).schedule is COSINE.schedule
