"""Into how many rows data is split, and by what: known of many data before they are read.

Two data sets hold pairs, row by row, only where one random permutation has split and
ordered both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snowmelt.data.prepared.manifest import Manifest
from snowmelt.data.prepared.splits import quotas


@dataclass(frozen=True)
class RowSplit:
    """The split of one data set; None stands for what is not known yet.

    Attributes:
        name: of the data.
        kind: official, stratified or random.
        train, held_out: how many rows each part has.
        fraction, seed: how it is configured.
    """

    name: str
    fraction: float | None
    seed: int
    kind: str | None = None
    train: int | None = None
    held_out: int | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> RowSplit:
        """The split of prepared data."""
        return cls(
            manifest.name,
            manifest.split["held_out_fraction"],
            manifest.split["seed"],
            manifest.split["kind"],
            manifest.train_count,
            manifest.held_out_count,
        )

    def counted(self, *sizes: int) -> RowSplit:
        """The same with the counts that the fraction comes to.

        Args:
            sizes: of each class; all rows where there are none.
        """
        if self.fraction is None:
            return self
        held_out = int(quotas(np.array(sizes), self.fraction).sum())
        kind = "random" if len(sizes) == 1 else "stratified"
        counts = sum(sizes) - held_out, held_out
        return RowSplit(self.name, self.fraction, self.seed, kind, *counts)

    def official(self, train: int | None = None, held_out: int | None = None) -> RowSplit:
        """The same as a split that the data comes with."""
        return RowSplit(self.name, None, self.seed, "official", train, held_out)

    @property
    def count(self) -> int | None:
        """All rows."""
        known = self.train is not None and self.held_out is not None
        return self.train + self.held_out if known else None  # type: ignore[operator]


def why_unpaired(data: RowSplit, start: RowSplit) -> str | None:
    """Why row k of the one and row k of the other are no pair; None where they may be."""
    reasons = _kinds(data, start)
    if data.count is not None and start.count is not None and data.count != start.count:
        reasons.append(f"they have {data.count} and {start.count} examples")
    if all(one.kind in (None, "random") for one in (data, start)):
        if data.fraction != start.fraction:
            reasons.append(f"they hold out {data.fraction} and {start.fraction} of all")
        if data.seed != start.seed:
            reasons.append(f"their split_seed is {data.seed} and {start.seed}")
    if not reasons:
        return None
    return (
        f"coupling=paired takes row k of the data ({data.name}) and row k of the starts"
        f" ({start.name}) for a pair, but {', and '.join(reasons)}: pair data that is split"
        " at random, with as many examples without labels, the same held_out_fraction and"
        " the same split_seed; or use coupling=optimal_transport"
    )


def _kinds(data: RowSplit, start: RowSplit) -> list[str]:
    """What splits that are not random have to do with the order of rows."""
    if data.kind == start.kind == "official":
        return ["both come with a split of their own"]
    if data.kind == start.kind == "stratified":
        return ["both are split class by class"]
    said = {
        "official": "the {} come with a split of their own",
        "stratified": "the {} are split class by class",
    }
    named = (("examples of the data", data), ("starts", start))
    return [said[one.kind].format(name) for name, one in named if one.kind in said]
