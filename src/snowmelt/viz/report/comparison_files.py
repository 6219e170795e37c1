"""Writing a comparison: text, CSV, JSON and one picture; of samplers, the same again."""

from __future__ import annotations

import os
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
    failures,
)
from snowmelt.evaluation.comparison.ranking import Comparison
from snowmelt.evaluation.comparison.sampling_cost import SamplingCost
from snowmelt.evaluation.comparison.sampling_cost_table import (
    cost_csv,
    cost_dict,
    cost_table,
)
from snowmelt.viz.plots.comparison_plot import comparison_picture
from snowmelt.viz.plots.sampling_cost_plot import sampling_cost_figure
from snowmelt.viz.style import rgb, save_png, stacked


def write(
    comparison: Comparison,
    folder: Path,
    value_range: Sequence[int] | None = None,
    jobs: Sequence[Path] = (),
) -> list[Path]:
    """Write `comparison.{txt,csv,json,png}` into `folder`; return the files.

    Args:
        value_range: of stored images, as in the manifest; None for points.
        jobs: their folders, in the order of the sweep.
    """
    endings = ("txt", "csv", "json", "png") if comparison.groups else ("txt", "csv", "json")
    files = [folder / f"comparison.{ending}" for ending in endings]
    texts = comparison_table(comparison) + "\n", comparison_csv(comparison)
    for target, text in zip(files[:2], texts, strict=True):
        with new_file(target) as file:
            file.write_text(text, encoding="utf-8")
    places = {"jobs": [os.path.relpath(job, folder) for job in jobs]} if jobs else {}
    write_json(files[2], comparison_dict(comparison) | places)
    if comparison.groups:
        save_png(comparison_overview(comparison, value_range), files[3])
    return files


def write_costs(costs: Sequence[SamplingCost], folder: Path) -> list[Path]:
    """Write `samplers.{txt,csv,json,png}` into `folder`, as far as it is about samplers.

    Those of an earlier sweep are removed.

    Args:
        costs: one for each model.

    Returns:
        The files.
    """
    files = [folder / f"samplers.{ending}" for ending in ("txt", "csv", "json", "png")]
    if not costs:
        for file in files:
            file.unlink(missing_ok=True)
        return []
    texts = "\n\n".join(map(cost_table, costs)) + "\n", cost_csv(costs)
    for target, text in zip(files[:2], texts, strict=True):
        with new_file(target) as draft:
            draft.write_text(text, encoding="utf-8")
    write_json(files[2], {"models": [cost_dict(cost) for cost in costs]})
    save_png(stacked([rgb(sampling_cost_figure(cost)) for cost in costs]), files[3])
    return files


def told(comparison: Comparison, costs: Sequence[SamplingCost]) -> str:
    """The outcome as text: of samplers their tables, else that of the settings."""
    if not costs:
        return comparison_table(comparison)
    return "\n\n".join([*map(cost_table, costs), *failures(comparison)])


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
