"""Two densities in one picture."""

from __future__ import annotations

import numpy as np
import torch

from snowmelt.densities import Gaussian
from snowmelt.evaluation.plane.two_densities import suggested, two_densities

EXTENT = (-4.0, 4.0, -4.0, 4.0)
NARROW, WIDE = Gaussian([-2.0, 0.0], std=0.3), Gaussian([2.0, 0.0], std=0.9)


def test_each_is_seen_by_its_own_peak() -> None:
    found = two_densities(NARROW, WIDE, EXTENT, cells=80)
    assert found.values.shape == (1, 80, 80)
    left, right = found.values[0][:, :40], found.values[0][:, 40:]
    np.testing.assert_allclose([left.max(), right.max()], 1.0, atol=2e-3)
    x = torch.tensor([[1.05, 0.05], [1.95, 0.05]], dtype=torch.float64)
    heights = WIDE.log_prob(x).exp().numpy()
    np.testing.assert_allclose(
        found.values[0][40, 50] / found.values[0][40, 59], heights[0] / heights[1]
    )


def test_a_heap_is_seen_on_a_hill_that_is_wider() -> None:
    heap, hill = Gaussian([0.5, 0.0], std=0.2), Gaussian([0.0, 0.0], std=2.0)
    found = two_densities(heap, hill, EXTENT, cells=80).values[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert column in (44, 45)
    assert row in (39, 40)
    assert found.max() > 1.7


def test_the_frame_holds_both() -> None:
    left, right, bottom, top = two_densities(NARROW, WIDE).extent
    assert left < -2.7
    assert right > 3.5
    assert bottom < -1.5 < 1.5 < top


def test_points_suggest_the_density_that_they_come_from() -> None:
    points = WIDE.sample(3000, seed=0)
    found = suggested(points.numpy())
    torch.testing.assert_close(found.means, points[:2000].double())
    width = found.variances[0].sqrt() / points[:2000].double().std(0)
    torch.testing.assert_close(width, torch.full((2,), 0.35 * 2000 ** (-1 / 6)).double())
    still = suggested(np.zeros((5, 2)))
    assert float(still.variances.min()) > 0
