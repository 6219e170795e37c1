"""What metrics that are means are means of: one value for each sample or held-out example.

by_example.npz holds them by the keys of metrics.json, float32 (N,). Two models that were
measured on the same held-out examples, or whose samples start from the same noise, can then
be compared example by example.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from snowmelt.common.array_files import read_arrays, write_arrays
from snowmelt.evaluation.metrics.class_recognition import CONFIDENT
from snowmelt.evaluation.metrics.memorisation import is_copy
from snowmelt.evaluation.metrics.sample_metrics import Context

FILE = "by_example.npz"
Values = Mapping[str, np.ndarray]


def of_samples(context: Context) -> dict[str, np.ndarray]:
    """The values of each sample; none of completions, of which several may be of one."""
    if context.drawn.is_completed:
        return {}
    found = {}
    samples = context.generated
    if samples.probabilities is not None:
        found["confident_share"] = samples.probabilities.max(axis=1) > CONFIDENT
    if context.drawn.labels is not None and samples.named_classes is not None:
        found["class_agreement"] = samples.named_classes == context.drawn.labels
    if context.neighbourhood.has_pixels:
        found["copied_share"] = is_copy(context.neighbourhood.pixels.samples)
    return found


def save(folder: Path, values: Values) -> None:
    """Write them, if there are any."""
    if values:
        kept = {key: np.asarray(array, np.float32) for key, array in values.items()}
        write_arrays(folder / FILE, kept)


def read(folder: Path) -> dict[str, np.ndarray]:
    """What was saved in a folder; nothing where there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    return {key: np.asarray(a, np.float64) for key, a in read_arrays(folder / FILE).items()}
