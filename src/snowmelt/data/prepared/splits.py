"""Which examples are held out from training, and in which order the rows are stored.

All of it follows from one random permutation by numpy's default generator (PCG64),
which gives the same numbers for the same seed on every platform. Within each split the
rows keep the permutation's order, so that the first n rows of a split are a fair sample
of it even where the raw data was sorted by class.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snowmelt.common.errors import UserError

LEAST = 2


@dataclass(frozen=True)
class Split:
    """Row numbers of the raw data, in the order in which they are stored.

    Attributes:
        train: (n,) int64.
        held_out: (N - n,) int64.
        kind: "official", "stratified" or "random".
    """

    train: np.ndarray
    held_out: np.ndarray
    kind: str


def split(
    count: int,
    *,
    labels: np.ndarray | None,
    official: np.ndarray | None,
    fraction: float | None,
    seed: int,
) -> Split:
    """Divide `count` rows into a training and a held-out part.

    An official split is kept as it is. Otherwise `fraction` of the rows is held out, to
    the nearest row, and of each class the same share where there are labels.

    Args:
        labels: the class of each row, (N,), or None.
        official: true for the rows that an official split holds out, (N,), or None.
        fraction: the share to hold out; None only with an official split.

    Raises:
        UserError: a part would have fewer than two rows, or there is no fraction.
    """
    order = np.random.default_rng(seed).permutation(count)
    if official is not None:
        mask, kind = official, "official"
    elif fraction is None:
        raise UserError(
            "data.held_out_fraction is null, but this data has no official split:"
            " give a number between 0 and 1"
        )
    elif labels is None:
        one_class = np.zeros(count, np.int64)
        mask, kind = _first_of_each(order, one_class, fraction), "random"
    else:
        mask, kind = _first_of_each(order, labels, fraction), "stratified"
    chosen = Split(order[~mask[order]], order[mask[order]], kind)
    for rows, part in (
        (chosen.train, "the training"),
        (chosen.held_out, "the held-out"),
    ):
        if len(rows) < LEAST:
            raise UserError(
                f"data: {len(rows)} of {count} examples fall into {part} split, at"
                f" least {LEAST} are needed: give more data or change"
                " data.held_out_fraction"
            )
    return chosen


def quotas(sizes: np.ndarray, fraction: float) -> np.ndarray:
    """How many of each class to hold out: `fraction` of all, by largest remainders.

    Each class keeps at least one row for training, so the sum falls short of the share
    where classes are tiny.

    Shapes:
        sizes: (K,) -> (K,) int64
    """
    exact = fraction * sizes
    quota = np.floor(exact).astype(np.int64)
    missing = round(fraction * int(sizes.sum())) - int(quota.sum())
    by_remainder = np.argsort(quota - exact, kind="stable")
    quota[by_remainder[: max(missing, 0)]] += 1
    return np.clip(quota, 0, np.maximum(sizes - 1, 0))


def _first_of_each(order: np.ndarray, labels: np.ndarray, fraction: float) -> np.ndarray:
    """A mask that holds out the first rows, in `order`, of each class: (N,) bool."""
    mask = np.zeros(len(order), dtype=bool)
    sizes = np.bincount(labels)
    for label, quota in enumerate(quotas(sizes, fraction)):
        rows = order[labels[order] == label]
        mask[rows[:quota]] = True
    return mask
