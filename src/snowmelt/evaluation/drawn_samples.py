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

from snowmelt.common.array_files import mapped, read_arrays
from snowmelt.common.errors import UserError
from snowmelt.common.instantiate import build
from snowmelt.diffusion.operators import LinearOperator

LABELS, ANSWERS = "labels.npy", "answers.npz"
COMPLETED = (
    "completions of held-out examples, not new samples: measured by their distance from the"
    " examples themselves"
)
LEFT_OUT = (
    "distances between sets, memorisation and the shares of classes, since all of them ask"
    " how new samples are distributed"
)
FROM_DEGRADED = (
    "samples that begin at degraded held-out examples, one each: measured as new samples,"
    " and by their distance from the examples themselves"
)
OF_CLASSES = "samples of chosen classes, against real examples of these, in the same shares"


@dataclass(frozen=True)
class Drawn:
    """How samples came about, as far as it decides what they are compared with.

    Attributes:
        labels: the class that each sample was asked to be of, (N,) int64; None: none was.
        is_completed: whether they complete held-out examples, one after the other and from
            the first again after the last.
        operator: the measurement of held-out examples, in that order, that they answer to:
            of those that are completed, or of those that they begin at; None for neither.
        answers: several samples for each of the first examples, (M, K, *D); None where each
            has one.
    """

    labels: np.ndarray | None = None
    is_completed: bool = False
    operator: LinearOperator | None = None
    answers: np.ndarray | None = None

    @property
    def is_of_examples(self) -> bool:
        """Whether each sample belongs to a held-out example."""
        return self.is_completed or self.operator is not None

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
        is_completed = description.get("examples") is not None
        guided = description.get("guidance") or {}
        by = guided.get("operator") if is_completed else description.get("degraded_by")
        operator = None if by is None else build(by, LinearOperator)
        answers = _answers(description, folder) if operator is not None else None
        if is_completed or LABELS not in description["digests"]:
            return cls(is_completed=is_completed, operator=operator, answers=answers)
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
        return cls(labels=labels, operator=operator, answers=answers)

    def protocol(self, classes: tuple[str, ...] | None) -> dict[str, Any]:
        """What the protocol says of it; nothing of samples that were drawn freely."""
        found: dict[str, Any] = {}
        if self.answers is not None:
            found["answers"] = dict(
                zip(("examples", "each"), self.answers.shape[:2], strict=True)
            )
        if self.is_completed:
            return found | {"measured_as": COMPLETED, "left_out": LEFT_OUT}
        if self.operator is not None:
            found["measured_as"] = FROM_DEGRADED
        if self.labels is None or classes is None:
            return found
        shares = np.bincount(self.labels, minlength=len(classes)) / len(self.labels)
        asked = {name: float(s) for name, s in zip(classes, shares, strict=True) if s > 0}
        return {"measured_as": OF_CLASSES, "reference_classes": asked} | found


def _answers(description: Mapping[str, Any], folder: Path) -> np.ndarray | None:
    """Several samples for each example, where there are two or more."""
    if ANSWERS not in description["digests"]:
        return None
    found = read_arrays(folder / ANSWERS)["answers"]
    return found if found.ndim > 2 and found.shape[1] > 1 else None
