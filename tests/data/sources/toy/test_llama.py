"""The llama: points on the animal, evenly, and it looks like one."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from snowmelt.data.sources.toy.llama import Llama, LlamaDensity, corners, is_llama
from snowmelt.diffusion.processes import VariancePreserving
from snowmelt.diffusion.schedules import Cosine


@pytest.fixture(scope="module")
def points() -> np.ndarray:
    return Llama(name="llama").draw(torch.arange(20_000))[0]


def test_every_point_is_on_the_llama(points: np.ndarray) -> None:
    assert is_llama(points).all()


def test_points_are_even(points: np.ndarray) -> None:
    """The count of each cell of a grid against the llama's area in it."""
    low, high = corners()
    grid = np.random.default_rng(0).uniform(low, high, (200_000, 2))
    grid = grid[is_llama(grid)]
    edges = [np.linspace(low[axis], high[axis], 9) for axis in range(2)]
    found, area = (np.histogram2d(*p.T, bins=edges)[0].ravel() for p in (points, grid))
    large = area > 500
    found, area = found[large], area[large]
    expected = area * found.sum() / area.sum()
    # The area is an estimate itself, which widens the statistic by the ratio of counts.
    widened = 1 + found.sum() / area.sum()
    statistic = chisquare(found, expected).statistic / widened
    assert statistic < len(found) + 5 * np.sqrt(2 * len(found))


@pytest.mark.parametrize(
    ("place", "is_there"),
    [
        ((0.45, 0.60), True),  # the body
        ((0.73, 0.95), True),  # the neck
        ((0.92, 1.04), True),  # the mouth
        ((0.70, 1.25), True),  # an ear
        ((0.80, 1.25), True),  # the other
        ((0.755, 1.25), False),  # between them
        ((0.805, 1.086), False),  # the eye
        ((0.05, 0.60), True),  # the tail
        ((0.20, 0.47), True),  # where body and leg overlap
        ((0.18, 0.10), True),  # four legs ...
        ((0.31, 0.10), True),
        ((0.60, 0.10), True),
        ((0.72, 0.10), True),
        ((0.25, 0.10), False),  # ... and the gaps between them
        ((0.45, 0.20), False),
        ((0.66, 0.10), False),
        ((0.30, 0.90), False),  # the sky above its back
        ((0.92, 0.80), False),  # in front of its chest
    ],
)
def test_it_is_a_llama(place: tuple[float, float], is_there: bool) -> None:
    assert is_llama(np.array([place])).item() is is_there


def test_its_size() -> None:
    low, high = corners()
    assert np.allclose(low, 0.0, atol=0.02)
    assert np.allclose(high, [0.96, 1.30], atol=0.02)


def test_the_density_is_that_of_its_area(points: np.ndarray) -> None:
    ours = Llama(name="llama").density()
    low, high = corners()
    grid = np.random.default_rng(1).uniform(low, high, (400_000, 2))
    hits = is_llama(grid)
    area = hits.mean() * np.prod(high - low)
    log_prob = ours.log_prob(torch.from_numpy(points))
    # In a cell that is all llama, the density is one over the area.
    error = 4 * np.sqrt((1 - hits.mean()) / hits.mean() / len(grid))
    assert float(log_prob.max()) == pytest.approx(-np.log(area), abs=error)
    loss = float(log_prob.max() - log_prob.mean())
    assert 0.026 < loss < 0.030
    # It is said with the data: by the share of each cell that is covered.
    (note,) = Llama(name="llama", count=2, held_out_count=2).read().notes
    (said,) = re.findall(r"([\d.]+) nats too low on average", note)
    shares = ours.weights / ours.weights.max()
    lost = -(torch.xlogy(shares, shares)).sum() / shares.sum()
    assert float(lost) == pytest.approx(float(said), abs=0.0005)
    assert "entropy is too high by this and the excess of a model too low" in note
    # Hardly a point of it lies where there is no llama.
    own = ours.sample(20_000, seed=0, dtype=torch.float64).numpy()
    assert is_llama(own).mean() > 0.97
    assert (ours.log_prob(torch.tensor([[0.805, 1.086], [0.3, 0.9]])) == -np.inf).all()


def test_every_point_has_a_density_however_coarse_the_cells(points: np.ndarray) -> None:
    x = torch.from_numpy(points)
    for cell, loss in ((0.1, 0.4), (0.03, 0.14), (0.01, 0.045)):
        log_prob = LlamaDensity(cell).log_prob(x)
        assert log_prob.isfinite().all()
        assert float(log_prob.max() - log_prob.mean()) < loss


def test_its_score_with_noise_is_quick(points: np.ndarray) -> None:
    process, t = VariancePreserving(Cosine()), torch.tensor(0.3, dtype=torch.float64)
    noisy = Llama(name="llama").density().at(process, t)
    x = noisy.sample(4000, seed=0)
    start = time.process_time()
    assert noisy.score(x).isfinite().all()
    # About 0.4 seconds of one core; ten times that is no matter of a busy machine.
    assert time.process_time() - start < 4.0


@pytest.mark.parametrize("cell", [0.0, -0.1, 1.0, float("nan")])
def test_bad_cells_are_refused(cell: float) -> None:
    with pytest.raises(ValueError, match="cell must be positive"):
        LlamaDensity(cell)
