"""Every picture of a run, out of the arrays that the stages before the report wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.viz.plots.answers import answers_below
from snowmelt.viz.plots.completion import save_completion
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.plots.image_grid import PAGE_PIXELS, columns_within, denoising_strip
from snowmelt.viz.plots.nearest_pairs import nearest_pairs
from snowmelt.viz.run_figures.density_figure import density_figure
from snowmelt.viz.run_figures.flow_figures import plane_path_figure, step_figure
from snowmelt.viz.run_figures.path_figure import path_figure
from snowmelt.viz.run_figures.score_field_figure import score_field_figure
from snowmelt.viz.run_figures.trajectory_animation import save_way
from snowmelt.viz.style import save_png

PREVIEWED_ROWS, PREVIEWED_POINTS = 3, 2000
Arrays = Mapping[str, NDArray]
Files = Mapping[str, Arrays]


def save_pictures(
    folder: Path,
    real: NDArray,
    generated: NDArray,
    value_range: Sequence[int] | None,
    ways: Files,
    truth: Files,
) -> None:
    """Draw what there are arrays for, each in a file of its own.

    A picture that fails takes neither the others nor the page with it.

    Args:
        real, generated: examples as they are stored.
        value_range: of images; None for points.
        ways: the arrays of the stage sample by the names of their files.
        truth: those of the stage evaluate.
    """
    with left_out_if_it_fails("preview"):
        _save_preview(folder / "preview.png", real, value_range)
    if "completion" in ways:
        with left_out_if_it_fails("completion"):
            arrays = ways["completion"]
            save_completion(
                folder / "completion.png",
                truth=arrays["real"],
                seen=arrays.get("seen"),
                completed=np.array(generated[: len(arrays["real"])]),
                value_range=value_range,
            )
    if value_range is not None and "answers" in ways:
        with left_out_if_it_fails("answers"):
            arrays = ways["answers"]
            parts = arrays["given"], arrays["answers"], arrays.get("real")
            save_png(answers_below(*parts, value_range), folder / "answers.png")
    if value_range is not None and "nearest" in truth:
        with left_out_if_it_fails("nearest"):
            save_png(nearest_pairs(truth["nearest"], value_range), folder / "nearest.png")
    if value_range is None:
        _save_pictures_of_points(folder, real, ways, truth)
    elif "trajectory" in ways:
        with left_out_if_it_fails("trajectory"):
            strip = denoising_strip(**ways["trajectory"], value_range=value_range)
            save_png(strip, folder / "trajectory.png")


def _save_preview(path: Path, real: NDArray, value_range: Sequence[int] | None) -> None:
    """Some points, or a few rows of images that are as wide as the page."""
    if value_range is None:
        save_examples(path, np.array(real[:PREVIEWED_POINTS]), None)
        return
    columns = columns_within(PAGE_PIXELS, real)
    shown = np.array(real[: columns * PREVIEWED_ROWS])
    save_examples(path, shown, value_range, columns=columns)


def _save_pictures_of_points(
    folder: Path, real: NDArray, ways: Files, truth: Files
) -> None:
    for name in ("trajectory", "forward"):
        if name in ways:
            with left_out_if_it_fails(name):
                save_way(folder / name, ways[name], truth.get(name, {}), real)
    for name, draw in figures_of_points(real, ways, truth).items():
        with left_out_if_it_fails(name):
            save_png(draw(), folder / f"{name}.png")


def figures_of_points(
    real: NDArray, ways: Files, truth: Files
) -> dict[str, Callable[[], Figure]]:
    """What draws each plot of points that there are arrays for, by its name."""
    found: dict[str, Callable[[], Figure]] = {}
    if "steps" in ways:
        found["flow_steps"] = partial(step_figure, ways["steps"])
        if "trajectory" in ways and real.shape[1] == 2:
            found["plane_paths"] = partial(plane_path_figure, ways["trajectory"], real)
    if "paths" in ways:
        found["paths"] = partial(path_figure, ways["paths"], truth.get("paths", {}))
    for name, draw in (("fields", score_field_figure), ("densities", density_figure)):
        if name in truth:
            found[name] = partial(draw, truth[name])
    return found
