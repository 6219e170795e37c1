"""Samples that a training drew on its way, as arrays: the page of a sweep shows them.

They lie in `.snowmelt/pictures/<identity of the training>`, outside of all outputs, since
they follow from an observer. A training that is found finished has them still, and one that
went on after a kill has those of before.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.files import new_file
from snowmelt.tracking.location import main_root
from snowmelt.viz.sweep_page.moment import Moment

MOST_IMAGES = 16  # of each moment; all points, which are small
_SHARE, _STEP = "percent", "step"  # a training by the clock has no steps of its own


@dataclass(frozen=True)
class KeptPictures:
    """The pictures of one training.

    Attributes:
        folder: of its arrays, one for each moment.
    """

    folder: Path

    @classmethod
    def of(cls, root: Path, identity: str) -> KeptPictures:
        return cls(main_root(root) / ".snowmelt" / "pictures" / identity[:16])

    def keep(self, stored: NDArray[Any], moment: Moment) -> None:
        """Keep some samples of a moment.

        Shapes:
            stored: images (N, C, H, W) or points (N, D)
        """
        few = stored[:MOST_IMAGES] if stored.ndim == 4 else stored
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{_SHARE if moment.is_share else _STEP}-{moment.at:09d}.npy"
        with new_file(self.folder / name) as draft, draft.open("wb") as stream:
            np.save(stream, few, allow_pickle=False)

    def read(self) -> dict[Moment, NDArray[Any]]:
        """The samples of each moment, in order; a file that is damaged is left out."""
        found = {}
        for file in sorted(self.folder.glob("*.npy")):
            if name := re.fullmatch(rf"({_SHARE}|{_STEP})-(\d+)", file.stem):
                with contextlib.suppress(OSError, ValueError):
                    array = np.load(file, allow_pickle=False)
                    found[Moment(int(name[2]), name[1] == _SHARE)] = array
        return found
