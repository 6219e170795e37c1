"""Where data comes from: one small class for each kind of raw data.

A source reads raw data into memory and says what it knows about it; it neither splits
nor scales. To add one, write a subclass with `read`, and a file in conf/data/ that
names it in `_target_` and lists its keys.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from snowmelt.common import argument_checks
from snowmelt.common.bounds import Fraction, Seed
from snowmelt.common.places import located
from snowmelt.data.prepared.image_rows import ImageRows
from snowmelt.data.prepared.manifest import Skipped
from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources.kept_rows import KeptRows

if TYPE_CHECKING:
    from snowmelt.densities import Perturbable


@dataclass(frozen=True)
class RawData:
    """What a source read.

    Attributes:
        examples: images as stored, uint8 (N, C, H, W), or points, float32 (N, D); it may be
            mapped from disk.
        labels: indices into `classes`, int64 (N,), or None.
        classes: the names of the classes, or None.
        value_range: the smallest and the largest value that a pixel can have, whether
            or not one does; None for points.
        held_out: where the data comes with an official split, a mask (N,) that is true
            for what is held out from training.
        skipped: the files that were left out, each with the reason.
        notes: what else a reader of the manifest should know, one sentence each.
    """

    examples: np.ndarray | ImageRows
    labels: np.ndarray | None = None
    classes: tuple[str, ...] | None = None
    value_range: tuple[int, int] | None = None
    held_out: np.ndarray | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Raw data and how much of it is held out from training.

    Args:
        name: what the data is called in manifests, runs and reports.
        held_out_fraction: the share that is held out if the data has no official split;
            None means that it has one.
        split_seed: seeds the split and the order of the rows. It is apart from the seed
            of the experiment, so that runs with different seeds share one split.
        root: what a relative path is relative to.
        scratch: a folder for what does not fit into the memory; None for the system's.
        kept: where decoded images outlive a prepare that is stopped; None for nowhere.
    """

    name: str
    held_out_fraction: Fraction | None = 0.2
    split_seed: Seed = 0
    root: Path = Path()
    scratch: Path | None = None
    kept: KeptRows | None = None

    def __post_init__(self) -> None:
        argument_checks.text("data.name", self.name)
        argument_checks.integer("data.split_seed", self.split_seed, least=0)
        if self.held_out_fraction is not None:
            argument_checks.fraction("data.held_out_fraction", self.held_out_fraction)

    @abstractmethod
    def read(self) -> RawData:
        """Read all of it.

        Raises:
            UserError: it is missing, unreadable or not what the configuration says.
        """

    def density(self) -> Perturbable | None:
        """The density that the examples are independent draws of, where it is known.

        In the units of the examples, before any scaling; None for data of unknown origin.
        """
        return None

    def event_shape(self) -> tuple[int, ...] | None:
        """The shape of one example, (C, H, W) or (D,), where it is known before reading.

        Whoever checks a configuration asks, long before there is any data; None where only
        the data can tell.
        """
        return None

    def row_split(self) -> RowSplit:
        """The split, as far as it is known before reading.

        Raises:
            UserError: there is nothing to read.
        """
        split = RowSplit(self.name, self.held_out_fraction, self.split_seed)
        return split.official() if self.held_out_fraction is None else split

    def stamp(self) -> str | None:
        """A digest that changes when what is read changes, found without reading it.

        None where reading is quick, or only the data can tell.

        Raises:
            UserError: there is nothing to read.
        """
        return None

    def located(self, path: str) -> Path:
        """A configured path: below the project's root unless it is absolute."""
        return located(self.root, path)
