"""The distributions of the plane that papers on flows and bridges are compared on.

They are those of Tong et al. (2024), arXiv:2302.00482 and 2307.03672, which the later
papers took over, drawn and split as the public code of those papers does
(github.com/atong01/conditional-flow-matching, `runner/src/datamodules`): how many of the
far points fall to each of the eight normals, and to each split, decides what a perfect flow
comes to there. The far pair is that of De Bortoli et al. (2021), arXiv:2106.01357. The
Gaussian bridge has its ends in more dimensions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import make_moons, make_s_curve

Points = NDArray[np.float32]
Draw = Callable[[int, int], NDArray[np.floating]]
MEAN = 0.1  # of the normal laws of the Gaussian bridge, in each dimension
SPLITS = 3  # to train, to validate and to test, of equal size
SHARED = 42  # the seed of the public code for moons and S in every run, and of its splits


def moons(count: int, seed: int) -> NDArray[np.floating]:
    """Two moons about the origin, the same for each seed. Shapes: -> (count, 2)"""
    points, _ = make_moons(count, noise=0.05, random_state=SHARED)
    return 2.0 * points - np.array([1.0, 0.0])


def s_curve(count: int, seed: int) -> NDArray[np.floating]:
    """An S, the same for each seed. Shapes: -> (count, 2)"""
    points, _ = make_s_curve(count, noise=0.05, random_state=SHARED)
    return 1.5 * points[:, [0, 2]]


def eight_normals(count: int, seed: int) -> NDArray[np.floating]:
    """Eight normals of deviation 1 at radius 5, as many points of each as of any other.

    As torchdyn draws them, one normal after the other, each shifted by 1e-4.

    Shapes: -> (count, 2)
    """
    random = torch.Generator().manual_seed(seed)
    each = -(-count // 8)
    found = []
    for number in range(1, 9):
        angle = 0.25 * math.pi * number
        mean = 5.0 * torch.tensor([math.cos(angle), math.sin(angle)])
        points = torch.normal(mean.expand(each, 2), torch.ones(each, 2), generator=random)
        found.append(points + 1e-4 * torch.randn(2, generator=random))
    return torch.cat(found)[:count].numpy()


def far_moons(count: int, seed: int) -> NDArray[np.floating]:
    """Noisier moons, shifted and scaled as a whole to a deviation of 7.

    One mean and one deviation for both coordinates, as in the public code of DSB.

    Shapes: -> (count, 2)
    """
    points, _ = make_moons(count, noise=0.1, random_state=_legacy(seed))
    return 7.0 * (points - points.mean()) / points.std(ddof=1)


def far_eight_normals(count: int, seed: int) -> NDArray[np.floating]:
    """Eight normals of deviation 1.5 at radius 12. Shapes: -> (count, 2)"""
    random, half = _legacy(seed), math.sqrt(0.5)
    across = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    aslant = [(half, half), (half, -half), (-half, half), (-half, -half)]
    centres = 4.0 * np.array([*across, *aslant])
    points = np.empty((count, 2))
    for row in points:  # a point, and then of which normal: the order of the public code
        row[:] = 0.5 * random.standard_normal(2)
        row += centres[random.randint(8)]
    return 3.0 * points


def _legacy(seed: int) -> np.random.RandomState:
    """The numbers that `np.random.seed` leads to, as in the public code."""
    return np.random.RandomState(seed)


def normals(count: int, seed: int, *, mean: float, size: int) -> NDArray[np.float64]:
    """A normal law of variance 1 about (mean, ..., mean). Shapes: -> (count, size)"""
    return mean + np.random.default_rng([seed, size]).standard_normal((count, size))


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
        order = torch.Generator().manual_seed(SHARED)  # first of the start, as in the code
        if self.start is not None:
            start = _rows(self.start, count, seed, order)
            data = _rows(self.data, count, seed, order)
        else:
            data = _rows(self.data, count, seed, order)
            random = np.random.default_rng([seed, 0])
            start = random.standard_normal(data.shape, dtype=np.float32)
        return [Ends(*both) for both in zip(data, start, strict=True)]


@dataclass(frozen=True)
class Ends:
    """Points at both ends, not in pairs. Shapes: data, start: (N, D)"""

    data: Points
    start: Points


def _rows(draw: Draw, count: int, seed: int, order: torch.Generator) -> Points:
    """Shapes: -> (SPLITS, count, D)"""
    points = draw(SPLITS * count, seed)
    places = torch.randperm(len(points), generator=order).numpy()
    return points[places].reshape(SPLITS, count, -1).astype(np.float32)


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
