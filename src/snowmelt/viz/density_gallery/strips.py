"""Stacked strips of the frames of several animations, as one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from numpy.typing import ArrayLike
from PIL import Image
from torch import Tensor

from snowmelt.evaluation.plane.plane_arrays import Raster
from snowmelt.viz.animation.cloud_animation import cloud_animation, cloud_strip
from snowmelt.viz.plots.point_scatter import Points
from snowmelt.viz.style import rgb, save_png, stacked

_TITLE_INCHES = 0.3


def save_clouds(
    file: Path,
    clouds: Mapping[str, Points],
    times: Tensor,
    densities: Raster,
    seconds: float,
) -> None:
    """Write an animation of clouds under their titles, and strips of it for print."""
    frames, titles, clock = list(clouds.values()), list(clouds), times.numpy()
    animation = file.with_suffix(".gif")
    cloud_animation(animation, frames, titles, clock, background=densities, seconds=seconds)
    strips = stacked_strips(frames, titles, clock, background=densities)
    save_png(strips, file.with_suffix(".png"))


def stacked_strips(
    clouds: Sequence[Points],
    titles: Sequence[str],
    times: ArrayLike,
    *,
    background: Raster | None = None,
    columns: int = 6,
) -> Image.Image:
    """A strip for each cloud (K, N, 2), all by one clock, its title above it."""
    strips = []
    for cloud, title in zip(clouds, titles, strict=True):
        figure = cloud_strip(cloud, times, background=background, columns=columns)
        width, height = figure.get_size_inches()
        figure.set_size_inches(width, height + _TITLE_INCHES)
        figure.suptitle(title, x=0.006, ha="left", fontsize=11, fontweight="bold")
        strips.append(rgb(figure))
    return stacked(strips)
