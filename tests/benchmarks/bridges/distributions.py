"""The distributions of the plane that papers on flows and bridges are compared on.

They are those of Tong et al. (2024), arXiv:2302.00482 and 2307.03672, which the later
papers took over: scikit-learn's moons and S, and two sets of eight normals, of which the
far one belongs to the far moons (De Bortoli et al. 2021, arXiv:2106.01357). The Gaussian
bridge has its ends in more dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import make_moons, make_s_curve

Points = NDArray[np.float32]
Draw = Callable[[int, int], NDArray[np.float64]]
MEAN = 0.1  # of the normal laws of the Gaussian bridge, in each dimension
SPLITS = 3  # to train, to validate and to test, of equal size


def moons(count: int, seed: int) -> NDArray[np.float64]:
    """Two moons about the origin. Shapes: -> (count, 2)"""
    points, _ = make_moons(count, noise=0.05, random_state=seed)
    return 2.0 * points - np.array([1.0, 0.0])


def s_curve(count: int, seed: int) -> NDArray[np.float64]:
    """An S. Shapes: -> (count, 2)"""
    points, _ = make_s_curve(count, noise=0.05, random_state=seed)
    return 1.5 * points[:, [0, 2]]


def eight_normals(count: int, seed: int) -> NDArray[np.float64]:
    """Eight normals of deviation 1 at radius 5, as many points of each as of any other.

    Shapes: -> (count, 2)
    """
    random = np.random.default_rng([seed, 8])
    of = random.permutation(np.arange(count) % 8)
    return 5.0 * _circle(of) + random.standard_normal((count, 2))


def far_moons(count: int, seed: int) -> NDArray[np.float64]:
    """Noisier moons, shifted and scaled as a whole to a deviation of 7.

    One mean and one deviation for both coordinates, as in the public code of DSB.

    Shapes: -> (count, 2)
    """
    points, _ = make_moons(count, noise=0.1, random_state=seed)
    return 7.0 * (points - points.mean()) / points.std(ddof=1)


def far_eight_normals(count: int, seed: int) -> NDArray[np.float64]:
    """Eight normals of deviation 1.5 at radius 12. Shapes: -> (count, 2)"""
    random = np.random.default_rng([seed, 88])
    of = random.integers(8, size=count)
    return 3.0 * (4.0 * _circle(of) + 0.5 * random.standard_normal((count, 2)))


def normals(count: int, seed: int, *, mean: float, size: int) -> NDArray[np.float64]:
    """A normal law of variance 1 about (mean, ..., mean). Shapes: -> (count, size)"""
    return mean + np.random.default_rng([seed, size]).standard_normal((count, size))


def _circle(of: NDArray[np.int64]) -> NDArray[np.float64]:
    angles = 0.25 * np.pi * of
    return np.stack((np.cos(angles), np.sin(angles)), axis=1)


@dataclass(frozen=True)
class Pair:
    """Where points begin, and where they shall end.

    Attributes:
        start: None for standard normal noise, of which each step draws anew.
        size: D, of the points.
    """

    name: str
    start: Draw | None
    data: Draw
    size: int = 2

    def split(self, count: int, seed: int) -> list[Ends]:
        """The ends to train on, to validate on and to test on, `count` points of each."""
        data = _rows(self.data, count, seed)
        if self.start is not None:
            start = _rows(self.start, count, seed + 1000)
        else:
            random = np.random.default_rng([seed, 0])
            start = random.standard_normal(data.shape, dtype=np.float32)
        return [Ends(*both) for both in zip(data, start, strict=True)]


@dataclass(frozen=True)
class Ends:
    """Points at both ends, not in pairs. Shapes: data, start: (N, D)"""

    data: Points
    start: Points


def _rows(draw: Draw, count: int, seed: int) -> Points:
    """Shapes: -> (SPLITS, count, D)"""
    points = draw(SPLITS * count, seed)
    order = np.random.default_rng([seed, 1]).permutation(len(points))
    return points[order].reshape(SPLITS, count, -1).astype(np.float32)


PLANE = (
    Pair("N -> 8gaussians", None, eight_normals),
    Pair("N -> moons", None, moons),
    Pair("N -> scurve", None, s_curve),
    Pair("moons -> 8gaussians", far_moons, far_eight_normals),
)
GAUSSIAN = tuple(
    Pair(
        f"{size} dimensions",
        partial(normals, mean=-MEAN, size=size),
        partial(normals, mean=MEAN, size=size),
        size,
    )
    for size in (5, 20, 50)
)
PAIRS = {pair.name: pair for pair in (*PLANE, *GAUSSIAN)}
