"""Scenes of one cloud becoming another: crooked, straight and wandering ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from snowmelt.densities.mixture import GaussianMixture
from snowmelt.evaluation.metrics.wasserstein import sliced_wasserstein_2
from snowmelt.evaluation.plane.plane_arrays import Extent, Raster
from snowmelt.evaluation.plane.raster import extent_of
from snowmelt.evaluation.plane.two_densities import two_densities
from snowmelt.viz.density_gallery.bridge_material import (
    carried_in_steps,
    clouds_of,
    ways,
)
from snowmelt.viz.density_gallery.gallery_material import Material
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.density_gallery.strips import save_clouds
from snowmelt.viz.plots.flow_steps import StepCurve, flow_steps_figure
from snowmelt.viz.plots.sample_paths import paths_in_plane_beside
from snowmelt.viz.style import save_png

COUNTS = (1, 2, 4, 8, 16, 32, 64)
_DIRECTIONS = 60
_SIDE = 2.7  # inches of a panel of paths
_FILMED = 500  # points of each panel: those of a bridge jump about, which costs bytes


def draw_bridges(material: Material, folder: Path) -> None:
    """One cloud becoming another in every way, side by side."""
    size = material.size
    moved = ways(clouds_of(material), size.frames)
    clouds = {name: way.states[:, :_FILMED].numpy() for name, way in moved.items()}
    times = next(iter(moved.values())).times
    save_clouds(folder / "bridges", clouds, times, both_ends(material), size.seconds)


def draw_bridge_paths(material: Material, folder: Path) -> None:
    """A few paths of every kind, over where they begin and where they end."""
    moved = ways(clouds_of(material), material.size.frames, with_pairs=True)
    few = {name: way.states[:, : 2 * material.size.paths] for name, way in moved.items()}
    panels = {name: states.numpy() for name, states in few.items()}
    figure = paths_in_plane_beside(panels, raster=both_ends(material), side=_SIDE)
    save_png(figure, folder / "bridge_paths.png")


def draw_bridge_steps(material: Material, folder: Path) -> None:
    """The distance of the ends from true points for each number of steps."""
    clouds = clouds_of(material)
    truth = material.density.sample(clouds.count, seed=material.seed + 2).double()

    def distance(points: torch.Tensor) -> float:
        one, two = (np.asarray(part, dtype=np.float64) for part in (points, truth))
        return sliced_wasserstein_2(one, two, directions=_DIRECTIONS, seed=0)

    curves = [
        StepCurve(name, COUNTS, [distance(points) for points in ends])
        for name, ends in carried_in_steps(clouds, COUNTS).items()
    ]
    figure = flow_steps_figure(
        curves,
        y="sliced Wasserstein distance from true points",
        floor=distance(clouds.ends),
        floor_name="two clouds of true points",
    )
    save_png(figure, folder / "bridge_steps.png")


def both_ends(material: Material) -> Raster:
    """Where the paths begin and where they end, in one frame."""
    one, two = material.start_density, material.density
    return two_densities(one, two, frame(material), material.size.cells)


def frame(material: Material) -> Extent:
    """Around both densities."""
    return extent_of(material.start_density, material.density)


def needs_known_flow(material: Material) -> str | None:
    """Why the flow of independent pairs is not known, if it is not."""
    if material.start is None or isinstance(material.density, GaussianMixture):
        return None
    return (
        "from another start than normal noise the flow is known to mixtures of normal"
        " distributions only"
    )


CHAPTER = Chapter(
    "From any cloud to any other",
    (
        Scene(
            "bridges",
            "One cloud becomes another",
            "Which point of the first cloud should become which of the second?",
            "The same starts in every panel; what differs is who is paired with whom. With"
            " independent pairs the velocity at a place is the mean over all pairs that"
            " pass there, so the points first run to the middle and turn late. The optimal"
            " plan gives each start the end that is best for all, and each goes straight"
            " to it."
            " A bridge is the most likely way of a cloud that is shaken on its way: the"
            " larger the entropy, the more it wanders and the less its end says about its"
            " start.",
            "one cloud becoming another by independent pairs, by optimal pairs and along"
            " bridges, at six times",
            draw_bridges,
            has_animation=True,
            missing=needs_known_flow,
        ),
        Scene(
            "bridge_paths",
            "Crooked, straight and wandering paths",
            "Why are some paths crooked, and some not?",
            "Lines between independent pairs cross everywhere. A flow has one velocity at"
            " each place, so its paths cannot cross: they bend. Lines of the optimal plan"
            " do not cross, and the flow can follow them as they are. Both densities lie"
            " behind, each by its own peak.",
            "paths of the same starts: lines of independent pairs, the crooked flow that"
            " they make, optimal pairs and two bridges",
            draw_bridge_paths,
            missing=needs_known_flow,
        ),
        Scene(
            "bridge_steps",
            "How many steps each needs",
            "What is a straight path good for?",
            "Euler's rule walks along the velocity at the beginning of each step. Where"
            " paths are crooked it needs many steps to end where it should; along a"
            " straight line one step is as good as a hundred. The bridges are stepped with"
            " their noise. Below the dotted line nothing can be seen: that far apart are"
            " two clouds of true points of this size.",
            "the distance from true points against the number of steps, for crooked and"
            " straight paths and for bridges",
            draw_bridge_steps,
            missing=needs_known_flow,
        ),
    ),
)
