"""Where the points of each formula lie, and how often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from scipy.stats import chisquare, kstest

from snowmelt import densities
from snowmelt.common.errors import UserError
from snowmelt.data.sources.toy.checkerboard import Checkerboard
from snowmelt.data.sources.toy.curves import Rings, Spiral, SwissRoll, TwoMoons
from snowmelt.data.sources.toy.double_gaussian_points import DoubleGaussian

CONF = Path(__file__).parents[4] / "conf"
MANY = torch.arange(20_000)
THIN = 1e-9
LEVEL = 1e-4


def is_uniform(values: np.ndarray) -> bool:
    """Whether values in [0, 1] are, at a level that chance alone hardly fails."""
    return bool(kstest(values, "uniform").pvalue > LEVEL)


def polar(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.hypot(*points.T), np.arctan2(points[:, 1], points[:, 0])


def test_moons_are_half_circles_with_one_end_inside_the_other() -> None:
    points, labels = TwoMoons(name="m", noise=THIN).draw(MANY)
    upper, lower = points[labels == 0], points[labels == 1]
    assert np.allclose(np.hypot(*upper.T), 1, atol=1e-6)
    assert np.allclose(np.hypot(*(lower - [1.0, 0.5]).T), 1, atol=1e-6)
    assert upper[:, 1].min() > -1e-6
    assert lower[:, 1].max() < 0.5 + 1e-6
    assert is_uniform(polar(upper)[1] / np.pi)
    assert is_uniform(-polar(lower - [1.0, 0.5])[1] / np.pi)
    assert abs(labels.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(labels))


def test_noise_is_normal_around_the_curve() -> None:
    thin, labels = TwoMoons(name="m", noise=THIN).draw(MANY)
    wide, again = TwoMoons(name="m", noise=0.1).draw(MANY)
    assert np.array_equal(labels, again)
    for axis in range(2):
        away = (wide - thin)[:, axis] / 0.1
        assert kstest(away, "norm").pvalue > LEVEL
    assert abs(np.corrcoef((wide - thin).T)[0, 1]) < 0.03


def test_a_curve_is_moved_and_stretched_with_its_noise() -> None:
    plain, _ = TwoMoons(name="m", noise=0.1).draw(MANY)
    there = {"centre": (0.5, 0.25), "scale": (9.83, 2.0)}
    moved, _ = TwoMoons(name="m", noise=0.1, **there).draw(MANY)
    np.testing.assert_allclose(moved, (plain - [0.5, 0.25]) * [9.83, 2.0])
    with pytest.raises(UserError, match=r"data.scale must be two numbers, got \[1.0\]"):
        TwoMoons(name="m", noise=0.1, scale=(1.0,))


def test_wide_moons_have_the_mean_0_and_the_deviation_7() -> None:
    moons = OmegaConf.load(CONF / "data" / "wide_moons.yaml")
    given = {key: value for key, value in moons.items() if key != "_target_"}
    points, _ = TwoMoons(**given).draw(MANY)
    assert np.allclose(points.mean(0), 0.0, atol=0.2)
    assert np.sqrt(np.square(points).mean()) == pytest.approx(7.0, abs=0.05)


def test_rings_have_whole_radii_and_one_density_along_them() -> None:
    points, labels = Rings(name="r", noise=THIN, rings=4).draw(MANY)
    radius, angle = polar(points)
    assert np.allclose(radius, labels + 1, atol=1e-6)
    expected = np.array([0.1, 0.2, 0.3, 0.4]) * len(MANY)
    assert chisquare(np.bincount(labels), expected).pvalue > LEVEL
    for ring in range(4):
        assert is_uniform(angle[labels == ring] / (2 * np.pi) + 0.5)


@pytest.mark.parametrize("arms", [2, 3])
def test_spiral_winds_out_evenly(arms: int) -> None:
    spiral = Spiral(name="s", noise=THIN, arms=arms, turns=1.25)
    points, labels = spiral.draw(MANY)
    assert labels is not None
    radius, angle = polar(points)
    turned = angle - 2 * np.pi * (1.25 * radius + labels / arms)
    assert np.allclose(np.cos(turned), 1, atol=1e-4)
    assert is_uniform(radius**2)
    expected = np.full(arms, len(MANY) / arms)
    assert chisquare(np.bincount(labels), expected).pvalue > LEVEL


def test_one_arm_is_no_class() -> None:
    spiral = Spiral(name="s", noise=0.1, arms=1)
    assert spiral.classes is None
    assert spiral.draw(MANY)[1] is None


def test_swiss_roll_winds_one_and_a_half_times_with_an_empty_middle() -> None:
    points, labels = SwissRoll(name="s", noise=THIN).draw(MANY)
    assert labels is None
    radius, angle = polar(points)
    assert radius.min() == pytest.approx(1 / 3, abs=1e-3)
    assert radius.max() == pytest.approx(1.0, abs=1e-3)
    assert np.allclose(np.cos(angle - 4.5 * np.pi * radius), 1, atol=1e-4)
    assert is_uniform((radius**2 - 1 / 9) / (1 - 1 / 9))


@pytest.mark.parametrize("side", [2, 3, 4])
def test_checkerboard_fills_every_other_square_evenly(side: int) -> None:
    board = Checkerboard(name="c", side=side)
    points, labels = board.draw(MANY)
    corner = points + side / 2
    assert corner.min() > 0
    assert corner.max() < side
    column, row = np.floor(corner).astype(int).T
    assert ((column + row) % 2 == 0).all()
    assert len(board.classes) == (side * side + 1) // 2
    for label, name in enumerate(board.classes):
        here = labels == label
        (square,) = {(x + 1, y + 1) for x, y in zip(column[here], row[here], strict=True)}
        assert name == f"column {square[0]}, row {square[1]}"
        assert is_uniform(corner[here, 0] % 1)
        assert is_uniform(corner[here, 1] % 1)
    expected = np.full(len(board.classes), len(MANY) / len(board.classes))
    assert chisquare(np.bincount(labels), expected).pvalue > LEVEL


def test_double_gaussian_has_two_normal_parts_of_known_weight() -> None:
    double = DoubleGaussian(name="d", distance=3.0, std=0.4, share=0.3)
    points, labels = double.draw(MANY)
    assert abs((labels == 0).mean() - 0.3) < 4 * np.sqrt(0.21 / len(MANY))
    for label, middle in enumerate((-1.5, 1.5)):
        part = (points[labels == label] - [middle, 0.0]) / 0.4
        assert kstest(part[:, 0], "norm").pvalue > LEVEL
        assert kstest(part[:, 1], "norm").pvalue > LEVEL


def test_double_gaussian_is_the_known_density_of_that_name() -> None:
    known = {"distance": 1.6, "std": 0.2, "share": 0.3}
    cloud, density = DoubleGaussian(name="d", **known), densities.DoubleGaussian(**known)
    points = torch.from_numpy(cloud.draw(MANY)[0])
    own = density.sample(len(MANY), seed=1, dtype=torch.float64)
    one, two = density.log_prob(points), density.log_prob(own)
    error = 4 * float(two.std()) * np.sqrt(2 / len(MANY))
    assert float(one.mean()) == pytest.approx(float(two.mean()), abs=error)
    file = OmegaConf.load(CONF / "data" / "double_gaussian.yaml")
    defaults = DoubleGaussian(name="d")
    assert all(file[key] == getattr(defaults, key) for key in known)
    told = DoubleGaussian(name="d", distance=3.0, std=0.4, share=0.6).density()
    assert told.weights.tolist() == pytest.approx([0.6, 0.4])
    assert told.means.tolist() == [[-1.5, 0.0], [1.5, 0.0]]
    assert told.variances.tolist() == [pytest.approx([0.16, 0.16])] * 2


@pytest.mark.parametrize(
    ("make", "key"),
    [
        (lambda: TwoMoons(name="m", noise=0.0), "noise"),
        (lambda: TwoMoons(name="m", noise=True), "noise"),
        (lambda: SwissRoll(name="m", noise=float("nan")), "noise"),
        (lambda: Rings(name="m", noise=0.1, rings=1), "rings"),
        (lambda: Spiral(name="m", noise=0.1, arms=0), "arms"),
        (lambda: Spiral(name="m", noise=0.1, turns=float("inf")), "turns"),
        (lambda: Checkerboard(name="m", side=1), "side"),
        (lambda: DoubleGaussian(name="m", distance=-1.0), "distance"),
        (lambda: DoubleGaussian(name="m", std=0), "std"),
        (lambda: DoubleGaussian(name="m", share=1.0), "share"),
    ],
)
def test_bad_shapes_name_their_key(make: object, key: str) -> None:
    with pytest.raises(UserError, match=rf"data\.{key}"):
        make()  # type: ignore[operator]
