"""What samples are: drawn freely, of classes that were asked for, or completed examples.

It decides what they may be compared with. Samples of classes are compared with real
examples of these classes, in the shares that were asked for. Completions of held-out
examples are no new samples: what is measured of them is how far they are from the examples
themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snowmelt.common.array_files import mapped
from snowmelt.common.errors import UserError

LABELS = "labels.npy"
COMPLETED = (
    "completions of held-out examples, not new samples: measured by their distance from the"
    " examples themselves"
)
LEFT_OUT = (
    "distances between sets, memorisation and the shares of classes, since all of them ask"
    " how new samples are distributed"
)
OF_CLASSES = "samples of chosen classes, against real examples of these, in the same shares"


@dataclass(frozen=True)
class Drawn:
    """How samples came about, as far as it decides what they are compared with.

    Attributes:
        labels: the class that each sample was asked to be of, (N,) int64; None: none was.
        is_completed: whether they complete held-out examples, one after the other and from
            the first again after the last.
    """

    labels: np.ndarray | None = None
    is_completed: bool = False

    @classmethod
    def of(
        cls, description: Mapping[str, Any], folder: Path, classes: tuple[str, ...] | None
    ) -> Drawn:
        """What the stage sample says of the samples in a folder.

        Args:
            description: the content of samples.json.
            classes: the names of the data's classes.

        Raises:
            UserError: the classes that were asked for are not those of the data.
        """
        if description.get("examples") is not None:
            return cls(is_completed=True)
        if LABELS not in description["digests"]:
            return cls()
        path = folder / LABELS
        labels = np.array(mapped(path, made_by="sample"))
        is_like_them = labels.shape == (description["num_samples"],)
        known = len(classes or ())
        if not is_like_them or labels.min() < 0 or labels.max() >= known:
            raise UserError(
                f"{path} does not name one of the data's {known} classes for each of the"
                f" {description['num_samples']} samples: run `snowmelt sample` again, with"
                " a checkpoint that was trained on this data"
            )
        return cls(labels=labels)

    def protocol(self, classes: tuple[str, ...] | None) -> dict[str, Any]:
        """What the protocol says of it; nothing of samples that were drawn freely."""
        if self.is_completed:
            return {"measured_as": COMPLETED, "left_out": LEFT_OUT}
        if self.labels is None or classes is None:
            return {}
        shares = np.bincount(self.labels, minlength=len(classes)) / len(self.labels)
        asked = {name: float(s) for name, s in zip(classes, shares, strict=True) if s > 0}
        return {"measured_as": OF_CLASSES, "reference_classes": asked}
