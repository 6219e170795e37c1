"""Handwritten digits that come with scikit-learn: the embedded data set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snowmelt.data.prepared.row_split import RowSplit
from snowmelt.data.sources.image_source import ImageSource
from snowmelt.data.sources.source import RawData

SIZES = (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)
"""How many there are of each digit."""


@dataclass(frozen=True, kw_only=True)
class Digits(ImageSource):
    """1,797 digits of 8x8 pixels with 17 grey levels, kept as they are: 0 to 16.

    Each pixel counts the inked bits of a 4x4 block of a 32x32 scan, hence the 17 levels
    and 4.09 bits. Nothing is fetched: the package holds the data.

    References:
        Alpaydin & Kaynak (1998), "Optical Recognition of Handwritten Digits", UCI.
    """

    def stored_shape(self) -> tuple[int, ...]:
        return 1, 8, 8

    def row_split(self) -> RowSplit:
        sizes = dict(zip(map(str, range(10)), SIZES, strict=True))
        named = sizes if self.classes is None else set(map(str, self.classes))
        kept = [size for name, size in sizes.items() if name in named]
        return super().row_split().counted(*kept)

    def read_images(self) -> RawData:
        """The images (1797, 1, 8, 8) and their labels."""
        # Here, since it takes a second, and every command looks at this class's signature.
        from sklearn.datasets import load_digits

        bunch = load_digits()
        return RawData(
            examples=bunch.images.astype(np.uint8)[:, None],
            labels=bunch.target.astype(np.int64),
            classes=tuple(str(digit) for digit in bunch.target_names),
            value_range=(0, 16),
        )
