"""One distribution carried into another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snowmelt.evaluation.plane.carried_cells import Parcels
from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.density_gallery import transport_scenes
from snowmelt.viz.density_gallery.gallery_material import Material


def test_the_cells_hold_all_of_the_probability(material: Material):
    times = torch.tensor([1.0, 0.2, 0.0], dtype=torch.float64)
    cells = transport_scenes._in_cells(material, times)
    assert cells.values.shape == (3, transport_scenes.CELLS, transport_scenes.CELLS)
    assert np.allclose(cells.values.sum((1, 2)), 1.0)
    half = transport_scenes.CELLS // 2
    left = cells.values[2][:, :half].sum()
    assert abs(left - 0.3) < 0.02, "the left heap has 0.3 of the whole"
    assert abs(cells.values[0][:, :half].sum() - 0.5) < 0.01, "the noise has no side"
    assert abs(cells.values[0][:half].sum() - 0.5) < 1e-6


def test_what_is_normal_already_stays_where_it_is(normal: Material):
    flow = transport_scenes._flow(normal)
    ways = flow.states
    assert ways.shape[0] == len(flow.times) == normal.size.steps + 1
    assert flow.times[0] == 1
    assert flow.times[-1] == 0
    assert float(ways[0].norm(dim=1).max()) < transport_scenes._FARTHEST
    assert torch.allclose(ways[-1], ways[0], atol=0.02)


def test_places_are_carried_into_the_data_without_crossing(material: Material):
    ways = transport_scenes._flow(material).states
    ends = ways[-1]
    noise = material.density.log_prob(ways[0]).mean()
    assert material.density.log_prob(ends).mean() > noise + 3.0
    # On one line the order stays.
    row = ways[0][:, 1] == ways[0][0, 1]
    assert (ends[row][ways[0][row, 0].argsort(), 0].diff() > 0).all()


def test_the_film_carries_cells_beside_the_flow(
    material: Material, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """Both panels begin in the one table and end in the other, by one clock."""
    kept = {}

    def keep(path, clouds, titles, times, **how):
        kept.update(clouds=clouds, titles=titles, times=times, **how)

    monkeypatch.setattr(transport_scenes, "cloud_animation", keep)
    transport_scenes.draw_two_distributions(material, tmp_path)
    by_cells, by_flow = (raster.values for raster in kept["background"])
    assert len(by_cells) == len(by_flow) == len(kept["times"]) == material.size.frames
    fine = transport_scenes._FINER
    assert by_cells.shape[1] == fine * transport_scenes.CELLS
    np.testing.assert_allclose(by_cells[0], by_flow[0], atol=1e-12)
    np.testing.assert_allclose(by_cells[-1], by_flow[-1], atol=1e-12)
    assert np.abs(by_cells[1] - by_flow[1]).max() > 1e-3
    np.testing.assert_allclose(by_cells.sum((1, 2)), fine**2, rtol=1e-9)
    assert kept["titles"] == ["cell by cell, least work", "by the flow"]
    assert [len(cloud) for cloud in kept["clouds"]] == [len(kept["times"])] * 2


def test_one_line_a_cell_is_shown_and_none_from_far_out():
    table = Raster(np.full((1, 4, 4), 1 / 16), (-4.0, 4.0, -4.0, 4.0))
    origins = np.array([[1.0, 1.0], [1.0, 1.0], [2.0, 1.0], [0.0, 0.0], [2.0, 2.0]])
    plan = Parcels(np.array([0.1, 0.3, 0.2, 0.3, 0.1]), origins, origins)
    assert transport_scenes._one_of_each_cell(plan, table).tolist() == [1, 2, 4]


def test_cells_stay_to_be_seen():
    fine = transport_scenes._sharp(Raster(np.arange(4.0).reshape(1, 2, 2), (0, 1, 0, 1)))
    assert fine.values.shape == (1, 12, 12)
    assert (fine.values[0, :6, :6] == 0).all()
    assert (fine.values[0, 6:, 6:] == 3).all()
