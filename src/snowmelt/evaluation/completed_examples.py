"""What completed examples are measured by: how far they are from the examples themselves.

Each completion belongs to one held-out example, of which a part was seen. Beside a distance
stands what the next held-out example in its place would get, beside the share that keeps
its class that of the examples themselves. Where there are more completions than held-out
examples, those of one example count once in the errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from snowmelt.common.array_files import gathered, release
from snowmelt.data.prepared.manifest import Manifest
from snowmelt.evaluation.conditioned_reference import Real, Rows, gathered_rows
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.neighbourhood import value_unit
from snowmelt.evaluation.metrics.sample_metrics import Context

_CHUNK = 1000


@dataclass(frozen=True)
class Completions:
    """Completions beside the held-out examples that they belong to.

    Attributes:
        context: of the samples; its real data is all there is.
        is_generated: the completions; else what stands beside them for comparison.
    """

    context: Context
    is_generated: bool = True

    @property
    def real(self) -> Real:
        """All of the real data: samples of some classes are compared with a part."""
        assert self.context.everything is not None
        return self.context.everything

    @property
    def held_out(self) -> Rows:
        return self.real.held_out

    @property
    def manifest(self) -> Manifest:
        return self.context.reference.extractor.manifest

    @cached_property
    def rows(self) -> np.ndarray:
        """The held-out example of each completion, (N,)."""
        rows: np.ndarray = np.arange(len(self.context.samples)) % len(self.held_out)
        return rows

    @property
    def others(self) -> np.ndarray:
        """Another held-out example for each, (N,)."""
        return (self.rows + 1) % len(self.held_out)

    @cached_property
    def squares(self) -> np.ndarray:
        """The mean squared difference of each from its example, (N,).

        In units of the range of images' values, or of the scale of points.
        """
        unit = value_unit(self.manifest)

        def squares(given: np.ndarray, real: np.ndarray) -> np.ndarray:
            difference = (given.astype(np.float64) - real).reshape(len(real), -1) / unit
            found: np.ndarray = np.square(difference).mean(axis=1)
            return found

        return self.beside(squares)

    def beside(self, compare: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        """A number for each completion, a few at a time, from it and its example.

        Args:
            compare: (n, *D) as they are stored, and the same of the examples -> (n,)

        Shapes:
            -> (N,)
        """
        samples, found = self.context.samples, []
        for start in range(0, len(samples), _CHUNK):
            part = slice(start, start + _CHUNK)
            real = gathered_rows(self.held_out, self.rows[part])
            if self.is_generated:
                given = np.array(samples[part])
                release(samples)
            else:
                given = gathered_rows(self.held_out, self.others[part])
            found.append(compare(given, real))
        return np.concatenate(found)

    def mean_of(self, values: np.ndarray) -> Estimate:
        """The mean over completions; the error counts each example once. Shapes: (N,)"""
        count = min(len(self.held_out), len(values))
        sums = np.bincount(self.rows, weights=values, minlength=count)
        of_example = sums / np.bincount(self.rows, minlength=count)
        spread = float(of_example.std(ddof=1)) / math.sqrt(count) if count > 1 else None
        return Estimate(float(values.mean()), spread or None)


def error(completions: Completions) -> Estimate:
    """The root of the mean squared difference from the example."""
    return root_of(completions.mean_of(completions.squares))


def root_of(mean: Estimate) -> Estimate:
    """The root of a mean of squares, and the error of that."""
    value = math.sqrt(mean.value)
    is_known = mean.spread is not None and value > 0
    return Estimate(value, (mean.spread or 0.0) / (2 * value) if is_known else None)


def feature_distance(completions: Completions) -> Estimate:
    """The mean distance from the example, by features."""
    context, features = completions.context, completions.real.reference.held_out
    if completions.is_generated:
        given = context.generated.features
    else:
        given = gathered(features, completions.others)
    difference = given.astype(np.float64) - gathered(features, completions.rows)
    return completions.mean_of(np.linalg.norm(difference, axis=1))


def same_class(completions: Completions) -> Estimate | None:
    """The share that is classified as the class of the example."""
    context, rows = completions.context, completions.rows
    labels = completions.real.held_out_labels
    examples = context.generated if completions.is_generated else context.held_out
    named = examples.named_classes
    is_asked = context.drawn.labels is not None  # then its own class is another question
    if named is None or labels is None or is_asked:
        return None
    told = named if completions.is_generated else named[rows]
    return completions.mean_of((told == np.asarray(labels)[rows]).astype(np.float64))
