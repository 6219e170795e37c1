"""Class by class: how often each comes, and how far its samples are from real ones of it.

A class is told in the same way of samples and of held-out examples: images by the
independent classifier, points by the nearest training point. Where the sampling was asked
for classes, a sample's class for the distance is the one that was asked for, and that of a
held-out example its true one.

The distance is the kernel distance, whose estimate is unbiased and so needs no large count.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import stats

from snowmelt.common.array_files import gathered
from snowmelt.evaluation.estimate import Estimate
from snowmelt.evaluation.metrics.class_limits import Chance
from snowmelt.evaluation.metrics.kernel_jackknife import kernel_distance_and_error
from snowmelt.evaluation.metrics.sample_metrics import Context, Examples
from snowmelt.evaluation.protocol import Evaluation, protocol_digest

COLUMNS = (
    "class",
    "samples",
    "share",
    "share_low",
    "share_high",
    "expected_share",
    "expected_share_se",
    "chance_low",
    "chance_high",
    "visible_deviation",
    "training_share",
    "agreement",
    "agreement_low",
    "agreement_high",
    "agreement_real",
    "n",
    "held_out_n",
    "distance",
    "distance_se",
    "floor",
    "floor_se",
)
FEWEST = 20  # examples of a class, below which its distance says nothing
MOST = 1000  # of each set of a class, so that many of them take no longer
Row = dict[str, Any]


@dataclass(frozen=True)
class Classes:
    """The class of each example, as it was asked for and as it was told.

    Attributes:
        asked: of the samples, (N,), and the true one of held-out examples, (n,); None
            where none was asked for.
        named: of both, as they are told; None where there is nobody to tell.
    """

    context: Context
    asked: tuple[np.ndarray, np.ndarray] | None
    named: tuple[np.ndarray, np.ndarray] | None

    @classmethod
    def of(cls, context: Context) -> Classes | None:
        """None where classes mean nothing: no labels, or completed examples."""
        real = context.real
        if real is None or real.train_labels is None or context.drawn.is_completed:
            return None
        asked = None
        if context.drawn.labels is not None and real.held_out_labels is not None:
            asked = context.drawn.labels, np.asarray(real.held_out_labels)
        samples, held_out = (
            examples.named_classes for examples in (context.generated, context.held_out)
        )
        named = None if samples is None or held_out is None else (samples, held_out)
        return None if asked is None and named is None else cls(context, asked, named)

    @cached_property
    def count(self) -> int:
        """How many classes samples are compared with."""
        real = self.context.real
        assert real is not None
        return len(np.unique(np.asarray(real.train_labels)))

    @property
    def grouped(self) -> tuple[np.ndarray, np.ndarray]:
        """The classes that the distances go by."""
        found = self.asked or self.named
        assert found is not None
        return found


def measure(context: Context, names: tuple[str, ...] | None) -> Evaluation:
    """A row for each class that the data has, or nothing where classes mean nothing.

    Args:
        names: of the classes.
    """
    classes = Classes.of(context)
    if classes is None or names is None:
        return Evaluation()
    rows = [
        {"class": name} | _told(classes, number) | _agreement(classes, number)
        | _distances(classes, number)
        for number, name in enumerate(names)
    ]  # fmt: skip
    kept = [row for row in rows if row["training_share"] or row["samples"]]
    told = "the nearest training point" if context.is_points else "independent classifier"
    judge = context.reference.independent_classifier
    how: dict[str, Any] = {
        "classes": "asked for" if classes.asked is not None else f"told by {told}",
        "shares": None if classes.named is None else f"told by {told}",
        "distance": "kernel distance, unbiased, with a jackknife error",
        "extractor_digest": context.reference.extractor.digest,
        "judge_digest": judge.digest if judge else None,
        "fewest": FEWEST,
        "most": MOST,
    }
    return Evaluation({}, how | {"digest": protocol_digest(how)}, kept)


def _told(classes: Classes, number: int) -> Row:
    """How often a class comes, should come, and may come by chance."""
    row = _share(classes, number)
    return row | _chance(classes, number, row)


def _share(classes: Classes, number: int) -> Row:
    """How often a class comes, with its 95 % interval (Wilson's), and how often it should.

    It should come as often as in the training split, or as was asked for, but for the
    mistakes with which classes are told: these are counted on the held-out examples, whose
    classes are known.
    """
    context = classes.context
    assert context.real is not None
    trained = np.asarray(context.real.train_labels) == number
    row: Row = {"samples": None, "training_share": float(trained.mean())}
    if classes.named is None:
        assert classes.asked is not None
        return row | {"samples": int(np.sum(classes.asked[0] == number))}
    samples, held_out = (named == number for named in classes.named)
    low, high = _interval(samples)
    true = np.asarray(context.real.held_out_labels) == number
    due = trained if classes.asked is None else classes.asked[0] == number
    moved = Estimate.of_share(int(np.sum(held_out != true)), len(held_out))
    return row | {
        "samples": int(samples.sum()),
        "share": float(samples.mean()),
        "share_low": low,
        "share_high": high,
        "expected_share": float(due.mean() + held_out.mean() - true.mean()),
        "expected_share_se": moved.spread,
    }


def _chance(classes: Classes, number: int, row: Row) -> Row:
    """Between which shares chance leaves a class, and what deviation would have shown.

    Nothing of a class that is not in the data, or that was not asked for.
    """
    real, named = classes.context.real, classes.named
    if named is None or not row["training_share"] or not 0 < row["expected_share"] < 1:
        return {}
    assert real is not None
    total = len(named[0])
    if classes.asked is None:
        share, error = row["expected_share"], row["expected_share_se"]
        chance = Chance.of_draws(total, share, error)
    else:
        told, true = named[1] == number, np.asarray(real.held_out_labels) == number
        missed = int(np.sum(true & ~told)), int(np.sum(true))
        taken = int(np.sum(told & ~true)), int(np.sum(~true))
        asked = int(np.sum(classes.asked[0] == number))
        chance = Chance.of_asked(total, asked, missed, taken)
    low, high = chance.limits(classes.count)
    visible = chance.visible(classes.count)
    return {"chance_low": low, "chance_high": high, "visible_deviation": visible}


def _agreement(classes: Classes, number: int) -> Row:
    """How often samples that were asked to be of a class are told as it."""
    if classes.asked is None or classes.named is None:
        return {}
    agree, real = (
        named[asked == number] == number
        for asked, named in zip(classes.asked, classes.named, strict=True)
    )
    if not len(agree):
        return {}
    low, high = _interval(agree)
    return {
        "agreement": float(agree.mean()),
        "agreement_low": low,
        "agreement_high": high,
        "agreement_real": float(real.mean()) if len(real) else None,
    }


def _distances(classes: Classes, number: int) -> Row:
    """How far samples of a class, and held-out examples, are from its training data."""
    context = classes.context
    assert context.real is not None
    train = np.flatnonzero(np.asarray(context.real.train_labels) == number)[:MOST]
    real = gathered(context.reference.train, train)
    row: Row = {}
    for (count, value), (examples, rows) in zip(
        (("n", "distance"), ("held_out_n", "floor")), _groups(classes, number), strict=True
    ):
        row[count] = len(rows)
        if min(len(rows), len(train)) < FEWEST:
            continue
        found = _distance(examples, rows, real)
        row |= {value: found.value, f"{value}_se": found.spread}
    return row


def _groups(classes: Classes, number: int) -> Iterator[tuple[Examples, np.ndarray]]:
    """The samples, then the held-out examples, of a class."""
    both = classes.context.generated, classes.context.held_out
    for examples, groups in zip(both, classes.grouped, strict=True):
        yield examples, np.flatnonzero(groups == number)[:MOST]


def _distance(examples: Examples, rows: np.ndarray, real: np.ndarray) -> Estimate:
    return kernel_distance_and_error(gathered(examples.features, rows), real)


def _interval(hits: np.ndarray) -> tuple[float, float]:
    """The 95 % interval of a share. Shapes: (N,) bool"""
    tested = stats.binomtest(int(hits.sum()), len(hits))
    found = tested.proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)
