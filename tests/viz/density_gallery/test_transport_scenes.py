"""One distribution carried into another."""

from __future__ import annotations

import numpy as np
import torch

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
    ways = transport_scenes._ways(normal)
    assert ways.shape[0] == normal.size.steps + 1
    assert float(ways[0].norm(dim=1).max()) < transport_scenes._FARTHEST
    assert torch.allclose(ways[-1], ways[0], atol=0.02)


def test_places_are_carried_into_the_data_without_crossing(material: Material):
    ways = transport_scenes._ways(material)
    ends = ways[-1]
    noise = material.density.log_prob(ways[0]).mean()
    assert material.density.log_prob(ends).mean() > noise + 3.0
    # On one line the order stays.
    row = ways[0][:, 1] == ways[0][0, 1]
    assert (ends[row][ways[0][row, 0].argsort(), 0].diff() > 0).all()
