"""A cloud that is drawn on the spot: as many points as one asks for, and the same again.

Each point is a function of (seed, its number), so a larger cloud holds the smaller one.
Training and held-out points are independent draws of one distribution. A split of a fixed
set with labels would give both exactly the same share in each class, which two true samples
do not have; a floor measured on such a split would come out too low.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction, Many, Seed
from snowmelt.common.errors import UserError
from snowmelt.common.randomness import Stream, normal, uniform
from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources.source import RawData, Source

Points = NDArray[np.float64]
_NORMAL_STEP = 1_000_000  # after the steps of the uniform numbers
_NOTE = (
    "Every point is an independent draw, so the classes' shares in the two splits differ"
    " by chance."
)


@dataclass(frozen=True, kw_only=True)
class Cloud(Source):
    """Points of the plane by a formula.

    Args:
        count: points to train on.
        held_out_count: points that are held out; the first of all.
        seed: of the points. It is apart from the seed of the experiment, so that runs with
            different seeds share one cloud.
        held_out_fraction: must be None, since the two counts say it.
    """

    count: Many = 20_000
    held_out_count: Many = 10_000
    seed: Seed = 0
    held_out_fraction: Fraction | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        argument_checks.integer("data.count", self.count, least=2)
        argument_checks.integer("data.held_out_count", self.held_out_count, least=2)
        argument_checks.integer("data.seed", self.seed, least=0)
        if self.held_out_fraction is not None:
            raise UserError(
                "data.held_out_fraction must be null for a cloud that is drawn on the spot:"
                " data.count and data.held_out_count say how many points there are"
            )

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the parts that points belong to, or None."""
        return None

    def event_shape(self) -> tuple[int, ...]:
        return (2,)

    def row_split(self) -> RowSplit:
        return super().row_split().official(self.count, self.held_out_count)

    @abstractmethod
    def draw(self, index: Tensor) -> tuple[Points, NDArray[np.int64] | None]:
        """The points of these numbers, and the class of each where there are classes.

        Shapes:
            index: (B,) int64 -> (B, D), (B,)
        """

    def read(self) -> RawData:
        """Draw all points, those to be held out first."""
        total = self.held_out_count + self.count
        points, labels = self.draw(torch.arange(total))
        return RawData(
            examples=points.astype(np.float32),
            labels=labels,
            classes=self.classes,
            held_out=np.arange(total) < self.held_out_count,
            notes=() if labels is None else (_NOTE,),
        )

    def uniforms(self, index: Tensor, count: int, step: int = 0) -> Points:
        """Numbers in (0, 1). Shapes: index: (B,) -> (B, count)"""
        stream = Stream.CLOUD
        drawn = uniform((count,), seed=self.seed, stream=stream, index=index, step=step)
        return drawn.numpy()

    def normals(self, index: Tensor, count: Many = 2) -> Points:
        """Standard normal numbers. Shapes: index: (B,) -> (B, count)"""
        stream, step = Stream.CLOUD, _NORMAL_STEP
        drawn = normal((count,), seed=self.seed, stream=stream, index=index, step=step)
        return drawn.double().numpy()
