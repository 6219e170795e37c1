"""How near examples are to the training split, in features and in pixels, computed once.

In pixels a distance is the root of the mean squared difference of two images, as a share of
the range of their values: 0 for equal images, 1 for black and white.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.metrics.nearest_examples import Nearest, nearest

if TYPE_CHECKING:
    from snowmelt.evaluation.metrics.sample_metrics import Context


@dataclass(frozen=True)
class Pair:
    """The nearest training examples of the samples, and of the held-out examples."""

    samples: Nearest
    held_out: Nearest


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest training examples of samples and of held-out examples.

    They are sought in all of the training split: a sample of one class may copy an example
    of another. Held-out examples are those that the samples are compared with.
    """

    context: Context

    @cached_property
    def features(self) -> Pair:
        """By the features that the distances are measured on."""
        context, whole = self.context, self.context.everything
        train = context.train if whole is None else np.asarray(whole.reference.train)
        return Pair(
            nearest(context.generated.features, train, "nearest features of the samples"),
            nearest(context.held_out.features, train, "nearest features, held out"),
        )

    @property
    def has_pixels(self) -> bool:
        """Whether there are images at hand to compare."""
        real = self.context.real
        return not self.context.is_points and real is not None

    @cached_property
    def pixels(self) -> Pair:
        """By the images themselves."""
        real, whole, unit = self.context.real, self.context.everything, self._unit
        assert real is not None
        assert whole is not None
        samples, train = self.context.samples, whole.train
        return Pair(
            nearest(samples, train, "nearest images of the samples", unit),
            nearest(real.held_out, train, "nearest images, held out", unit),
        )

    @cached_property
    def halves(self) -> tuple[Nearest, Nearest]:
        """The samples' nearest of equally many training and held-out examples."""
        whole = self.context.everything
        assert whole is not None
        count = min(len(whole.train), len(whole.held_out))
        samples, unit = self.context.samples, self._unit
        train, held_out = whole.train[:count], whole.held_out[:count]
        return (
            nearest(samples, train, "nearest of some training examples", unit),
            nearest(samples, held_out, "nearest held-out examples", unit),
        )

    @property
    def _unit(self) -> float:
        """What a distance of stored examples is divided by."""
        manifest = self.context.reference.extractor.manifest
        unit = value_unit(manifest)
        if manifest.value_range is None:
            return unit
        return unit * math.sqrt(math.prod(manifest.shape))


def value_unit(manifest: Manifest) -> float:
    """What stored values are told in: the range of images' values, the scale of points."""
    if manifest.value_range is None:
        return float(manifest.std or 1.0)
    low, high = manifest.value_range
    return float(high - low)


def row_weights(one: Nearest, two: Nearest, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The share of the samples that has each row of two sets as its nearest in both.

    A sample that is equally near to both counts half for each.

    Shapes:
        -> (count,), (count,), which sum to 1 together
    """
    first = np.where(one.distance == two.distance, 0.5, one.distance < two.distance)
    total = len(first)
    return (
        np.bincount(one.row, weights=first, minlength=count) / total,
        np.bincount(two.row, weights=1.0 - first, minlength=count) / total,
    )
