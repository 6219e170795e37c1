"""Tables of cells carried into each other: nothing is lost, and no way is too long."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from snowmelt.evaluation.plane.carried_cells import carried_cells, parcels, places
from snowmelt.evaluation.plane.plane_arrays import Raster

EXTENT = (-2.0, 2.0, -1.0, 1.0)  # cells of 1 by 2/3


def random_table(seed: int) -> Raster:
    values = np.random.default_rng(seed).random((1, 3, 4))
    values[0, 1, 2] = 0.0
    return Raster(values / values.sum(), EXTENT)


def test_both_ends_are_the_tables_and_nothing_is_lost() -> None:
    first, second = random_table(0), random_table(1)
    plan = parcels(first, second)
    found = carried_cells(plan, first, np.array([0.0, 0.3, 0.5, 1.0]))
    np.testing.assert_allclose(found.values[0], first.at(0), atol=1e-12)
    np.testing.assert_allclose(found.values[-1], second.at(0), atol=1e-12)
    np.testing.assert_allclose(found.values.sum((1, 2)), 1.0, rtol=1e-12)
    assert found.values.min() >= 0
    assert found.extent == EXTENT


def test_the_middle_moves_on_a_line() -> None:
    first, second = random_table(2), random_table(3)
    shares = np.linspace(0.0, 1.0, 6)
    found = carried_cells(parcels(first, second), first, shares).values
    for axis in (0, 1):
        place = np.arange(found.shape[1 + axis])
        middle = found.sum(axis=2 - axis) @ place
        np.testing.assert_allclose(np.diff(middle, 2), 0.0, atol=1e-12)


def test_one_parcel_is_shared_by_the_cells_around_it() -> None:
    first, second = np.zeros((1, 3, 4)), np.zeros((1, 3, 4))
    first[0, 0, 0] = second[0, 1, 3] = 1.0
    plan = parcels(Raster(first, EXTENT), Raster(second, EXTENT))
    (table,) = carried_cells(plan, Raster(first, EXTENT), np.array([0.5])).values
    wanted = np.zeros((3, 4))
    wanted[:2, 1:3] = 0.25  # half way down and one and a half to the right
    np.testing.assert_allclose(table, wanted)
    np.testing.assert_allclose(places(plan, Raster(first, EXTENT), 0.5), [[0.0, -1 / 3]])


def test_no_other_pairing_takes_less_work() -> None:
    rng = np.random.default_rng(5)
    first, second = (np.zeros((1, 3, 4)) for _ in range(2))
    filled = [rng.choice(12, 5, replace=False) for _ in range(2)]
    for table, some in zip((first, second), filled, strict=True):
        table[0].flat[some] = 0.2
    plan = parcels(Raster(first, EXTENT), Raster(second, EXTENT))
    one, two = (
        np.column_stack([some // 4 * (2 / 3), some % 4]).astype(float) for some in filled
    )
    best = min(
        0.2 * np.square(one - two[list(order)]).sum()
        for order in itertools.permutations(range(5))
    )
    moved = (plan.origins - plan.targets) * [2 / 3, 1.0]
    assert float(plan.weights @ np.square(moved).sum(1)) == pytest.approx(best)


def test_tables_of_other_cells_are_refused() -> None:
    first = random_table(0)
    for other in (
        Raster(np.ones((1, 2, 2)), EXTENT),
        Raster(first.values, (0.0, 4.0, -1.0, 1.0)),
    ):
        with pytest.raises(ValueError, match="tables of the same cells are needed"):
            parcels(first, other)
