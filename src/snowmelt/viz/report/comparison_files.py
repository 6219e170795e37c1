"""Writing a comparison: text, CSV, JSON and one picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from snowmelt.common.files import new_file, write_json
from snowmelt.evaluation.comparison.compared_jobs import Group
from snowmelt.evaluation.comparison.comparison_table import (
    comparison_csv,
    comparison_dict,
    comparison_table,
)
from snowmelt.evaluation.comparison.ranking import Comparison
from snowmelt.viz.plots.comparison_plot import comparison_picture
from snowmelt.viz.style import save_png


def write(
    comparison: Comparison, folder: Path, value_range: Sequence[int] | None = None
) -> list[Path]:
    """Write `comparison.{txt,csv,json,png}` into `folder`; return the files.

    The `value_range` is that of stored images, as in the manifest; None for points.
    """
    endings = ("txt", "csv", "json", "png") if comparison.groups else ("txt", "csv", "json")
    files = [folder / f"comparison.{ending}" for ending in endings]
    texts = comparison_table(comparison) + "\n", comparison_csv(comparison)
    for target, text in zip(files[:2], texts, strict=True):
        with new_file(target) as file:
            file.write_text(text, encoding="utf-8")
    write_json(files[2], comparison_dict(comparison))
    if comparison.groups:
        save_png(comparison_overview(comparison, value_range), files[3])
    return files


def comparison_overview(
    comparison: Comparison, value_range: Sequence[int] | None
) -> Image.Image:
    """Dots with intervals and the floor, above the samples of each setting."""
    samples = [_samples(group) for group in comparison.groups]
    return comparison_picture(comparison, samples, value_range)


def _samples(group: Group) -> NDArray[np.generic] | None:
    """The samples of the first job that has them."""
    for job in group.jobs:
        if not job.has_failed and job.samples is not None and job.samples.is_file():
            found: NDArray[np.generic] = np.load(
                job.samples, mmap_mode="r", allow_pickle=False
            )
            return found
    return None
