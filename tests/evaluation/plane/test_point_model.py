"""A model of points and the truth: what its pictures share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.tiny_models import points

from snowmelt.densities import DoubleGaussian
from snowmelt.diffusion.predictions import V
from snowmelt.diffusion.processes import Process, VarianceExploding, VariancePreserving
from snowmelt.diffusion.schedules import Cosine, Geometric, Learned
from snowmelt.evaluation.plane.marginals import marginal
from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.evaluation.plane.point_model import CELLS, PointModel, on_processor
from snowmelt.evaluation.plane.raster import raster

COSINE = VariancePreserving(Cosine())
EXPLODING = VarianceExploding(Geometric(0.01, 50.0))
TRUTH = DoubleGaussian()
POINTS = TRUTH.sample(200, seed=3)


def model(
    process: Process = COSINE,
    density: DoubleGaussian | None = TRUTH,
    real: torch.Tensor | None = POINTS,
    size: int = 2,
) -> PointModel:
    manifest = replace(points(size), mean=(5.0, -3.0, 1.0)[:size], std=2.0)
    return PointModel(TRUTH.denoiser(process, V()), manifest, density, real, 0)


@pytest.mark.parametrize("process", [COSINE, EXPLODING], ids=["preserving", "exploding"])
def test_data_and_noise_are_in_the_picture_in_the_datas_units(process: Process) -> None:
    left, right, bottom, top = model(process).extent()
    assert left < 5.0 - 4.0 < 5.0 + 4.0 < right, "two standard deviations of the noise"
    assert bottom < -3.0 - 4.0 < -3.0 + 4.0 < top
    assert right - left < 20.0, "states that grew are shrunk"


def test_real_points_far_out_are_in_the_picture() -> None:
    far = torch.tensor([[17.5, 0.0]]).expand(4000, 2)
    assert model(density=None, real=far).extent()[1] > 40.0
    assert model(density=None, real=None).extent()[1] < 20.0


def test_the_density_of_each_time_lies_behind() -> None:
    found = model().rasters([1.0, 0.5, 0.0])
    assert found is not None
    assert found.extent == model().extent()
    side = found.extent[1] - found.extent[0]
    cell = (side / found.values.shape[2]) ** 2
    np.testing.assert_allclose(found.values.sum(axis=(1, 2)) * cell, 1.0, atol=3e-2)
    peaks = found.values.max(axis=(1, 2))
    assert peaks[0] < peaks[1] < peaks[2]


def test_there_is_no_raster_where_no_density_can_lie_behind() -> None:
    assert model(density=None).rasters([0.0]) is None
    line = DoubleGaussian(size=1)
    on_line = model(density=line, real=line.sample(9, seed=0), size=1)
    assert on_line.rasters([0.0]) is None


def test_of_more_coordinates_the_first_two_are_shown() -> None:
    solid = model(density=DoubleGaussian(size=3), real=None, size=3)
    found, plain = solid.rasters([0.0]), model(real=None).rasters([0.0])
    assert found is not None
    assert plain is not None
    total = [raster.values.sum() * _cell(raster) for raster in (found, plain)]
    assert total == pytest.approx([1.0, 1.0], abs=3e-2)
    flat = marginal(DoubleGaussian(size=3), (0, 1))
    view = model().view
    expected = raster([view.density(flat, torch.tensor(0.0))], found.extent, CELLS)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-12)


def _cell(found: Raster) -> float:
    return ((found.extent[1] - found.extent[0]) / found.values.shape[2]) ** 2


def test_a_learned_schedule_is_asked_where_the_pictures_are_made() -> None:
    process = VariancePreserving(Learned())
    here = on_processor(process)
    t = torch.linspace(0, 1, 5, dtype=torch.float64)
    torch.testing.assert_close(here.log_snr(t), process.log_snr(t))
    assert here.schedule is not process.schedule, "the network's own stays where it is"
    assert on_processor(COSINE).schedule is COSINE.schedule
