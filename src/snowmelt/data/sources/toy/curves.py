r"""Clouds along curves: moons, rings, a spiral, and a roll in the plane.

A point of the curve is chosen by one uniform number, then normal noise of one standard
deviation is added to both coordinates.

On a spiral $r = a\theta$ the length grows like $a\theta^2/2$, so the angle

$$\theta = \sqrt{\theta_0^2 + u\,(\theta_1^2 - \theta_0^2)}$$

spaces points nearly evenly along it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Few, Positive
from snowmelt.common.errors import UserError
from snowmelt.data.sources.toy.cloud import Cloud, Points

Labels = NDArray[np.int64]
_FIRST_ANGLE, _LAST_ANGLE = 1.5 * math.pi, 4.5 * math.pi


@dataclass(frozen=True, kw_only=True)
class Curve(Cloud):
    """Points on curves, with noise.

    Args:
        noise: standard deviation of each coordinate around the curve, above 0.
        centre: what is taken off each coordinate after that.
        scale: what each is multiplied by then.
    """

    noise: Positive
    centre: tuple[float, ...] = (0.0, 0.0)
    scale: tuple[float, ...] = (1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.positive("data.noise", self.noise)
        for name, pair in (("centre", self.centre), ("scale", self.scale)):
            if len(pair) != 2:
                raise UserError(f"data.{name} must be two numbers, got {list(pair)}")

    def noisy(self, points: Points, index: Tensor) -> Points:
        """With the noise, and in its place. Shapes: (B, 2), index: (B,) -> (B, 2)"""
        found = points + self.noise * self.normals(index)
        return (found - np.array(self.centre)) * np.array(self.scale)


@dataclass(frozen=True, kw_only=True)
class TwoMoons(Curve):
    """Two half circles of radius 1, each with one end inside the other; even chances."""

    @property
    def classes(self) -> tuple[str, ...]:
        return ("upper", "lower")

    def draw(self, index: Tensor) -> tuple[Points, Labels]:
        which, along = self.uniforms(index, 2).T
        is_lower = which >= 0.5
        moon = _circle(math.pi * along)
        moon[is_lower] = [1.0, 0.5] - moon[is_lower]
        return self.noisy(moon, index), is_lower.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Rings(Curve):
    """Rings around one centre of the radii 1, 2, ...; a ring's chance is as its length."""

    rings: Few = 3

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.integer("data.rings", self.rings, least=2)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(f"ring {number + 1}" for number in range(self.rings))

    def draw(self, index: Tensor) -> tuple[Points, Labels]:
        which, along = self.uniforms(index, 2).T
        radii = np.arange(1, self.rings + 1)
        edges = np.cumsum(radii) / radii.sum()
        labels = np.searchsorted(edges[:-1], which, side="right").astype(np.int64)
        points = radii[labels, None] * _circle(2 * math.pi * along)
        return self.noisy(points, index), labels


@dataclass(frozen=True, kw_only=True)
class Spiral(Curve):
    """Arms that wind out of one centre to the radius 1; even chances.

    Args:
        arms: how many.
        turns: of each arm around the centre.
    """

    arms: Few = 2
    turns: Positive = 1.25

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.integer("data.arms", self.arms, least=1)
        argument_checks.positive("data.turns", self.turns)

    @property
    def classes(self) -> tuple[str, ...] | None:
        names = tuple(f"arm {number + 1}" for number in range(self.arms))
        return names if self.arms > 1 else None

    def draw(self, index: Tensor) -> tuple[Points, Labels | None]:
        which, along = self.uniforms(index, 2).T
        labels = np.floor(which * self.arms).astype(np.int64)
        radius = np.sqrt(along)
        angle = 2 * math.pi * (self.turns * radius + labels / self.arms)
        points = self.noisy(radius[:, None] * _circle(angle), index)
        return points, labels if self.arms > 1 else None


@dataclass(frozen=True, kw_only=True)
class SwissRoll(Curve):
    """One arm of one and a half turns around an empty middle, of the outer radius 1."""

    def draw(self, index: Tensor) -> tuple[Points, None]:
        along = self.uniforms(index, 1)[:, 0]
        squared = _FIRST_ANGLE**2 + along * (_LAST_ANGLE**2 - _FIRST_ANGLE**2)
        angle = np.sqrt(squared)
        points = (angle / _LAST_ANGLE)[:, None] * _circle(angle)
        return self.noisy(points, index), None


def _circle(angle: Points) -> Points:
    """Points of the unit circle. Shapes: (B,) -> (B, 2)"""
    return np.column_stack([np.cos(angle), np.sin(angle)])
