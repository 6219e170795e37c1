"""The part of the real data that samples of chosen classes are compared with.

Of each class that was asked for, the first examples of each split are taken, as many as
its share wants; a split is in random order. Sets for value and floor have these shares,
too (`snowmelt.evaluation.metrics.example_pools`). So a model that draws each class
perfectly is at the floor, whatever the shares of the classes in the data are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snowmelt.common.array_files import gathered
from snowmelt.common.errors import UserError
from snowmelt.data.prepared.dataset import PreparedData
from snowmelt.evaluation.features.feature_statistics import Statistics
from snowmelt.evaluation.reference_features import Reference

FEWEST = 2
MOST = 100_000  # rows of a split, whose features are copied


@dataclass(frozen=True)
class ChosenRows:
    """Some rows of stored examples, read when they are asked for.

    Attributes:
        rows: which, (n,) int64.
    """

    array: np.ndarray
    rows: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.rows), *self.array.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: slice | np.ndarray) -> np.ndarray:
        return gathered(self.array, self.rows[chosen])


Rows = np.ndarray | ChosenRows


def gathered_rows(rows: Rows, chosen: np.ndarray) -> np.ndarray:
    """Some rows, read from wherever they are. Shapes: chosen: (n,) -> (n, *D)"""
    return rows[chosen] if isinstance(rows, ChosenRows) else gathered(rows, chosen)


@dataclass(frozen=True)
class Real:
    """The real data that samples are compared with.

    Attributes:
        reference: features of both splits.
        train, held_out: the examples as they are stored.
        train_labels, held_out_labels: their classes, where these are known.
    """

    reference: Reference
    train: Rows
    held_out: Rows
    train_labels: np.ndarray | None
    held_out_labels: np.ndarray | None

    @classmethod
    def all_of(cls, reference: Reference, data: PreparedData) -> Real:
        """The whole of it."""
        return cls(
            reference, data.train, data.held_out, data.train_labels, data.held_out_labels
        )


def of_classes(reference: Reference, data: PreparedData, asked: np.ndarray) -> Real:
    """Real examples of the classes that were asked for, in the same shares.

    Args:
        asked: the class of each sample, (N,).

    Raises:
        UserError: of one of these classes there are too few examples.
    """
    assert data.train_labels is not None
    assert data.held_out_labels is not None
    assert data.manifest.classes is not None
    shares = np.bincount(asked, minlength=len(data.manifest.classes)) / len(asked)
    train, held_out = (
        rows_in_shares(np.asarray(labels), shares)
        for labels in (data.train_labels, data.held_out_labels)
    )
    for rows, split in ((train, "training"), (held_out, "held-out")):
        if len(rows) < FEWEST:
            raise UserError(
                f"samples of {_named(shares, data.manifest.classes)} cannot be measured:"
                f" the {split} split has too few examples of a class; hold out more"
                " (data.held_out_fraction), or ask for other classes"
            )
    return Real(
        _restricted(reference, train, held_out, shares),
        ChosenRows(data.train, train),
        ChosenRows(data.held_out, held_out),
        np.asarray(data.train_labels)[train],
        np.asarray(data.held_out_labels)[held_out],
    )


def rows_in_shares(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The most rows that have these shares of classes, the first of each class, in order.

    A class with any share has one row at least; where it has none at all, there are none.
    There are no more than `MOST`, or a few.

    Shapes:
        labels: (N,) int, shares: (K,), sums to 1 -> (n,) int64, n <= N
    """
    counts = np.bincount(labels, minlength=len(shares))
    wanted = shares > 0
    total = min(MOST, np.min(counts[wanted] / shares[wanted]))
    kept = np.floor(total * shares + 1e-9).astype(int)
    if total > 0:
        kept[wanted] = np.maximum(kept[wanted], 1)
    rows = [np.flatnonzero(labels == number)[: kept[number]] for number in range(len(kept))]
    return np.sort(np.concatenate(rows))


def _restricted(
    reference: Reference, train: np.ndarray, held_out: np.ndarray, shares: np.ndarray
) -> Reference:
    """The reference as it would have been made of these rows alone."""
    seen, unseen = gathered(reference.train, train), gathered(reference.held_out, held_out)
    probabilities = reference.held_out_probabilities
    return replace(
        reference,
        train=seen,
        held_out=unseen,
        statistics=Statistics.of(seen),
        held_out_probabilities=None
        if probabilities is None
        else np.asarray(probabilities)[held_out],
        description=reference.description
        | {
            "train_count": len(seen),
            "held_out_count": len(unseen),
            "class_shares": [float(share) for share in shares],
        },
    )


def _named(shares: np.ndarray, classes: tuple[str, ...], most: int = 5) -> str:
    names = [name for name, share in zip(classes, shares, strict=True) if share > 0]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"the classes {', '.join(names[:most])}{more}"
