"""Every picture of a run, out of the arrays that the stages before the report wrote."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snowmelt.common.errors import left_out_if_it_fails
from snowmelt.viz.plots.completion import save_completion
from snowmelt.viz.plots.example_grid import save_examples
from snowmelt.viz.plots.image_grid import denoising_strip
from snowmelt.viz.run_figures.density_figure import density_figure
from snowmelt.viz.run_figures.path_figure import path_figure
from snowmelt.viz.run_figures.score_field_figure import score_field_figure
from snowmelt.viz.run_figures.trajectory_animation import save_way
from snowmelt.viz.style import save_png

PREVIEWED, PREVIEWED_POINTS = 64, 2000
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
        folder: where the files go.
        real, generated: examples as they are stored.
        value_range: of images; None for points.
        ways: the arrays of the stage sample by the names of their files.
        truth: those of the stage evaluate.
    """
    is_image = value_range is not None
    previewed = PREVIEWED if is_image else PREVIEWED_POINTS
    pictures: dict[str, Callable[[], None]] = {
        "preview": lambda: save_examples(
            folder / "preview.png", np.array(real[:previewed]), value_range
        )
    }
    if "completion" in ways:
        pictures["completion"] = lambda: save_completion(
            folder / "completion.png",
            truth=ways["completion"]["real"],
            seen=ways["completion"].get("seen"),
            completed=np.array(generated[: len(ways["completion"]["real"])]),
            value_range=value_range,
        )
    if value_range is not None:
        if "trajectory" in ways:
            pictures["trajectory"] = lambda: save_png(
                denoising_strip(**ways["trajectory"], value_range=value_range),
                folder / "trajectory.png",
            )
    else:
        pictures |= _of_points(folder, real, ways, truth)
    for name, draw in pictures.items():
        with left_out_if_it_fails(name):
            draw()


def _of_points(
    folder: Path, real: NDArray, ways: Files, truth: Files
) -> dict[str, Callable[[], None]]:
    pictures: dict[str, Callable[[], None]] = {}

    def film(name: str) -> Callable[[], None]:
        return lambda: save_way(folder / name, ways[name], truth.get(name, {}), real)

    pictures |= {name: film(name) for name in ("trajectory", "forward") if name in ways}
    if "paths" in ways:
        pictures["paths"] = lambda: save_png(
            path_figure(ways["paths"], truth.get("paths", {})), folder / "paths.png"
        )
    if "fields" in truth:
        pictures["fields"] = lambda: save_png(
            score_field_figure(truth["fields"]), folder / "fields.png"
        )
    if "densities" in truth:
        pictures["densities"] = lambda: save_png(
            density_figure(truth["densities"]), folder / "densities.png"
        )
    return pictures
