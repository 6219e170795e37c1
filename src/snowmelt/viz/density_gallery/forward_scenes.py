"""Scenes of the forward process: points, their density, and single paths."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from snowmelt.diffusion.processes import Process
from snowmelt.evaluation.plane.raster import raster
from snowmelt.sampling.trajectories import forward
from snowmelt.viz.animation.cloud_animation import cloud_animation, cloud_strip
from snowmelt.viz.animation.density_animation import density_animation
from snowmelt.viz.density_gallery.gallery_material import Material, evenly, paced
from snowmelt.viz.density_gallery.scene import Chapter, Scene
from snowmelt.viz.plots.density_plot import density_panels
from snowmelt.viz.plots.sample_paths import paths_in_plane
from snowmelt.viz.style import save_png

PANELS = 6
_ROOM, _FINER = 1.06, 4  # around the paths; steps for one of a sampler


def draw_forward(material: Material, folder: Path) -> None:
    """Draw points over the density at each time."""
    size, process = material.size, material.preserving
    path = forward(process, material.points, paced(size.frames), seed=material.seed)
    times, states = path.times.numpy(), path.states.numpy()
    densities = material.noisy_densities(process, path.times)
    cloud_animation(
        folder / "forward.gif",
        [states],
        ["forward process"],
        times,
        background=densities,
        seconds=size.seconds,
    )
    strip = cloud_strip(states, times, background=densities, columns=PANELS)
    save_png(strip, folder / "forward.png")


def draw_density(material: Material, folder: Path) -> None:
    """Draw the density under a variance-exploding process."""
    _draw_noisy_densities(material, folder, "density", material.walk, material.walk_reach)


def draw_density_preserving(material: Material, folder: Path) -> None:
    """Draw the density under a variance-preserving process."""
    _draw_noisy_densities(
        material, folder, "density_preserving", material.preserving, material.reach
    )


def _draw_noisy_densities(
    material: Material, folder: Path, name: str, process: Process, reach: float
) -> None:
    times = paced(material.size.frames)
    frames = material.noisy_densities(process, times, reach)
    density_animation(folder / f"{name}.gif", frames, times.numpy(), material.size.seconds)
    few = paced(PANELS)
    titles = [f"t = {float(t):.2f}" for t in few]
    panels = density_panels(material.noisy_densities(process, few, reach), titles)
    save_png(panels, folder / f"{name}.png")


def draw_random_walk(material: Material, folder: Path) -> None:
    """Draw paths of Brownian motion."""
    _save_paths(material, material.walk, folder / "random_walk.png")


def draw_ornstein_uhlenbeck(material: Material, folder: Path) -> None:
    """Draw paths of the Ornstein-Uhlenbeck process."""
    process = material.ornstein_uhlenbeck
    _save_paths(material, process, folder / "ornstein_uhlenbeck.png")


def _save_paths(material: Material, process: Process, file: Path) -> None:
    """Over the data, in the frame of the walk, which is the larger."""
    paths = {each: _paths(material, each) for each in (material.walk, process)}
    reach = _ROOM * float(paths[material.walk].abs().max())
    data = raster([material.density], (-reach, reach, -reach, reach), material.size.cells)
    save_png(paths_in_plane(paths[process].numpy(), raster=data), file)


def _paths(material: Material, process: Process) -> Tensor:
    """A few paths, of many steps. Shapes: -> (K, N, 2)"""
    starts = material.points[: material.size.paths]
    times = evenly(_FINER * material.size.steps + 1)
    return forward(process, starts, times, seed=material.seed).states


CHAPTER = Chapter(
    "From data to noise",
    (
        Scene(
            "forward",
            "The forward process",
            "What does it mean to corrupt data until it is noise?",
            "At each step every point is scaled down a little and gets a little noise,"
            " independently of all others. Fine structure is lost first and coarse"
            " structure last; at the end nothing shows where a point came from, and the"
            " points have a standard normal distribution.",
            "points over their density at six times, from the data to a round normal cloud",
            draw_forward,
            has_animation=True,
        ),
        Scene(
            "density",
            "The density under pure noise",
            "How does the distribution of points change when noise is added?",
            "Single paths are random, but their density follows a deterministic equation:"
            " pure noise, dx = dW, blurs it more and more, and its variance grows. Since"
            " there is no drift, the frame has to be larger than the data.",
            "the density of the data, blurred step by step into one wide hill",
            draw_density,
            has_animation=True,
        ),
        Scene(
            "density_preserving",
            "The density when the signal shrinks as well",
            "Why do most models shrink the signal while they add noise?",
            "Here noise replaces the signal instead of being added on top of it. The"
            " variance stays the same, and the end is the standard normal distribution for"
            " any data, so that sampling can start from it without knowing the data.",
            "the density of the data turning into a standard normal distribution",
            draw_density_preserving,
            has_animation=True,
        ),
        Scene(
            "random_walk",
            "A random walk",
            "What do solutions of a stochastic differential equation look like?",
            "Paths of a few points under pure noise, f = 0 and constant g: at each step a"
            " normal number is added. The marked dots are the starts. The expected position"
            " stays at the start, and the variance grows without bound.",
            "random paths in the plane that wander away from their marked starts",
            draw_random_walk,
        ),
        Scene(
            "ornstein_uhlenbeck",
            "The Ornstein-Uhlenbeck process",
            "What does the drift f change?",
            "The starts and the random numbers are the same, but a drift towards the mean"
            " grows with the distance from it. The paths of this process forget where they"
            " started and stay near the mean.",
            "random paths that are held near the middle",
            draw_ornstein_uhlenbeck,
        ),
    ),
)
