"""Points drawn from a known density: data of which everything is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from snowmelt.common.bounds import Fraction, Many, Seed
from snowmelt.common.errors import UserError
from snowmelt.data.sources.toy.cloud import Cloud, Points
from snowmelt.densities import GaussianMixture, KernelDensity, Perturbable

# Whoever draws from the density by a small seed, to compare, must not get these points.
_APART = 2**63


@dataclass(frozen=True, kw_only=True, init=False)
class Known(Cloud):
    """Independent draws of a density, in as many dimensions as it has.

    Of a mixture of several normal distributions each component is a class, as it is in the
    density's own exact denoiser.

    Args:
        density: what the points are drawn from.
        name, count, held_out_count, seed, held_out_fraction, split_seed, root: see `Cloud`.
    """

    of: Perturbable

    # A field could not be called `density`: that is what a source answers.
    def __init__(
        self,
        *,
        density: Perturbable,
        name: str,
        count: Many = 20_000,
        held_out_count: Many = 10_000,
        seed: Seed = 0,
        held_out_fraction: Fraction | None = None,
        split_seed: Seed = 0,
        root: Path = Path(),
    ) -> None:
        if not isinstance(density, Perturbable):
            raise UserError(
                "data.density must name a density by its _target_, got"
                f" {density!r}: choose a file of conf/density/ by density=NAME"
            )
        object.__setattr__(self, "of", density)
        super().__init__(
            name=name,
            count=count,
            held_out_count=held_out_count,
            seed=seed,
            held_out_fraction=held_out_fraction,
            split_seed=split_seed,
            root=root,
        )

    @property
    def classes(self) -> tuple[str, ...] | None:
        if not isinstance(self.of, GaussianMixture) or isinstance(self.of, KernelDensity):
            return None
        count = len(self.of.weights)
        names = tuple(f"component {number + 1}" for number in range(count))
        return names if count > 1 else None

    def draw(self, index: Tensor) -> tuple[Points, NDArray[np.int64] | None]:
        # A density draws the first so many, and point k does not depend on how many.
        count, seed = int(index.max()) + 1, (self.seed + _APART) % 2**64
        points = self.of.sample(count, seed=seed, dtype=torch.float64)[index].numpy()
        if self.classes is None or not isinstance(self.of, GaussianMixture):
            return points, None
        return points, self.of.components(count, seed=seed)[index].numpy()

    def event_shape(self) -> tuple[int, ...]:
        return tuple(self.of.sample(1, seed=0).shape[1:])

    def density(self) -> Perturbable:
        return self.of
