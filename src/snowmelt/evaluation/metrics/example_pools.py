r"""A pool of examples, and the sets that are drawn of it.

What a perfect model draws has random shares of the classes: the counts of $n$ samples are
multinomial. A held-out split has the shares nearly exactly, as a stratified split is made,
so a subset of it that is drawn without regard to classes is nearer to the training split
than a perfect model can come. A pool with classes is therefore drawn from as a model draws:
the counts multinomial with the shares of the training split, the rows of a class at random
and none twice. Given the counts those are independent draws of the class.

No row twice needs more rows of each class than any draw asks for. The largest count is the
largest $n$ at which

$$\sum_k \Pr[\mathrm{Bin}(n, p_k) > M_k] \le 0.001,$$

with $M_k$ rows of class $k$ and the shares $p_k$; the rare draws that ask for more are
drawn again. Classes of fewer than ten rows are drawn as one, without regard to the class
(together with the smallest of the others if that still makes fewer than ten): their shares
among each other come out somewhat too even. A class that the training split has and no row
is of counts among them.

Samples of classes that were asked for have no such luck, since their shares are fixed. Sets
of them, and of the real examples beside them, all have the same counts of the classes; see
`snowmelt.evaluation.metrics.fixed_shares`.

Reference:
    Cochran (1977), "Sampling Techniques", chapters 5 and 5A, on the variance of a mean
    within classes and on classes of one row, which are taken together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import binom

from snowmelt.evaluation.metrics import fixed_shares

FEWEST_OF_A_CLASS = 10
RUNS_OUT = 1e-3


@dataclass(frozen=True)
class Pool:
    """Independent examples, or independent within each class.

    Attributes:
        rows: (N, ...).
        classes: of each row, (N,) int below K; None where the rows are one sample.
        shares: of the classes in what is drawn, (K,), sums to 1; with `classes`.
        has_fixed_shares: whether each set has these shares, to a row; else it has them by
            chance, as independent draws do.
    """

    rows: np.ndarray
    classes: np.ndarray | None = None
    shares: np.ndarray | None = None
    has_fixed_shares: bool = False

    @classmethod
    def of_held_out(
        cls, rows: np.ndarray, classes: np.ndarray | None, shares: np.ndarray | None
    ) -> Pool:
        """Real examples, of which sets are drawn as a perfect model would draw them.

        Args:
            classes: (N,), or None where they are not known.
            shares: of the classes in the training split, (K,).
        """
        if classes is None or shares is None:
            return cls(rows)
        merged = _merged(np.bincount(classes, minlength=len(shares)), shares)
        if merged.max() == 0:
            return cls(rows)
        together = np.bincount(merged, weights=shares)
        return cls(rows, merged[np.asarray(classes)], together / together.sum())

    @classmethod
    def of_asked(cls, rows: np.ndarray, classes: np.ndarray, asked: np.ndarray) -> Pool:
        """Examples of classes that were asked for, generated or real.

        Args:
            classes: of each row, (N,), none but those that were asked for.
            asked: the class of each sample, (M,).
        """
        shares = np.bincount(asked) / len(asked)
        if np.count_nonzero(shares) == 1:
            return cls(rows)
        return cls(rows, np.asarray(classes), shares, has_fixed_shares=True)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def largest_count(self) -> int:
        """The largest set that can be drawn."""
        if self.classes is None or self.shares is None:
            return len(self)
        if self.has_fixed_shares:
            return len(self._taken)
        available = np.bincount(self.classes, minlength=len(self.shares))
        low, high = 1, len(self)
        while low < high:
            middle = (low + high + 1) // 2
            runs_out = binom.sf(available, middle, self.shares).sum() > RUNS_OUT
            low, high = (low, middle - 1) if runs_out else (middle, high)
        return low

    def parts(self, count: int) -> int:
        """How many sets with nothing in common are drawn at once, of `count` rows each.

        As many as there are; a single one where the shares are random.
        """
        if self.classes is None or self.shares is None:
            return max(1, len(self) // count)
        if not self.has_fixed_shares:
            return 1
        wanted = self._counts(count)
        available = np.bincount(self.classes, minlength=len(self.shares))
        return int((available[wanted > 0] // wanted[wanted > 0]).min())

    def draws(self, random: np.random.Generator, count: int) -> list[np.ndarray]:
        """The rows of sets with nothing in common, each drawn as a model draws.

        There are as many as `parts` says. With classes the rows of each stand together.
        """
        parts = self.parts(count)
        if self.classes is None or self.shares is None:
            order = random.permutation(len(self))
            return list(order[: parts * count].reshape(parts, count))
        if self.has_fixed_shares:
            dealt = [
                random.permutation(members)[: parts * number].reshape(parts, number)
                for members, number in zip(self._members, self._counts(count), strict=True)
            ]
            return list(np.concatenate(dealt, axis=1))
        available = np.bincount(self.classes, minlength=len(self.shares))
        wanted = random.multinomial(count, self.shares)
        while (wanted > available).any():
            wanted = random.multinomial(count, self.shares)
        chosen = [
            random.choice(members, number, replace=False)
            for members, number in zip(self._members, wanted, strict=True)
        ]
        return [np.concatenate(chosen)]

    def in_shares(self, random: np.random.Generator) -> Pool:
        """As many of the rows as have the shares of what is drawn, to a row of each class.

        A split that was made without regard to classes has others by chance.
        """
        if self.classes is None or self.shares is None or self.has_fixed_shares:
            return self
        available = np.bincount(self.classes, minlength=len(self.shares))
        known = self.shares > 0
        size = (available[known] / self.shares[known]).min()
        wanted = (self.shares * size).astype(np.int64)
        chosen = np.sort(
            np.concatenate(
                [
                    random.choice(members, number, replace=False)
                    for members, number in zip(self._members, wanted, strict=True)
                ]
            )
        )
        return Pool(self.rows[chosen], self.classes[chosen], self.shares)

    def groups(self, random: np.random.Generator, parts: int) -> list[np.ndarray]:
        """The rows of so many sets with nothing in common, alike in size and classes.

        Each has a `parts`-th of the rows of every class; the rest is left out. Where
        shares are fixed, classes of fewer than ten rows are dealt in turn, one after the
        other, since a rest may be all that there is of them.
        """
        if self.has_fixed_shares:
            order = np.concatenate([self._whole(m, parts, random) for m in self._members])
            size = len(order) // parts
            return [order[start::parts][:size] for start in range(parts)]
        dealt = [
            random.permutation(members)[: len(members) // parts * parts].reshape(parts, -1)
            for members in self._members
        ]
        return list(np.concatenate(dealt, axis=1))

    def variance_of_mean(self, values: np.ndarray) -> float:
        """The variance of the mean of a value of each row, by the shares of the classes.

        Shapes:
            values: (N,), more than one
        """
        if self.classes is None or self.shares is None:
            return float(np.var(values, ddof=1)) / len(values)
        alone = [members[0] for members in self._members if len(members) == 1]
        among = float(np.var(values[alone], ddof=1)) if len(alone) > 1 else 0.0
        return sum(
            float(share**2 * np.var(values[members], ddof=1)) / len(members)
            if len(members) > 1
            else float(share**2) * among
            for share, members in zip(self.shares, self._members, strict=True)
            if len(members) > 0
        )

    def _counts(self, count: int) -> np.ndarray:
        """How many rows of each class a set of fixed shares has, (K,)."""
        assert self.shares is not None
        return np.bincount(self._taken[:count], minlength=len(self.shares))

    @cached_property
    def _taken(self) -> np.ndarray:
        """The classes in the order in which a set of fixed shares takes them."""
        assert self.shares is not None
        return fixed_shares.taken(np.array([len(m) for m in self._members]), self.shares)

    @staticmethod
    def _whole(members: np.ndarray, parts: int, random: np.random.Generator) -> np.ndarray:
        """The rows of a class in random order; of a large one as many as can be divided."""
        rest = len(members) % parts if len(members) >= FEWEST_OF_A_CLASS else 0
        return random.permutation(members)[: len(members) - rest]

    @cached_property
    def _members(self) -> list[np.ndarray]:
        """The rows of each class."""
        if self.classes is None or self.shares is None:
            return [np.arange(len(self))]
        order = np.argsort(self.classes, kind="stable")
        counts = np.bincount(self.classes, minlength=len(self.shares))
        return np.split(order, np.cumsum(counts)[:-1])


def _merged(counts: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """For each class its place among the classes that are drawn; rare ones share one.

    Shapes:
        counts: of the rows, shares: of what is drawn, (K,) -> (K,) int
    """
    is_rare = counts < FEWEST_OF_A_CLASS
    comes = bool(((counts > 0) | (shares > 0))[is_rare].any())
    if comes and not is_rare.all() and counts[is_rare].sum() < FEWEST_OF_A_CLASS:
        is_rare[np.argmin(np.where(is_rare, np.inf, counts))] = True
    found = np.cumsum(~is_rare)
    found[is_rare] = 0
    return found if is_rare.any() else found - 1
