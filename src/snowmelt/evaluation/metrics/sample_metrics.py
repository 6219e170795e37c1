"""What the metrics of samples are computed from, each expensive part once.

A metric is a function of `Examples`. It is measured of the generated samples for its value
and of the held-out examples for its floor: what a perfect model would get. Both are
compared with the training split, and statistics that depend on the count are taken at one
count n: as many as there are samples, and as the held-out split gives when sets are drawn
of it as a model draws, with random shares of the classes. Of samples of classes that were
asked for every set has the shares that were asked for, and so has every set of real ones.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from snowmelt.evaluation.conditioned_reference import Real
from snowmelt.evaluation.drawn_samples import Drawn
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.features.extractor import extract
from snowmelt.evaluation.features.nearest_neighbours import nearest_class
from snowmelt.evaluation.metrics import manifolds, pairwise
from snowmelt.evaluation.metrics.example_pools import Pool
from snowmelt.evaluation.metrics.frechet_statistic import FrechetTo
from snowmelt.evaluation.metrics.neighbourhood import Neighbourhood
from snowmelt.evaluation.metrics.subsets import Statistic, at_count
from snowmelt.evaluation.reference_features import Reference
from snowmelt.evaluation.settings import EvaluationSettings

_FEWEST_SUBSETS, _OPERATIONS = 20, 2e8
_FEWEST_SETS = 4  # the smallest pool is cut into no fewer, so that the values have a spread


@dataclass(frozen=True)
class Context:
    """The samples and all that they are compared with.

    Attributes:
        samples: stored as the data is, (N, *D), at least two.
        reference: the features of the real data and the networks that made them.
        labels: the class of each training example, (M,), or None.
        held_out_labels: the same of the held-out examples; without them sets are drawn
            without regard to classes.
        real: the real examples as they are stored; None where only features are at hand.
        whole: all of the real data, where `real` is a part of it.
        drawn: what was asked of the samples.
    """

    samples: np.ndarray
    reference: Reference
    settings: EvaluationSettings
    labels: np.ndarray | None = None
    held_out_labels: np.ndarray | None = None
    real: Real | None = None
    whole: Real | None = None
    drawn: Drawn = field(default_factory=Drawn)

    @property
    def everything(self) -> Real | None:
        """All of the real data, of which samples may be compared with a part."""
        return self.whole or self.real

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The training examples that are nearest to samples and to held-out examples."""
        return Neighbourhood(self)

    @cached_property
    def generated(self) -> Examples:
        return Examples(self, is_generated=True)

    @cached_property
    def held_out(self) -> Examples:
        return Examples(self, is_generated=False)

    def prepare(self) -> None:
        """Compute what metrics share and what processes compute together."""
        for examples in (self.generated, self.held_out):
            _ = examples.features, examples.probabilities

    @cached_property
    def train(self) -> np.ndarray:
        return np.asarray(self.reference.train)

    @property
    def count(self) -> int:
        """The count n at which value and floor are taken."""
        wanted = self.settings.count or self.held_out.largest_count
        return min(len(self.samples), wanted)

    @property
    def has_floor(self) -> bool:
        """Whether sets of n can be drawn of the held-out examples."""
        return self.count <= self.held_out.largest_count

    @cached_property
    def frechet_to_train(self) -> FrechetTo:
        return FrechetTo(self.reference.statistics)

    @property
    def subsets(self) -> int:
        """The sets that a statistic is averaged over: fewer of wide features."""
        width = min(self.reference.statistics.mean.size, self.count)
        affordable = max(_FEWEST_SUBSETS, int(_OPERATIONS / width**3))
        return min(self.settings.subsets, affordable)

    @property
    def kernel_subset_size(self) -> int:
        """The size of the subsets for the kernel distance: at most half of each set."""
        smallest = min(self.count, len(self.train))
        return max(2, min(self.settings.kernel_subset_size, smallest // 2))

    @property
    def manifold_count(self) -> int:
        """How many of each set are compared by their neighbours."""
        return min(self.count, len(self.train), self.settings.manifold.examples)

    @cached_property
    def manifold_train(self) -> np.ndarray:
        """As many rows of the training split."""
        return _chosen(self.train, self.manifold_count, self.settings.seed)

    @property
    def set_size(self) -> int:
        fewest = min(self.count, len(self.train))
        return max(2, min(self.settings.points.set_size, fewest // _FEWEST_SETS))

    @cached_property
    def kernel_widths(self) -> tuple[float, ...]:
        """Kernel widths: multiples of the median distance of training points."""
        # Without any distance all points are one, and every width serves.
        median = pairwise.median_distance(self.train) or 1.0
        return tuple(width * median for width in pairwise.WIDTHS)

    @property
    def is_points(self) -> bool:
        """Whether the data are points, else images."""
        return self.reference.extractor.kind == "points"

    @property
    def has_modes(self) -> bool:
        """Whether the data are points of two classes or more."""
        is_labelled = self.labels is not None and len(np.unique(self.labels)) >= 2
        return self.is_points and is_labelled


@dataclass(frozen=True)
class Examples:
    """Examples that a metric is measured of: generated samples or held-out real ones."""

    context: Context
    is_generated: bool

    @property
    def name(self) -> str:
        return "samples" if self.is_generated else "held-out examples"

    @cached_property
    def features(self) -> np.ndarray:
        """One row an example, (N, F) float32."""
        reference = self.context.reference
        if not self.is_generated:
            return np.asarray(reference.held_out)
        return extract(reference.extractor, self.context.samples, "features of the samples")

    @cached_property
    def probabilities(self) -> np.ndarray | None:
        """The classes according to the independent classifier, (N, K), if there is one."""
        reference = self.context.reference
        if (
            reference.independent_classifier is None
            or reference.held_out_probabilities is None
        ):
            return None
        if not self.is_generated:
            return np.asarray(reference.held_out_probabilities)
        return reference.independent_classifier.probabilities(self.context.samples)

    @cached_property
    def precision_and_recall(self) -> tuple[float, float] | None:
        """None where sets of n cannot be drawn."""
        context = self.context
        if self._few is None:
            return None
        neighbours = context.settings.manifold.precision_neighbours
        return manifolds.precision_and_recall(self._few, context.manifold_train, neighbours)

    @cached_property
    def density_and_coverage(self) -> tuple[np.ndarray, np.ndarray] | None:
        """What each example adds to the one, and each training example to the other.

        None where sets of n cannot be drawn.
        """
        context = self.context
        if self._few is None:
            return None
        neighbours = context.settings.manifold.density_neighbours
        return manifolds.density_and_coverage(self._few, context.manifold_train, neighbours)

    @cached_property
    def _few(self) -> np.ndarray | None:
        return self.one_set(self.features, self.context.manifold_count)

    @cached_property
    def modes(self) -> np.ndarray:
        """The class of the training point next to each example, (N,)."""
        assert self.context.labels is not None
        return nearest_class(self.features, self.context.train, self.context.labels)

    @property
    def named_classes(self) -> np.ndarray | None:
        """The class of each example, (N,), as it is recognised; None where none can be.

        Of images by the independent classifier, of points by the nearest training point.
        """
        whole = self.context.everything
        if self.context.drawn.labels is not None and self.context.is_points:
            assert whole is not None
            assert whole.train_labels is not None
            train = np.asarray(whole.reference.train)
            return nearest_class(self.features, train, whole.train_labels)
        if self.context.has_modes:
            return self.modes
        if self.probabilities is None:
            return None
        classes: np.ndarray = self.probabilities.argmax(axis=1)
        return classes

    @property
    def is_one_sample(self) -> bool:
        """Whether the examples were drawn without regard to classes."""
        if self.context.drawn.labels is not None:
            return not self.has_fixed_shares
        return self.is_generated or self.context.held_out_labels is None

    @property
    def has_fixed_shares(self) -> bool:
        """Whether each set has the shares of several classes that were asked for."""
        return self._empty_pool.has_fixed_shares

    @property
    def largest_count(self) -> int:
        """The largest set that can be drawn of these as a model draws."""
        return self._empty_pool.largest_count

    @cached_property
    def _empty_pool(self) -> Pool:
        context = self.context
        count = len(context.samples if self.is_generated else context.reference.held_out)
        return self.pool(np.empty(count))

    def pool(self, rows: np.ndarray) -> Pool:
        """What sets are drawn of: one row for each of the examples, (N, ...)."""
        labels, held_out = self.context.labels, self.context.held_out_labels
        asked = self.context.drawn.labels
        if asked is not None and held_out is not None:
            return Pool.of_asked(rows, asked if self.is_generated else held_out, asked)
        if self.is_generated:
            return Pool(rows)
        if labels is None or held_out is None:
            return Pool(rows)
        return Pool.of_held_out(rows, held_out, np.bincount(labels) / len(labels))

    def one_set(self, rows: np.ndarray, count: int) -> np.ndarray | None:
        """So many of these rows, drawn as a model draws, in random order.

        None where sets of n cannot be drawn.
        """
        if self.context.count > self.largest_count:
            return None
        random = np.random.default_rng(self.context.settings.seed)
        (chosen, *_) = self.pool(rows).draws(random, count)
        return rows[random.permutation(chosen)]

    def at_count(
        self, rows: np.ndarray, statistic: Statistic, desc: str | None = None
    ) -> Estimate | None:
        """A statistic of n of these rows; see `snowmelt.evaluation.metrics.subsets`.

        None where sets of n cannot be drawn.
        """
        context, pool = self.context, self.pool(rows)
        if context.count > pool.largest_count:
            return None
        return at_count(
            pool,
            context.count,
            statistic,
            subsets=context.subsets,
            seed=context.settings.seed,
            desc=desc,
        )


def _chosen(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """So many rows, in their order."""
    if count == len(rows):
        return rows
    chosen = np.random.default_rng(seed).choice(len(rows), count, replace=False)
    return rows[np.sort(chosen)]


def fidelity_seed(seed: int) -> int:
    """The seed of torch-fidelity's choices, which takes 32 bits."""
    return seed % 2**32
